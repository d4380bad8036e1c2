ALTER TABLE "recon"."pull_pages" ADD COLUMN "min_id" bigint;--> statement-breakpoint
ALTER TABLE "recon"."pull_pages" ADD COLUMN "max_id" bigint;--> statement-breakpoint
CREATE INDEX "card_transactions_unnamed" ON "helcim"."card_transactions" USING btree ("account_id","card_number_masked","currency","created_at") WHERE invoice_number is null and type in ('capture', 'refund', 'reverse') and outcome = 'approved'
        and vanished_at is null;--> statement-breakpoint
CREATE INDEX "pulls_largest_page" ON "recon"."pulls" USING btree ("account_id","resource","largest_page");