CREATE TABLE "recon"."match_versions" (
	"account_id" integer NOT NULL,
	"via" text NOT NULL,
	"transaction_id" bigint NOT NULL,
	"until" timestamp with time zone NOT NULL,
	"matched_at" timestamp with time zone NOT NULL,
	"subscription_id" bigint NOT NULL,
	"payment_number" integer NOT NULL,
	"rule" text NOT NULL,
	CONSTRAINT "match_versions_account_id_via_transaction_id_until_pk" PRIMARY KEY("account_id","via","transaction_id","until")
);
--> statement-breakpoint
ALTER TABLE "recon"."accounts" ADD COLUMN "match_versions_since" timestamp with time zone DEFAULT now() NOT NULL;