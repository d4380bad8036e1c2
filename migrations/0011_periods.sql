CREATE TABLE "books"."period_events" (
	"account_id" integer NOT NULL,
	"event_id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "books"."period_events_event_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"month_on" date NOT NULL,
	"kind" text NOT NULL,
	"revision" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"actor" text NOT NULL,
	"reason" text,
	CONSTRAINT "period_events_account_id_event_id_pk" PRIMARY KEY("account_id","event_id")
);
--> statement-breakpoint
CREATE TABLE "books"."period_file_parts" (
	"account_id" integer NOT NULL,
	"month_on" date NOT NULL,
	"revision" integer NOT NULL,
	"file" text NOT NULL,
	"position" integer NOT NULL,
	"bytes" "bytea" NOT NULL,
	CONSTRAINT "period_file_parts_account_id_month_on_revision_file_position_pk" PRIMARY KEY("account_id","month_on","revision","file","position")
);
--> statement-breakpoint
CREATE TABLE "books"."period_files" (
	"account_id" integer NOT NULL,
	"month_on" date NOT NULL,
	"revision" integer NOT NULL,
	"file" text NOT NULL,
	"content" text,
	"definition" text,
	"count_bytes" bigint NOT NULL,
	"sha256" text NOT NULL,
	CONSTRAINT "period_files_account_id_month_on_revision_file_pk" PRIMARY KEY("account_id","month_on","revision","file")
);
--> statement-breakpoint
CREATE TABLE "books"."period_revisions" (
	"account_id" integer NOT NULL,
	"month_on" date NOT NULL,
	"revision" integer NOT NULL,
	"as_of" timestamp with time zone NOT NULL,
	"closed_at" timestamp with time zone NOT NULL,
	"closed_by" text NOT NULL,
	"lacking" json NOT NULL,
	"forced_reason" text,
	"settings" json NOT NULL,
	"sha256" text NOT NULL,
	CONSTRAINT "period_revisions_account_id_month_on_revision_pk" PRIMARY KEY("account_id","month_on","revision")
);
--> statement-breakpoint
CREATE INDEX "period_events_month" ON "books"."period_events" USING btree ("account_id","month_on");--> statement-breakpoint
-- From here on by hand: drizzle knows no functions and triggers.
CREATE FUNCTION "books"."open_from"(of_account integer) RETURNS date LANGUAGE sql STABLE AS $$
  select (max(month_on) + interval '1 month')::date
  from (
    select distinct on (month_on) month_on, kind from books.period_events
    where account_id = of_account order by month_on, event_id desc
  ) last_events
  where kind = 'closed'
$$;
--> statement-breakpoint
CREATE FUNCTION "books"."refuse_period_change"() RETURNS trigger LANGUAGE plpgsql AS $$
begin
  raise exception 'books.% is append-only: a closed month stays as it is; reopen it and close it again', tg_table_name
    using errcode = 'restrict_violation';
end $$;
--> statement-breakpoint
CREATE TRIGGER "period_revisions_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "books"."period_revisions"
  FOR EACH STATEMENT EXECUTE FUNCTION "books"."refuse_period_change"();
--> statement-breakpoint
CREATE TRIGGER "period_files_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "books"."period_files"
  FOR EACH STATEMENT EXECUTE FUNCTION "books"."refuse_period_change"();
--> statement-breakpoint
CREATE TRIGGER "period_file_parts_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "books"."period_file_parts"
  FOR EACH STATEMENT EXECUTE FUNCTION "books"."refuse_period_change"();
--> statement-breakpoint
CREATE TRIGGER "period_events_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "books"."period_events"
  FOR EACH STATEMENT EXECUTE FUNCTION "books"."refuse_period_change"();
--> statement-breakpoint
-- Files and parts come with their revision, in one transaction, and none is added to it afterwards.
CREATE FUNCTION "books"."refuse_late_part"() RETURNS trigger LANGUAGE plpgsql AS $$
begin
  if exists (
    select from added n
    join books.period_events e on e.account_id = n.account_id and e.month_on = n.month_on and e.revision = n.revision
  ) then
    raise exception 'books.%: this revision is complete; nothing is added to it', tg_table_name
      using errcode = 'restrict_violation';
  end if;
  return null;
end $$;
--> statement-breakpoint
CREATE TRIGGER "period_files_complete" AFTER INSERT ON "books"."period_files" REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION "books"."refuse_late_part"();
--> statement-breakpoint
CREATE TRIGGER "period_file_parts_complete" AFTER INSERT ON "books"."period_file_parts" REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION "books"."refuse_late_part"();
--> statement-breakpoint
CREATE FUNCTION "books"."refuse_closed_date"() RETURNS trigger LANGUAGE plpgsql AS $$
declare
  late record;
begin
  select n.account_id, min(n.entry_on) as entry_on into late
    from added n group by n.account_id having min(n.entry_on) < books.open_from(n.account_id) limit 1;
  if found then
    raise exception 'an entry of account % is dated %, in a month that is closed', late.account_id, late.entry_on
      using errcode = 'restrict_violation';
  end if;
  return null;
end $$;
--> statement-breakpoint
CREATE TRIGGER "entries_open_month" AFTER INSERT ON "books"."entries" REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION "books"."refuse_closed_date"();
