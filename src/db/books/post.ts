import { sql } from 'drizzle-orm'
import type { BusinessDate } from '../../domain/calendar.ts'
import type { Instant } from '../../domain/clock.ts'
import { FACT_KINDS } from '../../domain/journal/facts.ts'
import { factorsOf, postingsOf, RULES, RULES_VERSION } from '../../domain/journal/rules.ts'
import type { Tx } from '../client.ts'
import { timestamp } from '../sql-values.ts'
import { factsSql, type PostingOf } from './facts.ts'

export interface PostedChanges {
  /** New entries and new versions of such as were taken back. */
  readonly countPosted: number
  readonly countReversed: number
}

/**
 * Posts what the facts in scope say and the journal does not: new entries, reversals of those that stand and say
 * something else, and what they should have said. In one statement; where nothing changed it writes nothing.
 *
 * The plan of a recurring sale is the one that its subscription was on when they were matched: one that moves to another
 * plan does not take the sales of former months along.
 * @param openFrom what belongs to an earlier date is dated this one, as the period of its own is closed
 */
export async function postFacts(
  tx: Tx,
  input: PostingOf & { openFrom: BusinessDate | null; now: Instant },
): Promise<PostedChanges> {
  const { accountId, openFrom, now } = input
  const fact = 'source_kind, source_id, currency'
  const written = 'kind, natural_on, gross_minor, tax_minor, is_recurring, plan_id'
  const entryOn = (date: string) => (openFrom === null ? date : `greatest(${date}, date '${openFrom}')`)
  const { rows } = await tx.execute<{ posted: string; reversed: string; balance: string }>(sql`
    ${sql.raw(factsSql(input))},
    latest as materialized (
      -- Lateral with an offset: one probe of the index for each source in scope.
      select e.* from in_scope s cross join lateral (
        select distinct on (currency) * from books.entries
        where account_id = ${accountId}::int and source_kind = s.source_kind and source_id = s.source_id
        order by currency, version desc offset 0
      ) e
    ),
    changes as materialized (
      select coalesce(f.source_kind, l.source_kind) as source_kind, coalesce(f.source_id, l.source_id) as source_id,
        coalesce(f.currency, l.currency) as currency, coalesce(l.version, 0) as version,
        l.entry_id is not null and not l.is_reversal as stands, l.entry_id as standing_id, f.source_id is not null as is_fact,
        f.kind, f.natural_on, f.gross_minor, f.tax_minor, f.is_recurring, f.plan_id
      from facts f full join latest l using (${sql.raw(fact)})
      where case when f.source_id is null then not l.is_reversal
        when l.entry_id is null or l.is_reversal then true
        else (f.kind, f.natural_on, f.gross_minor, f.tax_minor, f.is_recurring, f.plan_id, ${RULES_VERSION}::smallint)
          is distinct from (l.kind, l.natural_on, l.gross_minor, l.tax_minor, l.is_recurring, l.plan_id, l.rules_version) end
    ),
    reversed as (
      insert into books.entries (account_id, ${sql.raw(fact)}, version, is_reversal, ${sql.raw(written)}, entry_on,
        rules_version, posted_at)
      select ${accountId}::int, ${sql.raw(fact)}, c.version + 1, true, l.kind, l.natural_on, l.gross_minor, l.tax_minor,
        l.is_recurring, l.plan_id, ${sql.raw(entryOn('l.entry_on'))}, l.rules_version, ${timestamp(now)}
      from changes c join latest l using (${sql.raw(fact)}) where c.stands
      order by ${sql.raw(fact)}
      returning entry_id, ${sql.raw(fact)}
    ),
    posted as (
      insert into books.entries (account_id, ${sql.raw(fact)}, version, is_reversal, ${sql.raw(written)}, entry_on,
        rules_version, posted_at)
      select ${accountId}::int, ${sql.raw(fact)}, version + case when stands then 2 else 1 end, false, ${sql.raw(written)},
        ${sql.raw(entryOn('natural_on'))}, ${RULES_VERSION}::smallint, ${timestamp(now)}
      from changes where is_fact
      order by natural_on, ${sql.raw(fact)}
      returning entry_id, kind, gross_minor, tax_minor, is_recurring, plan_id
    ),
    made as (
      insert into books.postings (account_id, entry_id, position, account, plan_id, amount_minor)
      select ${accountId}::int, r.entry_id, p.position, p.account, p.plan_id, -p.amount_minor
      from reversed r join changes c using (${sql.raw(fact)})
      join books.postings p on p.account_id = ${accountId}::int and p.entry_id = c.standing_id
      union all
      select ${accountId}::int, entry_id, position,
        case when account <> 'sales' then account when is_recurring then 'sales_recurring' else 'sales_other' end,
        case when account = 'sales' then plan_id end, gross * gross_minor + tax * tax_minor
      from posted join (values ${sql.raw(ruleValues())}) rule(kind, position, account, gross, tax) using (kind)
      where gross * gross_minor + tax * tax_minor <> 0
      returning amount_minor
    )
    select (select count(*) from posted) as posted, (select count(*) from reversed) as reversed,
      (select coalesce(sum(amount_minor), 0) from made) as balance`)
  const [row] = rows
  // What Postgres checks for each entry, once more for all of them.
  if (row?.balance !== '0') throw new Error(`the entries posted do not balance: ${row?.balance}`)
  return { countPosted: Number(row.posted), countReversed: Number(row.reversed) }
}

/** The rules as rows, each of them balanced by a fact of any amount and tax. */
function ruleValues(): string {
  for (const kind of FACT_KINDS) {
    const of = { kind, currency: 'CAD', on: '2000-01-01' as BusinessDate, isRecurring: false, planId: null }
    for (const taxMinor of [0n, 7n]) postingsOf({ ...of, grossMinor: 100n, taxMinor })
  }
  return FACT_KINDS.flatMap((kind) =>
    RULES[kind].map((rule, position) => {
      const { gross, tax } = factorsOf(rule)
      return `('${kind}', ${position}::smallint, '${rule.account}', ${gross}::bigint, ${tax}::bigint)`
    }),
  ).join(', ')
}
