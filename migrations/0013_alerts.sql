CREATE TABLE "recon"."alert_digests" (
	"account_id" integer NOT NULL,
	"channel" text NOT NULL,
	"day" date NOT NULL,
	"message_id" uuid NOT NULL,
	"written_at" timestamp with time zone NOT NULL,
	"last_event_id" bigint NOT NULL,
	"attempt_ids" bigint[] NOT NULL,
	CONSTRAINT "alert_digests_account_id_channel_day_pk" PRIMARY KEY("account_id","channel","day")
);
--> statement-breakpoint
CREATE TABLE "recon"."alert_silences" (
	"account_id" integer NOT NULL,
	"silence_id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "recon"."alert_silences_silence_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"code" text,
	"subject_kind" text,
	"subject_id" text,
	"created_at" timestamp with time zone NOT NULL,
	"until" timestamp with time zone NOT NULL,
	"reason" text NOT NULL,
	"actor" text NOT NULL,
	"ended_at" timestamp with time zone,
	"ended_by" text,
	CONSTRAINT "alert_silences_account_id_silence_id_pk" PRIMARY KEY("account_id","silence_id")
);
--> statement-breakpoint
CREATE TABLE "recon"."alert_targets" (
	"account_id" integer NOT NULL,
	"channel" text NOT NULL,
	"dead_at" timestamp with time zone,
	"words" text,
	"paused_until" timestamp with time zone,
	CONSTRAINT "alert_targets_account_id_channel_pk" PRIMARY KEY("account_id","channel")
);
--> statement-breakpoint
CREATE INDEX "alert_silences_until" ON "recon"."alert_silences" USING btree ("account_id","until");