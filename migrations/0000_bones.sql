CREATE SCHEMA "helcim";
--> statement-breakpoint
CREATE SCHEMA "recon";
--> statement-breakpoint
CREATE TABLE "helcim"."card_batches" (
	"account_id" integer NOT NULL,
	"card_batch_id" bigint NOT NULL,
	"terminal_id" bigint NOT NULL,
	"batch_number" bigint NOT NULL,
	"is_closed" boolean NOT NULL,
	"is_strictly_open" boolean NOT NULL,
	"created_at" timestamp with time zone,
	"created_at_text" text NOT NULL,
	"updated_at" timestamp with time zone,
	"updated_at_text" text NOT NULL,
	"closed_at" timestamp with time zone,
	"closed_at_text" text NOT NULL,
	"net_minor" bigint,
	"sales_minor" bigint,
	"refunds_minor" bigint,
	"reversed_minor" bigint,
	"refunds_reversed_minor" bigint,
	"count_total" integer,
	"count_approved" integer,
	"count_declined" integer,
	"raw" json NOT NULL,
	"content_hash" uuid NOT NULL,
	"unknown_values" json,
	"observed_at" timestamp with time zone NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"vanished_at" timestamp with time zone,
	CONSTRAINT "card_batches_account_id_card_batch_id_pk" PRIMARY KEY("account_id","card_batch_id")
);
--> statement-breakpoint
CREATE TABLE "helcim"."card_terminals" (
	"account_id" integer NOT NULL,
	"terminal_id" bigint NOT NULL,
	"nickname" text,
	"currency" text NOT NULL,
	"status" text NOT NULL,
	"raw" json NOT NULL,
	"content_hash" uuid NOT NULL,
	"unknown_values" json,
	"observed_at" timestamp with time zone NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"vanished_at" timestamp with time zone,
	CONSTRAINT "card_terminals_account_id_terminal_id_pk" PRIMARY KEY("account_id","terminal_id")
);
--> statement-breakpoint
CREATE TABLE "helcim"."card_transactions" (
	"account_id" integer NOT NULL,
	"transaction_id" bigint NOT NULL,
	"created_at" timestamp with time zone,
	"created_at_text" text NOT NULL,
	"created_on" date,
	"card_batch_id" bigint,
	"status" text NOT NULL,
	"outcome" text NOT NULL,
	"type" text NOT NULL,
	"amount_minor" bigint NOT NULL,
	"currency" text NOT NULL,
	"user_name" text,
	"card_brand" text,
	"card_number_masked" text,
	"card_token" text,
	"card_holder_name" text,
	"approval_code" text,
	"avs_response" text,
	"cvv_response" text,
	"customer_code" text,
	"invoice_number" text,
	"original_transaction_id" bigint,
	"warning" text,
	"errors" text,
	"raw" json NOT NULL,
	"content_hash" uuid NOT NULL,
	"unknown_values" json,
	"observed_at" timestamp with time zone NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"vanished_at" timestamp with time zone,
	CONSTRAINT "card_transactions_account_id_transaction_id_pk" PRIMARY KEY("account_id","transaction_id")
);
--> statement-breakpoint
CREATE TABLE "helcim"."record_versions" (
	"account_id" integer NOT NULL,
	"resource" text NOT NULL,
	"record_id" bigint NOT NULL,
	"observed_from" timestamp with time zone NOT NULL,
	"observed_until" timestamp with time zone NOT NULL,
	"content_hash" uuid NOT NULL,
	"raw" json NOT NULL,
	"changed" json,
	CONSTRAINT "record_versions_account_id_resource_record_id_observed_until_pk" PRIMARY KEY("account_id","resource","record_id","observed_until")
);
--> statement-breakpoint
CREATE TABLE "helcim"."undecoded_records" (
	"account_id" integer NOT NULL,
	"resource" text NOT NULL,
	"record_key" text NOT NULL,
	"raw" json NOT NULL,
	"reason" text NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	CONSTRAINT "undecoded_records_account_id_resource_record_key_pk" PRIMARY KEY("account_id","resource","record_key")
);
--> statement-breakpoint
CREATE TABLE "recon"."accounts" (
	"account_id" serial PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"base_url" text NOT NULL,
	"bound_terminal_ids" bigint[],
	"token_fingerprint" text NOT NULL,
	"history_from" date NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "accounts_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "recon"."batch_checks" (
	"account_id" integer NOT NULL,
	"card_batch_id" bigint NOT NULL,
	"statistics_since" timestamp with time zone,
	"statistics_until" timestamp with time zone,
	"final_fingerprint" text,
	"rows_read_from" timestamp with time zone,
	"rows_read_until" timestamp with time zone,
	"state" text DEFAULT 'waiting' NOT NULL,
	"is_final" boolean DEFAULT false NOT NULL,
	"checked_at" timestamp with time zone,
	CONSTRAINT "batch_checks_account_id_card_batch_id_pk" PRIMARY KEY("account_id","card_batch_id")
);
--> statement-breakpoint
CREATE TABLE "recon"."budgets" (
	"account_id" integer PRIMARY KEY NOT NULL,
	"closed_until" timestamp with time zone,
	"closed_reason" text,
	"count_rate_limited" integer DEFAULT 0 NOT NULL,
	"foreign_minute" integer DEFAULT 0 NOT NULL,
	"foreign_observed_at" timestamp with time zone,
	"count_unauthorized" integer DEFAULT 0 NOT NULL,
	"stopped_at" timestamp with time zone,
	"stop_reason" text
);
--> statement-breakpoint
CREATE TABLE "recon"."calibrations" (
	"account_id" integer NOT NULL,
	"subject" text NOT NULL,
	"rule" text NOT NULL,
	"count_agreeing" integer NOT NULL,
	"count_tested" integer NOT NULL,
	"calibrated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "calibrations_account_id_subject_pk" PRIMARY KEY("account_id","subject")
);
--> statement-breakpoint
CREATE TABLE "recon"."calls" (
	"account_id" integer NOT NULL,
	"call_id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "recon"."calls_call_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"call_class" text NOT NULL,
	"endpoint" text NOT NULL,
	"holder" text NOT NULL,
	"permitted_at" timestamp with time zone NOT NULL,
	"deadline_at" timestamp with time zone NOT NULL,
	"released_at" timestamp with time zone,
	"occupied_until" timestamp with time zone NOT NULL,
	"counted_from" timestamp with time zone NOT NULL,
	"end_kind" text,
	"status" smallint,
	"duration_ms" integer,
	CONSTRAINT "calls_account_id_call_id_pk" PRIMARY KEY("account_id","call_id")
);
--> statement-breakpoint
CREATE TABLE "recon"."covered_days" (
	"account_id" integer NOT NULL,
	"resource" text NOT NULL,
	"day" date NOT NULL,
	"read_at" timestamp with time zone NOT NULL,
	"pull_id" bigint NOT NULL,
	CONSTRAINT "covered_days_account_id_resource_day_pk" PRIMARY KEY("account_id","resource","day")
);
--> statement-breakpoint
CREATE TABLE "recon"."due_work" (
	"account_id" integer NOT NULL,
	"kind" text NOT NULL,
	"planned_at" timestamp with time zone NOT NULL,
	"enqueued_at" timestamp with time zone,
	"claimed_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	"outcome" text,
	"reason" text,
	"attempts" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "due_work_account_id_kind_planned_at_pk" PRIMARY KEY("account_id","kind","planned_at")
);
--> statement-breakpoint
CREATE TABLE "recon"."endpoint_blocks" (
	"account_id" integer NOT NULL,
	"token_fingerprint" text NOT NULL,
	"endpoint" text NOT NULL,
	"words" text NOT NULL,
	"blocked_at" timestamp with time zone NOT NULL,
	CONSTRAINT "endpoint_blocks_account_id_token_fingerprint_endpoint_pk" PRIMARY KEY("account_id","token_fingerprint","endpoint")
);
--> statement-breakpoint
CREATE TABLE "recon"."foreign_use" (
	"account_id" integer NOT NULL,
	"minute_at" timestamp with time zone NOT NULL,
	"calls" integer NOT NULL,
	CONSTRAINT "foreign_use_account_id_minute_at_pk" PRIMARY KEY("account_id","minute_at")
);
--> statement-breakpoint
CREATE TABLE "recon"."marks" (
	"account_id" integer NOT NULL,
	"subject_kind" text NOT NULL,
	"subject_id" text NOT NULL,
	CONSTRAINT "marks_account_id_subject_kind_subject_id_pk" PRIMARY KEY("account_id","subject_kind","subject_id")
);
--> statement-breakpoint
CREATE TABLE "recon"."mismatches" (
	"account_id" integer NOT NULL,
	"mismatch_id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"code" text NOT NULL,
	"subject_kind" text NOT NULL,
	"subject_id" text NOT NULL,
	"period" text DEFAULT '' NOT NULL,
	"severity" text NOT NULL,
	"currency" text,
	"expected_minor" bigint,
	"actual_minor" bigint,
	"expected_text" text,
	"actual_text" text,
	"summary" text NOT NULL,
	"advice" text NOT NULL,
	"evidence" json NOT NULL,
	"state" text DEFAULT 'open' NOT NULL,
	"resolution" text,
	"first_seen_at" timestamp with time zone NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	"resolved_at" timestamp with time zone,
	"count_reopened" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "mismatches_account_id_mismatch_id_pk" PRIMARY KEY("account_id","mismatch_id")
);
--> statement-breakpoint
CREATE TABLE "recon"."pull_pages" (
	"account_id" integer NOT NULL,
	"pull_id" bigint NOT NULL,
	"walk" smallint NOT NULL,
	"page" integer NOT NULL,
	"ids" bigint[] NOT NULL,
	CONSTRAINT "pull_pages_account_id_pull_id_walk_page_pk" PRIMARY KEY("account_id","pull_id","walk","page")
);
--> statement-breakpoint
CREATE TABLE "recon"."pulls" (
	"account_id" integer NOT NULL,
	"pull_id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "recon"."pulls_pull_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"resource" text NOT NULL,
	"window_kind" text NOT NULL,
	"from_date" date,
	"to_date" date,
	"subject" text DEFAULT '' NOT NULL,
	"cause" text NOT NULL,
	"call_class" text NOT NULL,
	"state" text DEFAULT 'running' NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone,
	"walk" smallint DEFAULT 1 NOT NULL,
	"walk_started_at" timestamp with time zone NOT NULL,
	"next_page" integer DEFAULT 1 NOT NULL,
	"page_limit" integer NOT NULL,
	"count_rows" integer DEFAULT 0 NOT NULL,
	"count_changed" integer DEFAULT 0 NOT NULL,
	"count_undecodable" integer DEFAULT 0 NOT NULL,
	"count_calls" integer DEFAULT 0 NOT NULL,
	"largest_page" integer DEFAULT 0 NOT NULL,
	"list_order" text,
	"fail_code" text,
	"fail_words" text,
	"progress_at" timestamp with time zone NOT NULL,
	CONSTRAINT "pulls_account_id_pull_id_pk" PRIMARY KEY("account_id","pull_id")
);
--> statement-breakpoint
CREATE TABLE "recon"."runs" (
	"account_id" integer NOT NULL,
	"run_id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "recon"."runs_run_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"scope" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone NOT NULL,
	"count_batches" integer NOT NULL,
	"count_tied" integer NOT NULL,
	"count_waiting" integer NOT NULL,
	"count_differing" integer NOT NULL,
	"count_opened" integer NOT NULL,
	"count_resolved" integer NOT NULL,
	CONSTRAINT "runs_account_id_run_id_pk" PRIMARY KEY("account_id","run_id")
);
--> statement-breakpoint
CREATE INDEX "card_batches_terminal" ON "helcim"."card_batches" USING btree ("account_id","terminal_id","batch_number");--> statement-breakpoint
CREATE INDEX "card_transactions_created_on" ON "helcim"."card_transactions" USING btree ("account_id","created_on");--> statement-breakpoint
CREATE INDEX "card_transactions_unknown" ON "helcim"."card_transactions" USING btree ("account_id","transaction_id") WHERE unknown_values is not null;--> statement-breakpoint
CREATE INDEX "card_transactions_vanished" ON "helcim"."card_transactions" USING btree ("account_id","transaction_id") WHERE vanished_at is not null;--> statement-breakpoint
CREATE INDEX "record_versions_changed" ON "helcim"."record_versions" USING btree ("account_id","resource","record_id") WHERE changed is not null;--> statement-breakpoint
CREATE INDEX "batch_checks_unproved" ON "recon"."batch_checks" USING btree ("account_id","card_batch_id") WHERE not is_final;--> statement-breakpoint
CREATE INDEX "calls_counted" ON "recon"."calls" USING btree ("account_id","counted_from");--> statement-breakpoint
CREATE INDEX "calls_occupied" ON "recon"."calls" USING btree ("account_id","occupied_until");--> statement-breakpoint
CREATE INDEX "due_work_unfinished" ON "recon"."due_work" USING btree ("account_id","kind","planned_at") WHERE finished_at is null;--> statement-breakpoint
CREATE UNIQUE INDEX "mismatches_identity" ON "recon"."mismatches" USING btree ("account_id","code","subject_kind","subject_id","period");--> statement-breakpoint
CREATE INDEX "mismatches_open" ON "recon"."mismatches" USING btree ("account_id","code") WHERE state <> 'resolved';--> statement-breakpoint
CREATE UNIQUE INDEX "pulls_identity" ON "recon"."pulls" USING btree ("account_id","resource","window_kind","subject","cause");--> statement-breakpoint
CREATE INDEX "pulls_running" ON "recon"."pulls" USING btree ("account_id","resource") WHERE state = 'running';--> statement-breakpoint
CREATE INDEX "pulls_finished" ON "recon"."pulls" USING btree ("account_id","resource","window_kind","finished_at");