ALTER TABLE "recon"."settlement_attempts" ALTER COLUMN "card_batch_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "recon"."settlement_attempts" ALTER COLUMN "terminal_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "recon"."settlement_decisions" ALTER COLUMN "card_batch_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "recon"."settlement_decisions" ALTER COLUMN "terminal_id" DROP NOT NULL;--> statement-breakpoint
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