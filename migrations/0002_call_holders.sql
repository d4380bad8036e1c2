CREATE TABLE "recon"."call_holders" (
	"account_id" integer NOT NULL,
	"holder_id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "recon"."call_holders_holder_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"pid" integer NOT NULL,
	"process_started_at" text,
	"world" text NOT NULL,
	"hostname" text NOT NULL,
	"registered_at" timestamp with time zone NOT NULL,
	CONSTRAINT "call_holders_account_id_holder_id_pk" PRIMARY KEY("account_id","holder_id")
);
--> statement-breakpoint
ALTER TABLE "recon"."calls" ADD COLUMN "holder_id" bigint;