CREATE TABLE "recon"."matches" (
	"account_id" integer NOT NULL,
	"via" text NOT NULL,
	"transaction_id" bigint NOT NULL,
	"customer_code" text NOT NULL,
	"subscription_id" bigint NOT NULL,
	"payment_number" integer NOT NULL,
	"rule" text NOT NULL,
	"window_from" timestamp with time zone NOT NULL,
	"window_until" timestamp with time zone NOT NULL,
	"confidence" text NOT NULL,
	"is_interchangeable" boolean NOT NULL,
	"amount_minor" bigint NOT NULL,
	"currency" text NOT NULL,
	"matched_at" timestamp with time zone NOT NULL,
	CONSTRAINT "matches_account_id_via_transaction_id_pk" PRIMARY KEY("account_id","via","transaction_id")
);
--> statement-breakpoint
CREATE TABLE "recon"."recurring_checks" (
	"account_id" integer NOT NULL,
	"customer_code" text NOT NULL,
	"due_at" timestamp with time zone,
	CONSTRAINT "recurring_checks_account_id_customer_code_pk" PRIMARY KEY("account_id","customer_code")
);
--> statement-breakpoint
ALTER TABLE "recon"."runs" ADD COLUMN "recurring" json;--> statement-breakpoint
CREATE INDEX "matches_customer" ON "recon"."matches" USING btree ("account_id","customer_code");--> statement-breakpoint
CREATE INDEX "matches_payment" ON "recon"."matches" USING btree ("account_id","subscription_id","payment_number");--> statement-breakpoint
CREATE INDEX "recurring_checks_due" ON "recon"."recurring_checks" USING btree ("account_id","due_at") WHERE due_at is not null;--> statement-breakpoint
CREATE INDEX "ach_transactions_order" ON "helcim"."ach_transactions" USING btree ("account_id","order_id");--> statement-breakpoint
CREATE INDEX "invoices_customer" ON "helcim"."invoices" USING btree ("account_id","customer_id");--> statement-breakpoint
CREATE INDEX "card_transactions_customer" ON "helcim"."card_transactions" USING btree ("account_id","customer_code","created_at") WHERE type = 'purchase';--> statement-breakpoint
-- By hand: what is mirrored already is judged by the next run.
INSERT INTO "recon"."marks" ("account_id", "subject_kind", "subject_id")
SELECT DISTINCT "account_id", 'customer', "customer_code" FROM "helcim"."subscriptions" ON CONFLICT DO NOTHING;
