CREATE TABLE "recon"."due_checks" (
	"account_id" integer NOT NULL,
	"subject_kind" text NOT NULL,
	"subject_id" text NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	CONSTRAINT "due_checks_account_id_subject_kind_subject_id_pk" PRIMARY KEY("account_id","subject_kind","subject_id")
);
--> statement-breakpoint
ALTER TABLE "recon"."runs" ADD COLUMN "evidence" json;--> statement-breakpoint
CREATE INDEX "due_checks_due" ON "recon"."due_checks" USING btree ("account_id","subject_kind","due_at");--> statement-breakpoint
CREATE INDEX "card_transactions_sales" ON "helcim"."card_transactions" USING btree ("account_id","card_number_masked","currency","amount_minor","created_at","transaction_id") WHERE type in ('purchase', 'capture') and outcome = 'approved' and vanished_at is null;--> statement-breakpoint
CREATE INDEX "card_transactions_others" ON "helcim"."card_transactions" USING btree ("account_id","card_number_masked","currency","type") WHERE type in ('refund', 'reverse', 'preauth') and outcome = 'approved';