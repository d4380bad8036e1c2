ALTER TABLE "recon"."pull_pages" ADD COLUMN "min_id" bigint;--> statement-breakpoint
ALTER TABLE "recon"."pull_pages" ADD COLUMN "max_id" bigint;--> statement-breakpoint
CREATE INDEX "pulls_largest_page" ON "recon"."pulls" USING btree ("account_id","resource","largest_page");