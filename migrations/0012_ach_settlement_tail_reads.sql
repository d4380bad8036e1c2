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
ALTER TABLE "recon"."settlement_attempts" ALTER COLUMN "card_batch_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "recon"."settlement_attempts" ALTER COLUMN "terminal_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "recon"."settlement_decisions" ALTER COLUMN "card_batch_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "recon"."settlement_decisions" ALTER COLUMN "terminal_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "recon"."batch_checks" ADD COLUMN "tail_read_from" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "recon"."batch_checks" ADD COLUMN "complete_up_to" bigint;--> statement-breakpoint
ALTER TABLE "recon"."pulls" ADD COLUMN "first_page" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "recon"."pulls" ADD COLUMN "above_id" bigint;--> statement-breakpoint
ALTER TABLE "recon"."settlement_attempts" ADD COLUMN "ach_batch_id" bigint;--> statement-breakpoint
ALTER TABLE "recon"."settlement_attempts" ADD COLUMN "idempotency_key" text;--> statement-breakpoint
ALTER TABLE "recon"."settlement_decisions" ADD COLUMN "ach_batch_id" bigint;--> statement-breakpoint
CREATE UNIQUE INDEX "settlement_attempts_unfinished_ach" ON "recon"."settlement_attempts" USING btree ("account_id","ach_batch_id") WHERE finished_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "settlement_attempts_key" ON "recon"."settlement_attempts" USING btree ("account_id","idempotency_key");--> statement-breakpoint
CREATE INDEX "settlement_attempts_of_ach_batch" ON "recon"."settlement_attempts" USING btree ("account_id","ach_batch_id","attempt_id");--> statement-breakpoint
CREATE INDEX "settlement_decisions_of_ach_batch" ON "recon"."settlement_decisions" USING btree ("account_id","ach_batch_id","decision_id");--> statement-breakpoint
ALTER TABLE "recon"."settlement_attempts" ADD CONSTRAINT "settlement_attempts_one_batch" CHECK (num_nonnulls(card_batch_id, ach_batch_id) = 1);--> statement-breakpoint
ALTER TABLE "recon"."settlement_attempts" ADD CONSTRAINT "settlement_attempts_key_of_ach" CHECK ((idempotency_key is null) = (ach_batch_id is null));--> statement-breakpoint
ALTER TABLE "recon"."settlement_decisions" ADD CONSTRAINT "settlement_decisions_one_batch" CHECK (num_nonnulls(card_batch_id, ach_batch_id) = 1);