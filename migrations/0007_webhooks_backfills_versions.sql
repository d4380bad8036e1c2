CREATE TABLE "recon"."backfills" (
	"account_id" integer NOT NULL,
	"backfill_id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "recon"."backfills_backfill_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"resource" text NOT NULL,
	"from_date" date NOT NULL,
	"to_date" date NOT NULL,
	"is_again" boolean NOT NULL,
	"asked_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone,
	CONSTRAINT "backfills_account_id_backfill_id_pk" PRIMARY KEY("account_id","backfill_id")
);
--> statement-breakpoint
CREATE TABLE "recon"."batch_check_versions" (
	"account_id" integer NOT NULL,
	"card_batch_id" bigint NOT NULL,
	"until" timestamp with time zone NOT NULL,
	"state" text NOT NULL,
	CONSTRAINT "batch_check_versions_account_id_card_batch_id_until_pk" PRIMARY KEY("account_id","card_batch_id","until")
);
--> statement-breakpoint
CREATE TABLE "recon"."mismatch_versions" (
	"account_id" integer NOT NULL,
	"mismatch_id" uuid NOT NULL,
	"until" timestamp with time zone NOT NULL,
	"former" json NOT NULL,
	CONSTRAINT "mismatch_versions_account_id_mismatch_id_until_pk" PRIMARY KEY("account_id","mismatch_id","until")
);
--> statement-breakpoint
CREATE TABLE "recon"."webhooks" (
	"account_id" integer NOT NULL,
	"webhook_id" text NOT NULL,
	"sent_at" timestamp with time zone NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"kind" text NOT NULL,
	"transaction_id" bigint,
	"outcome" text NOT NULL,
	CONSTRAINT "webhooks_account_id_webhook_id_pk" PRIMARY KEY("account_id","webhook_id")
);
--> statement-breakpoint
ALTER TABLE "helcim"."record_versions" ADD COLUMN "typed" json;--> statement-breakpoint
ALTER TABLE "recon"."accounts" ADD COLUMN "versions_since" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "recon"."runs" ADD COLUMN "seen" uuid[];--> statement-breakpoint
CREATE UNIQUE INDEX "backfills_unfinished" ON "recon"."backfills" USING btree ("account_id","resource","from_date","to_date","is_again") WHERE finished_at is null;--> statement-breakpoint
CREATE INDEX "webhooks_asked" ON "recon"."webhooks" USING btree ("account_id","received_at") WHERE outcome = 'asked';--> statement-breakpoint
CREATE INDEX "pulls_cause" ON "recon"."pulls" USING btree ("account_id","cause");