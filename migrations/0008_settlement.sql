CREATE TABLE "recon"."settlement_attempts" (
	"account_id" integer NOT NULL,
	"attempt_id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "recon"."settlement_attempts_attempt_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"card_batch_id" bigint NOT NULL,
	"terminal_id" bigint NOT NULL,
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
	CONSTRAINT "settlement_attempts_account_id_attempt_id_pk" PRIMARY KEY("account_id","attempt_id")
);
--> statement-breakpoint
CREATE TABLE "recon"."settlement_decisions" (
	"account_id" integer NOT NULL,
	"decision_id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "recon"."settlement_decisions_decision_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"card_batch_id" bigint NOT NULL,
	"terminal_id" bigint NOT NULL,
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
	CONSTRAINT "settlement_decisions_account_id_decision_id_pk" PRIMARY KEY("account_id","decision_id")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "settlement_attempts_unfinished" ON "recon"."settlement_attempts" USING btree ("account_id","card_batch_id") WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX "settlement_attempts_of_batch" ON "recon"."settlement_attempts" USING btree ("account_id","card_batch_id","attempt_id");--> statement-breakpoint
CREATE INDEX "settlement_decisions_of_batch" ON "recon"."settlement_decisions" USING btree ("account_id","card_batch_id","decision_id");