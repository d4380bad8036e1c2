CREATE TABLE "helcim"."ach_batches" (
	"account_id" integer NOT NULL,
	"ach_batch_id" bigint NOT NULL,
	"batch_reference" text,
	"status" text NOT NULL,
	"withdrawals_minor" bigint NOT NULL,
	"count_withdrawals" integer NOT NULL,
	"deposits_minor" bigint NOT NULL,
	"count_deposits" integer NOT NULL,
	"reversed_minor" bigint NOT NULL,
	"count_reversed" integer NOT NULL,
	"refunded_minor" bigint NOT NULL,
	"count_refunded" integer NOT NULL,
	"opened_at" timestamp with time zone,
	"opened_at_text" text NOT NULL,
	"closed_at" timestamp with time zone,
	"closed_at_text" text NOT NULL,
	"raw" json NOT NULL,
	"content_hash" uuid NOT NULL,
	"unknown_values" json,
	"observed_at" timestamp with time zone NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"vanished_at" timestamp with time zone,
	CONSTRAINT "ach_batches_account_id_ach_batch_id_pk" PRIMARY KEY("account_id","ach_batch_id")
);
--> statement-breakpoint
CREATE TABLE "helcim"."ach_transactions" (
	"account_id" integer NOT NULL,
	"ach_transaction_id" bigint NOT NULL,
	"status_auth" text NOT NULL,
	"status_clearing" text NOT NULL,
	"type" text NOT NULL,
	"amount_minor" bigint NOT NULL,
	"currency" text NOT NULL,
	"ach_batch_id" bigint,
	"batch_status" text NOT NULL,
	"order_id" bigint,
	"bank_account_id" bigint,
	"bank_last_fours" text,
	"original_transaction_id" bigint,
	"approval_code" text,
	"response_message" text,
	"is_test" boolean NOT NULL,
	"created_at" timestamp with time zone,
	"created_at_text" text NOT NULL,
	"created_on" date,
	"closed_at" timestamp with time zone,
	"closed_at_text" text NOT NULL,
	"raw" json NOT NULL,
	"content_hash" uuid NOT NULL,
	"unknown_values" json,
	"observed_at" timestamp with time zone NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"vanished_at" timestamp with time zone,
	CONSTRAINT "ach_transactions_account_id_ach_transaction_id_pk" PRIMARY KEY("account_id","ach_transaction_id")
);
--> statement-breakpoint
CREATE TABLE "helcim"."add_ons" (
	"account_id" integer NOT NULL,
	"add_on_id" bigint NOT NULL,
	"name" text,
	"description" text,
	"amount_minor" bigint NOT NULL,
	"frequency" text NOT NULL,
	"is_quantity_editable" boolean NOT NULL,
	"created_at" timestamp with time zone,
	"created_at_text" text NOT NULL,
	"updated_at" timestamp with time zone,
	"updated_at_text" text NOT NULL,
	"raw" json NOT NULL,
	"content_hash" uuid NOT NULL,
	"unknown_values" json,
	"observed_at" timestamp with time zone NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"vanished_at" timestamp with time zone,
	CONSTRAINT "add_ons_account_id_add_on_id_pk" PRIMARY KEY("account_id","add_on_id")
);
--> statement-breakpoint
CREATE TABLE "helcim"."customer_cards" (
	"account_id" integer NOT NULL,
	"customer_id" bigint NOT NULL,
	"position" integer NOT NULL,
	"card_id" bigint NOT NULL,
	"card_holder_name" text,
	"card_number_masked" text,
	"card_token" text,
	"card_expiry" text,
	"is_default" boolean NOT NULL,
	"created_at" timestamp with time zone,
	"created_at_text" text NOT NULL,
	"updated_at" timestamp with time zone,
	"updated_at_text" text NOT NULL,
	CONSTRAINT "customer_cards_account_id_customer_id_position_pk" PRIMARY KEY("account_id","customer_id","position")
);
--> statement-breakpoint
CREATE TABLE "helcim"."customers" (
	"account_id" integer NOT NULL,
	"customer_id" bigint NOT NULL,
	"customer_code" text NOT NULL,
	"business_name" text,
	"contact_name" text,
	"cellphone" text,
	"created_at" timestamp with time zone,
	"created_at_text" text NOT NULL,
	"updated_at" timestamp with time zone,
	"updated_at_text" text NOT NULL,
	"raw" json NOT NULL,
	"content_hash" uuid NOT NULL,
	"unknown_values" json,
	"observed_at" timestamp with time zone NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"vanished_at" timestamp with time zone,
	CONSTRAINT "customers_account_id_customer_id_pk" PRIMARY KEY("account_id","customer_id")
);
--> statement-breakpoint
CREATE TABLE "helcim"."invoice_lines" (
	"account_id" integer NOT NULL,
	"invoice_id" bigint NOT NULL,
	"position" integer NOT NULL,
	"description" text,
	"sku" text,
	"quantity" numeric,
	"unit_price" numeric,
	"tax_minor" bigint,
	"discount_minor" bigint,
	"currency" text NOT NULL,
	CONSTRAINT "invoice_lines_account_id_invoice_id_position_pk" PRIMARY KEY("account_id","invoice_id","position")
);
--> statement-breakpoint
CREATE TABLE "helcim"."invoices" (
	"account_id" integer NOT NULL,
	"invoice_id" bigint NOT NULL,
	"invoice_number" text NOT NULL,
	"invoice_token" text,
	"type" text NOT NULL,
	"status" text NOT NULL,
	"currency" text NOT NULL,
	"customer_id" bigint,
	"amount_minor" bigint NOT NULL,
	"paid_minor" bigint,
	"due_minor" bigint,
	"tip_minor" bigint,
	"deposit_minor" bigint,
	"tax_minor" bigint,
	"discount_minor" bigint,
	"shipping_minor" bigint,
	"convenience_fee_minor" bigint,
	"surcharging_fee_minor" bigint,
	"created_at" timestamp with time zone,
	"created_at_text" text NOT NULL,
	"created_on" date,
	"updated_at" timestamp with time zone,
	"updated_at_text" text NOT NULL,
	"paid_at" timestamp with time zone,
	"paid_at_text" text NOT NULL,
	"issued_at" timestamp with time zone,
	"issued_at_text" text NOT NULL,
	"notes" text,
	"raw" json NOT NULL,
	"content_hash" uuid NOT NULL,
	"unknown_values" json,
	"observed_at" timestamp with time zone NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"vanished_at" timestamp with time zone,
	CONSTRAINT "invoices_account_id_invoice_id_pk" PRIMARY KEY("account_id","invoice_id")
);
--> statement-breakpoint
CREATE TABLE "helcim"."payment_plans" (
	"account_id" integer NOT NULL,
	"payment_plan_id" bigint NOT NULL,
	"name" text,
	"description" text,
	"type" text NOT NULL,
	"status" text NOT NULL,
	"currency" text NOT NULL,
	"card_terminal_id" bigint,
	"setup_minor" bigint,
	"recurring_minor" bigint NOT NULL,
	"billing_period" text NOT NULL,
	"billing_period_increments" integer,
	"billing_day" text,
	"term_type" text,
	"term_length" integer,
	"free_trial_days" integer,
	"tax_type" text,
	"payment_method" text,
	"created_at" timestamp with time zone,
	"created_at_text" text NOT NULL,
	"updated_at" timestamp with time zone,
	"updated_at_text" text NOT NULL,
	"raw" json NOT NULL,
	"content_hash" uuid NOT NULL,
	"unknown_values" json,
	"observed_at" timestamp with time zone NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"vanished_at" timestamp with time zone,
	CONSTRAINT "payment_plans_account_id_payment_plan_id_pk" PRIMARY KEY("account_id","payment_plan_id")
);
--> statement-breakpoint
CREATE TABLE "helcim"."subscription_add_ons" (
	"account_id" integer NOT NULL,
	"subscription_id" bigint NOT NULL,
	"position" integer NOT NULL,
	"add_on_id" bigint NOT NULL,
	"name" text,
	"description" text,
	"amount_minor" bigint NOT NULL,
	"frequency" text,
	"quantity" numeric,
	"is_active" boolean NOT NULL,
	"first_payment_number" integer,
	"last_payment_number" integer,
	CONSTRAINT "subscription_add_ons_account_id_subscription_id_position_pk" PRIMARY KEY("account_id","subscription_id","position")
);
--> statement-breakpoint
CREATE TABLE "helcim"."subscription_details" (
	"account_id" integer NOT NULL,
	"subscription_id" bigint NOT NULL,
	"raw" json NOT NULL,
	"content_hash" uuid NOT NULL,
	"unknown_values" json,
	"observed_at" timestamp with time zone NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"vanished_at" timestamp with time zone,
	CONSTRAINT "subscription_details_account_id_subscription_id_pk" PRIMARY KEY("account_id","subscription_id")
);
--> statement-breakpoint
CREATE TABLE "helcim"."subscription_payments" (
	"account_id" integer NOT NULL,
	"subscription_id" bigint NOT NULL,
	"position" integer NOT NULL,
	"payment_id" bigint NOT NULL,
	"payment_number" integer NOT NULL,
	"status" text NOT NULL,
	"due_on" date,
	"processed_at" timestamp with time zone,
	"processed_at_text" text NOT NULL,
	"amount_minor" bigint NOT NULL,
	"setup_minor" bigint,
	"recurring_minor" bigint,
	"add_on_minor" bigint,
	"tax_minor" bigint,
	"count_retries" integer,
	CONSTRAINT "subscription_payments_account_id_subscription_id_position_pk" PRIMARY KEY("account_id","subscription_id","position")
);
--> statement-breakpoint
CREATE TABLE "helcim"."subscriptions" (
	"account_id" integer NOT NULL,
	"subscription_id" bigint NOT NULL,
	"status" text NOT NULL,
	"payment_plan_id" bigint NOT NULL,
	"customer_code" text NOT NULL,
	"times_billed" integer NOT NULL,
	"recurring_minor" bigint NOT NULL,
	"setup_minor" bigint,
	"free_trial_days" integer,
	"cycles_max" integer,
	"has_failed_payments" boolean NOT NULL,
	"payment_method" text,
	"activated_on" date,
	"billing_on" date,
	"created_at" timestamp with time zone,
	"created_at_text" text NOT NULL,
	"updated_at" timestamp with time zone,
	"updated_at_text" text NOT NULL,
	"raw" json NOT NULL,
	"content_hash" uuid NOT NULL,
	"unknown_values" json,
	"observed_at" timestamp with time zone NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"vanished_at" timestamp with time zone,
	CONSTRAINT "subscriptions_account_id_subscription_id_pk" PRIMARY KEY("account_id","subscription_id")
);
--> statement-breakpoint
CREATE INDEX "ach_batches_unknown" ON "helcim"."ach_batches" USING btree ("account_id","ach_batch_id") WHERE unknown_values is not null;--> statement-breakpoint
CREATE INDEX "ach_batches_vanished" ON "helcim"."ach_batches" USING btree ("account_id","ach_batch_id") WHERE vanished_at is not null;--> statement-breakpoint
CREATE INDEX "ach_transactions_created_on" ON "helcim"."ach_transactions" USING btree ("account_id","created_on");--> statement-breakpoint
CREATE INDEX "ach_transactions_batch" ON "helcim"."ach_transactions" USING btree ("account_id","ach_batch_id");--> statement-breakpoint
CREATE INDEX "ach_transactions_unknown" ON "helcim"."ach_transactions" USING btree ("account_id","ach_transaction_id") WHERE unknown_values is not null;--> statement-breakpoint
CREATE INDEX "ach_transactions_vanished" ON "helcim"."ach_transactions" USING btree ("account_id","ach_transaction_id") WHERE vanished_at is not null;--> statement-breakpoint
CREATE INDEX "add_ons_unknown" ON "helcim"."add_ons" USING btree ("account_id","add_on_id") WHERE unknown_values is not null;--> statement-breakpoint
CREATE INDEX "add_ons_vanished" ON "helcim"."add_ons" USING btree ("account_id","add_on_id") WHERE vanished_at is not null;--> statement-breakpoint
CREATE INDEX "customers_code" ON "helcim"."customers" USING btree ("account_id","customer_code");--> statement-breakpoint
CREATE INDEX "customers_unknown" ON "helcim"."customers" USING btree ("account_id","customer_id") WHERE unknown_values is not null;--> statement-breakpoint
CREATE INDEX "customers_vanished" ON "helcim"."customers" USING btree ("account_id","customer_id") WHERE vanished_at is not null;--> statement-breakpoint
CREATE INDEX "invoices_number" ON "helcim"."invoices" USING btree ("account_id","invoice_number");--> statement-breakpoint
CREATE INDEX "invoices_created_on" ON "helcim"."invoices" USING btree ("account_id","created_on");--> statement-breakpoint
CREATE INDEX "invoices_open" ON "helcim"."invoices" USING btree ("account_id","invoice_id") WHERE status in ('DUE', 'OVERDUE', 'IN_PROGRESS', 'FOR_APPROVAL', 'APPROVED');--> statement-breakpoint
CREATE INDEX "invoices_unknown" ON "helcim"."invoices" USING btree ("account_id","invoice_id") WHERE unknown_values is not null;--> statement-breakpoint
CREATE INDEX "invoices_vanished" ON "helcim"."invoices" USING btree ("account_id","invoice_id") WHERE vanished_at is not null;--> statement-breakpoint
CREATE INDEX "payment_plans_unknown" ON "helcim"."payment_plans" USING btree ("account_id","payment_plan_id") WHERE unknown_values is not null;--> statement-breakpoint
CREATE INDEX "payment_plans_vanished" ON "helcim"."payment_plans" USING btree ("account_id","payment_plan_id") WHERE vanished_at is not null;--> statement-breakpoint
CREATE INDEX "subscription_details_unknown" ON "helcim"."subscription_details" USING btree ("account_id","subscription_id") WHERE unknown_values is not null;--> statement-breakpoint
CREATE INDEX "subscription_details_vanished" ON "helcim"."subscription_details" USING btree ("account_id","subscription_id") WHERE vanished_at is not null;--> statement-breakpoint
CREATE INDEX "subscription_payments_number" ON "helcim"."subscription_payments" USING btree ("account_id","subscription_id","payment_number");--> statement-breakpoint
CREATE INDEX "subscriptions_customer" ON "helcim"."subscriptions" USING btree ("account_id","customer_code");--> statement-breakpoint
CREATE INDEX "subscriptions_unknown" ON "helcim"."subscriptions" USING btree ("account_id","subscription_id") WHERE unknown_values is not null;--> statement-breakpoint
CREATE INDEX "subscriptions_vanished" ON "helcim"."subscriptions" USING btree ("account_id","subscription_id") WHERE vanished_at is not null;--> statement-breakpoint
CREATE INDEX "card_batches_unknown" ON "helcim"."card_batches" USING btree ("account_id","card_batch_id") WHERE unknown_values is not null;