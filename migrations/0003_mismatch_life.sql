CREATE TABLE "recon"."alert_items" (
	"account_id" integer NOT NULL,
	"channel" text NOT NULL,
	"event_id" bigint NOT NULL,
	"message_id" uuid NOT NULL,
	CONSTRAINT "alert_items_account_id_channel_event_id_pk" PRIMARY KEY("account_id","channel","event_id")
);
--> statement-breakpoint
CREATE TABLE "recon"."alert_messages" (
	"account_id" integer NOT NULL,
	"message_id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"channel" text NOT NULL,
	"cause" text NOT NULL,
	"body" json NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"next_attempt_at" timestamp with time zone NOT NULL,
	"claimed_until" timestamp with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"delivered_at" timestamp with time zone,
	"given_up_at" timestamp with time zone,
	"last_error" text,
	CONSTRAINT "alert_messages_account_id_message_id_pk" PRIMARY KEY("account_id","message_id")
);
--> statement-breakpoint
CREATE TABLE "recon"."mismatch_events" (
	"account_id" integer NOT NULL,
	"event_id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "recon"."mismatch_events_event_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"mismatch_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"actor" text NOT NULL,
	"severity" text NOT NULL,
	"currency" text,
	"expected_minor" bigint,
	"actual_minor" bigint,
	"resolution" text,
	"assigned_to" text,
	"note" text,
	"reminder" integer,
	CONSTRAINT "mismatch_events_account_id_event_id_pk" PRIMARY KEY("account_id","event_id")
);
--> statement-breakpoint
ALTER TABLE "recon"."mismatches" ADD COLUMN "assigned_to" text;--> statement-breakpoint
ALTER TABLE "recon"."mismatches" ADD COLUMN "acknowledged_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "alert_messages_due" ON "recon"."alert_messages" USING btree ("account_id","next_attempt_at") WHERE delivered_at is null and given_up_at is null;--> statement-breakpoint
CREATE INDEX "alert_messages_cause" ON "recon"."alert_messages" USING btree ("account_id","channel","cause","created_at");--> statement-breakpoint
CREATE INDEX "mismatch_events_of" ON "recon"."mismatch_events" USING btree ("account_id","mismatch_id","event_id");