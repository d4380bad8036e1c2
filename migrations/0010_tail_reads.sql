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
ALTER TABLE "recon"."batch_checks" ADD COLUMN "tail_read_from" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "recon"."batch_checks" ADD COLUMN "complete_up_to" bigint;--> statement-breakpoint
ALTER TABLE "recon"."pulls" ADD COLUMN "first_page" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "recon"."pulls" ADD COLUMN "above_id" bigint;