CREATE SCHEMA "books";
--> statement-breakpoint
CREATE TABLE "books"."entries" (
	"account_id" integer NOT NULL,
	"entry_id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "books"."entries_entry_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"source_kind" text NOT NULL,
	"source_id" bigint NOT NULL,
	"currency" text NOT NULL,
	"version" integer NOT NULL,
	"is_reversal" boolean NOT NULL,
	"kind" text NOT NULL,
	"natural_on" date NOT NULL,
	"entry_on" date NOT NULL,
	"gross_minor" bigint NOT NULL,
	"tax_minor" bigint NOT NULL,
	"is_recurring" boolean NOT NULL,
	"plan_id" bigint,
	"rules_version" smallint NOT NULL,
	"posted_at" timestamp with time zone NOT NULL,
	CONSTRAINT "entries_account_id_entry_id_pk" PRIMARY KEY("account_id","entry_id")
);
--> statement-breakpoint
CREATE TABLE "books"."posting_runs" (
	"account_id" integer NOT NULL,
	"run_id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "books"."posting_runs_run_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"scope" text NOT NULL,
	"zone" text NOT NULL,
	"cut_off_minutes" integer NOT NULL,
	"rules_version" smallint NOT NULL,
	"posted_at" timestamp with time zone NOT NULL,
	"count_posted" integer NOT NULL,
	"count_reversed" integer NOT NULL,
	CONSTRAINT "posting_runs_account_id_run_id_pk" PRIMARY KEY("account_id","run_id")
);
--> statement-breakpoint
CREATE TABLE "books"."postings" (
	"account_id" integer NOT NULL,
	"entry_id" bigint NOT NULL,
	"position" smallint NOT NULL,
	"account" text NOT NULL,
	"plan_id" bigint,
	"amount_minor" bigint NOT NULL,
	CONSTRAINT "postings_account_id_entry_id_position_pk" PRIMARY KEY("account_id","entry_id","position")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "entries_version" ON "books"."entries" USING btree ("account_id","source_kind","source_id","currency","version");--> statement-breakpoint
CREATE INDEX "entries_date" ON "books"."entries" USING btree ("account_id","entry_on");--> statement-breakpoint
CREATE INDEX "card_transactions_invoice" ON "helcim"."card_transactions" USING btree ("account_id","invoice_number") WHERE invoice_number is not null;--> statement-breakpoint
-- From here on by hand: drizzle knows no triggers.
CREATE FUNCTION "books"."refuse_change"() RETURNS trigger LANGUAGE plpgsql AS $$
begin
  raise exception 'books.% is append-only: correct an entry by a reversal and a new one', tg_table_name
    using errcode = 'restrict_violation';
end $$;
--> statement-breakpoint
CREATE TRIGGER "entries_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "books"."entries"
  FOR EACH STATEMENT EXECUTE FUNCTION "books"."refuse_change"();
--> statement-breakpoint
CREATE TRIGGER "postings_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "books"."postings"
  FOR EACH STATEMENT EXECUTE FUNCTION "books"."refuse_change"();
--> statement-breakpoint
-- Deferred to the commit: an entry and its postings may come in several statements.
CREATE FUNCTION "books"."check_entry"() RETURNS trigger LANGUAGE plpgsql AS $$
declare
  posted record;
begin
  select count(*) as lines, coalesce(sum(amount_minor), 0) as balance into posted
    from books.postings p where p.account_id = new.account_id and p.entry_id = new.entry_id;
  if posted.lines < 2 or posted.balance <> 0 then
    raise exception 'entry % of account % has % postings that add up to % and not to 0',
      new.entry_id, new.account_id, posted.lines, posted.balance using errcode = 'check_violation';
  end if;
  return null;
end $$;
--> statement-breakpoint
CREATE CONSTRAINT TRIGGER "entries_balance" AFTER INSERT ON "books"."entries"
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "books"."check_entry"();
--> statement-breakpoint
-- What is added later to an entry that was balanced. Once for all rows of a statement, which a page of entries comes in.
CREATE FUNCTION "books"."check_postings"() RETURNS trigger LANGUAGE plpgsql AS $$
declare
  wrong record;
begin
  select n.account_id, n.entry_id into wrong
    from (select distinct account_id, entry_id from added) n
    left join books.entries e on e.account_id = n.account_id and e.entry_id = n.entry_id
    where e.entry_id is null
      or (select sum(amount_minor) from books.postings p where p.account_id = n.account_id and p.entry_id = n.entry_id) <> 0
    limit 1;
  if found then
    raise exception 'postings of entry % of account % do not balance, or have no entry', wrong.entry_id, wrong.account_id
      using errcode = 'check_violation';
  end if;
  return null;
end $$;
--> statement-breakpoint
CREATE TRIGGER "postings_balance" AFTER INSERT ON "books"."postings" REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION "books"."check_postings"();
