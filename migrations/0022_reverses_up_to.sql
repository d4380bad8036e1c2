ALTER TABLE "recon"."batch_check_versions" ADD COLUMN "reverses_up_to" bigint;--> statement-breakpoint
ALTER TABLE "recon"."batch_checks" ADD COLUMN "reverses_up_to" bigint;