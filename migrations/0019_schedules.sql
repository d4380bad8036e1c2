CREATE TABLE "recon"."schedules" (
	"account_id" integer NOT NULL,
	"kind" text NOT NULL,
	"setting" text,
	"since" timestamp with time zone NOT NULL,
	CONSTRAINT "schedules_account_id_kind_pk" PRIMARY KEY("account_id","kind")
);
