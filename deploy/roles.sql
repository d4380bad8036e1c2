-- Three roles for tieout's database (docs/security.md):
--   tieout_owner   owns everything: migrations, as "tieout migrate" and at a start after an upgrade
--   tieout_writer  the daemon and the commands: reads and writes rows, no DDL, deletes only logs of tieout's own work
--   tieout_reader  people and BI tools: the views of schema "accounting", which hold no card token
--
-- Run it as an administrator of the database, after the first "tieout migrate" and after that of each upgrade:
--   psql "$ADMIN_URL" --set ON_ERROR_STOP=1 --single-transaction --file deploy/roles.sql
-- Then give each role a password (\password tieout_writer) and let DATABASE_URL of the daemon name tieout_writer.
-- Running it again changes nothing that is as it should be.

do $roles$
declare
  schemas constant text[] := array['helcim', 'recon', 'books', 'recon_migrations', 'accounting', 'bullmq'];
  -- Written once and never changed: what was seen, and what happened.
  append_only constant text[] := array['helcim.record_versions', 'recon.mismatch_versions',
    'recon.batch_check_versions', 'recon.mismatch_events', 'books.entries', 'books.postings',
    'books.period_revisions', 'books.period_files', 'books.period_file_parts', 'books.period_events'];
  -- Logs of tieout's own work, which retention deletes, and what only stands until it is done.
  deletable constant text[] := array['recon.calls', 'recon.pulls', 'recon.due_work', 'recon.runs', 'recon.webhooks',
    'recon.pull_pages', 'recon.marks', 'recon.matches', 'recon.due_checks', 'recon.endpoint_blocks', 'recon.call_holders',
    'helcim.undecoded_records'];
  -- Parts of a record, which are written anew with it; its former versions keep the former ones.
  parts constant text[] := array['helcim.customer_cards', 'helcim.invoice_lines', 'helcim.subscription_payments',
    'helcim.subscription_add_ons'];
  one record;
begin
  if (select count(*) from pg_namespace where nspname = any(schemas)) < cardinality(schemas) then
    raise exception 'run "tieout migrate" on this database first';
  end if;

  for one in select unnest(array['tieout_owner', 'tieout_writer', 'tieout_reader']) as role loop
    if not exists (select from pg_roles where rolname = one.role) then
      execute format('create role %I login', one.role);
    end if;
    execute format('grant connect, temporary on database %I to %I', current_database(), one.role);
  end loop;
  execute format('grant create on database %I to tieout_owner', current_database());
  if not pg_has_role(current_user, 'tieout_owner', 'member') then
    execute format('grant tieout_owner to %I', current_user);
  end if;

  -- All that is there belongs to the owner, whoever migrated first.
  for one in select nspname as name from pg_namespace
    where nspname = any(schemas) and nspowner <> 'tieout_owner'::regrole
  loop
    execute format('alter schema %I owner to tieout_owner', one.name);
  end loop;
  for one in select c.oid::regclass as name, case c.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end as kind
    from pg_class c
    where c.relnamespace::regnamespace::text = any(schemas) and c.relkind in ('r', 'p', 'v', 'S')
      and c.relowner <> 'tieout_owner'::regrole
      -- Sequences of a column follow their table.
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
        and d.refobjsubid > 0 and d.deptype in ('a', 'i') and c.relkind = 'S')
    order by c.relkind
  loop
    execute format('alter %s %s owner to tieout_owner', one.kind, one.name);
  end loop;
  for one in select p.oid::regprocedure as name from pg_proc p
    where p.pronamespace::regnamespace::text = any(schemas) and p.proowner <> 'tieout_owner'::regrole
  loop
    execute format('alter routine %s owner to tieout_owner', one.name);
  end loop;
  for one in select t.oid::regtype as name from pg_type t
    where t.typnamespace::regnamespace::text = any(schemas) and t.typtype = 'e' and t.typowner <> 'tieout_owner'::regrole
  loop
    execute format('alter type %s owner to tieout_owner', one.name);
  end loop;

  -- What a role may do is just what is granted here.
  for one in select unnest(schemas) as name loop
    execute format('revoke all on schema %I from public, tieout_writer, tieout_reader', one.name);
    execute format('revoke all on all tables in schema %I from public, tieout_writer, tieout_reader', one.name);
  end loop;

  grant usage on schema helcim, recon, books, recon_migrations, accounting, bullmq to tieout_writer;
  grant select on all tables in schema recon_migrations, accounting to tieout_writer;
  grant select, insert, update on all tables in schema helcim, recon, books to tieout_writer;
  grant usage on all sequences in schema recon, books to tieout_writer;
  for one in select unnest(append_only) as name loop
    execute format('revoke update on %s from tieout_writer', one.name);
  end loop;
  for one in select unnest(deletable || parts) as name loop
    execute format('grant delete on %s to tieout_writer', one.name);
  end loop;
  -- The queue: jobs are deleted when they are done.
  grant select, insert, update, delete on all tables in schema bullmq to tieout_writer;
  grant usage on all sequences in schema bullmq to tieout_writer;

  grant usage on schema accounting to tieout_reader;
  grant select on all tables in schema accounting to tieout_reader;

  -- What the next upgrade makes, until this runs again.
  alter default privileges for role tieout_owner in schema helcim, recon, books grant select, insert, update on tables to tieout_writer;
  alter default privileges for role tieout_owner in schema recon, books grant usage on sequences to tieout_writer;
  alter default privileges for role tieout_owner in schema bullmq grant select, insert, update, delete on tables to tieout_writer;
  alter default privileges for role tieout_owner in schema bullmq grant usage on sequences to tieout_writer;
  alter default privileges for role tieout_owner in schema accounting grant select on tables to tieout_writer, tieout_reader;
end
$roles$;
