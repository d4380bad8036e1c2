ALTER TABLE "recon"."batch_checks" ADD COLUMN "moved_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "recon"."marks" ADD COLUMN "moved_at" timestamp with time zone;