CREATE TABLE "recon"."list_orders" (
	"account_id" integer NOT NULL,
	"resource" text NOT NULL,
	"window_kind" text NOT NULL,
	"list_order" text NOT NULL,
	"page_size" integer,
	"observed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "list_orders_account_id_resource_window_kind_pk" PRIMARY KEY("account_id","resource","window_kind")
);
--> statement-breakpoint
CREATE TABLE "recon"."ach_settlement_attempts" (
	"account_id" integer NOT NULL,
	"attempt_id" bigint DEFAULT nextval('recon.settlement_attempts_attempt_id_seq') NOT NULL,
	"ach_batch_id" bigint NOT NULL,
	"idempotency_key" text NOT NULL,
	"business_date" date NOT NULL,
	"planned_at" timestamp with time zone,
	"actor" text,
	"state" text DEFAULT 'intended' NOT NULL,
	"fence" integer DEFAULT 1 NOT NULL,
	"intended_at" timestamp with time zone NOT NULL,
	"called_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"call_deadline_at" timestamp with time zone,
	"quiet_at" timestamp with time zone,
	"outcome" text,
	"status" smallint,
	"words" text,
	"closed_at" timestamp with time zone,
	"closed_by" text,
	"currency" text,
	"net_minor" bigint,
	"count_total" integer,
	CONSTRAINT "ach_settlement_attempts_account_id_attempt_id_pk" PRIMARY KEY("account_id","attempt_id")
);
--> statement-breakpoint
CREATE TABLE "recon"."ach_settlement_decisions" (
	"account_id" integer NOT NULL,
	"decision_id" bigint DEFAULT nextval('recon.settlement_decisions_decision_id_seq') NOT NULL,
	"ach_batch_id" bigint NOT NULL,
	"business_date" date NOT NULL,
	"planned_at" timestamp with time zone,
	"mode" text NOT NULL,
	"verdict" text NOT NULL,
	"reasons" json NOT NULL,
	"first_at" timestamp with time zone NOT NULL,
	"last_at" timestamp with time zone NOT NULL,
	"currency" text,
	"net_minor" bigint,
	"count_total" integer,
	CONSTRAINT "ach_settlement_decisions_account_id_decision_id_pk" PRIMARY KEY("account_id","decision_id")
);
--> statement-breakpoint
ALTER TABLE "recon"."batch_checks" ADD COLUMN "tail_read_from" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "recon"."batch_checks" ADD COLUMN "complete_up_to" bigint;--> statement-breakpoint
ALTER TABLE "recon"."pulls" ADD COLUMN "first_page" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "recon"."pulls" ADD COLUMN "above_id" bigint;--> statement-breakpoint
CREATE UNIQUE INDEX "ach_settlement_attempts_unfinished" ON "recon"."ach_settlement_attempts" USING btree ("account_id","ach_batch_id") WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX "ach_settlement_attempts_of_batch" ON "recon"."ach_settlement_attempts" USING btree ("account_id","ach_batch_id","attempt_id");--> statement-breakpoint
CREATE UNIQUE INDEX "ach_settlement_attempts_key" ON "recon"."ach_settlement_attempts" USING btree ("account_id","idempotency_key");--> statement-breakpoint
CREATE INDEX "ach_settlement_decisions_of_batch" ON "recon"."ach_settlement_decisions" USING btree ("account_id","ach_batch_id","decision_id");