import type { HelcimId } from '../../domain/record.ts'
import { arrayOf } from '../sql-values.ts'

/**
 * What each approved reverse voided: `sale`, `refund`, `preauth` (which never was money), or null where nothing tells.
 *
 * A reverse row does not name its original (API.md §7), so it is read as the tie-out of batches reads it
 * (domain/batch-tie-out.ts): within its batch, by card, currency and amount. In order:
 *
 * 1. the row names its original after all (undocumented, kept where it comes);
 * 2. its batch holds neither refunds nor preauths: only a sale can have been voided;
 * 3. one split of the group's reverses into sales, refunds and preauths is possible;
 * 4. the batch ties out, and all splits of its groups that add up to what Helcim states as reversed and as refunds
 *    reversed have it in common (`recon.agreed_splits`, migration 0023);
 * 5. otherwise null: the amount stands in suspense and is never guessed.
 *
 * Reverses of one group are alike, to the cent and the card: of two that voided a sale and a refund the first is taken for the
 * sale's.
 *
 * An open batch may have reverses that are later than what Helcim states of it: these are told by sums when Helcim's next
 * figures hold them.
 */

/** Groups of more reverses of one card and amount are left undecided. */
const GROUP_SIZE_MAX = 20

/** Those that Helcim's figures do not hold yet are a group of their own. */
const groupKey = 'account_id, card_batch_id, card_number_masked, currency, amount_minor, is_behind'

/**
 * Rows of the group `g` (of one batch, card, currency and amount) that are approved and have not vanished, as a query. Those of
 * a card by its small indexes: a batch may have tens of thousands of rows, and of one amount thousands, a card has few.
 * @param columns as SQL, of the card transaction `c`
 */
export function rowsOfGroup(columns: string, types: readonly string[]): string {
  const ofIndex = (isSame: string, some: readonly string[]) => `(
          select ${columns} from helcim.card_transactions c
          where c.account_id = g.account_id and ${isSame} and c.currency = g.currency and c.amount_minor = g.amount_minor
            and c.type in (${some.map((type) => `'${type}'`).join(', ')}) and c.outcome = 'approved' and c.vanished_at is null
            and c.card_batch_id = g.card_batch_id offset 0)`
  // Sales have an index of their own.
  const sales = types.filter((type) => SALE_TYPES.includes(type))
  const others = types.filter((type) => !SALE_TYPES.includes(type))
  return [sales, others]
    .filter(({ length }) => length > 0)
    .flatMap((some) => [
      ofIndex('c.card_number_masked = g.card_number_masked', some),
      // Rows without a card are found by their batch: the function keeps the planner from the indexes of cards, where all that
      // have none lie together.
      ofIndex("g.card_number_masked is null and coalesce(c.card_number_masked, '') = ''", some),
    ])
    .join(`
        union all `)
}

const SALE_TYPES: readonly string[] = ['purchase', 'capture']

/**
 * How many rows of the group `g` are what, as a query of one row `(sales, reverses, others)`.
 * @param more aggregates of its rows `(type, transaction_id)` that are told beside
 */
export const countsOfGroup = (more: readonly string[] = []): string => `
      select ${[
        "count(*) filter (where type in ('purchase', 'capture')) as sales",
        "count(*) filter (where type = 'reverse') as reverses",
        "count(*) filter (where type in ('refund', 'preauth')) as others",
        ...more,
      ].join(', ')}
      from (
        ${rowsOfGroup('c.type, c.transaction_id', ['purchase', 'capture', 'refund', 'reverse', 'preauth'])}
      ) own`

/**
 * By these counts `k`: reverses that do not name an original have voided sales, whatever their batch is found to be. Nothing else is
 * there to be voided, nor are there more of them than sales.
 */
export const areOfSales = 'k.others = 0 and k.sales >= k.reverses'

export interface ReversesPart {
  readonly scope: string
  readonly isWithin: string
}

/** The reverses of these batches. The same ones make the same statement, in whatever order they were found. */
export const reversesOfBatches = (cardBatchIds: readonly HelcimId[]): ReversesPart => {
  const ordered = cardBatchIds.toSorted((a, b) => Number(a - b))
  return { scope: '', isWithin: `r.card_batch_id = any('${arrayOf(ordered)}'::bigint[])` }
}

/**
 * Subqueries, from `with` on; the last is `reverse_kinds (account_id, transaction_id, kind, is_to_come)`: whether
 * nothing tells yet, because rows or figures of its batch are to be read. Exports, books and checks read reverses by this one
 * definition.
 * @param accountId null for all accounts
 * @param part only some of them: `scope` are subqueries that come before, each ended by a comma, and `isWithin` a condition on the
 * reverse `r` that takes all of a batch or none
 */
export const reversesSql = (
  accountId: number | null,
  part: ReversesPart = { scope: '', isWithin: 'true' },
): string => `with
  ${part.scope}
  reverses as materialized (
    -- One number for each group: joined by its six columns, each reverse of a batch was held against all others.
    select *, dense_rank() over (order by ${groupKey}) as part from (
      select r.account_id, r.transaction_id, r.card_batch_id, r.card_number_masked, r.currency, r.amount_minor,
        case when o.type in ('purchase', 'capture') then 'sale' when o.type in ('refund', 'preauth') then o.type end as told,
        -- Read after the figures that tied out, or these have been read anew since.
        coalesce(c.state = 'tied' and (r.transaction_id > c.reverses_up_to or c.judged_since <> c.statistics_since), false)
          as is_behind,
        coalesce(c.state = 'waiting', false) as is_waiting
      from helcim.card_transactions r
      left join recon.batch_checks c on c.account_id = r.account_id and c.card_batch_id = r.card_batch_id
      left join helcim.card_transactions o on o.account_id = r.account_id
        and o.transaction_id = r.original_transaction_id and o.outcome = 'approved'
      where r.type = 'reverse' and r.outcome = 'approved' and r.vanished_at is null
        ${accountId === null ? '' : `and r.account_id = ${accountId}`} and ${part.isWithin}
    ) listed
  ),
  reversed_groups as materialized (
    select part, ${groupKey}, count(*) filter (where told is null) as free,
      count(*) filter (where told = 'sale') as told_sales, count(*) filter (where told = 'refund') as told_refunds,
      count(*) filter (where told = 'preauth') as told_preauths
    from reverses where card_batch_id is not null group by part, ${groupKey}
  ),
  reversed_batches as materialized (
    select d.account_id, d.card_batch_id,
      b.reversed_minor, b.refunds_reversed_minor,
      -- The figures hold for the terminal's currency alone, and every group has to be in the sum.
      c.state = 'tied' and d.currency_min = coalesce(t.currency, d.currency_min) and d.currency_max = d.currency_min
        and d.free_max <= ${GROUP_SIZE_MAX} as is_solvable,
      exists (
        select from helcim.card_transactions m
        where m.account_id = d.account_id and m.card_batch_id = d.card_batch_id and m.vanished_at is null
          and m.type in ('refund', 'preauth') and m.outcome = 'approved'
          and (t.currency is null or m.currency = t.currency)
      ) as has_others
    from (
      select account_id, card_batch_id, min(currency) as currency_min, max(currency) as currency_max, max(free) as free_max
      from reversed_groups group by 1, 2 having max(free) > 0
    ) d
    left join helcim.card_batches b on b.account_id = d.account_id and b.card_batch_id = d.card_batch_id
    left join helcim.card_terminals t on t.account_id = d.account_id and t.terminal_id = b.terminal_id
    left join recon.batch_checks c on c.account_id = d.account_id and c.card_batch_id = d.card_batch_id
  ),
  candidates as materialized (
    -- What is left of each kind once the reverses that name theirs have taken it; orphans have lost their original.
    -- Where sales are all there is, each has voided one, also one that we do not see.
    select l.*, case when has_others
      then greatest(0, case when is_behind then free_all else free end - sales - refunds - preauths) else 0 end as orphans
    from (
      select g.part, g.account_id, g.card_batch_id, g.card_number_masked, g.currency, g.amount_minor, g.is_behind, g.free,
        b.has_others,
        sum(g.free) over (
          partition by g.account_id, g.card_batch_id, g.card_number_masked, g.currency, g.amount_minor) as free_all,
        case when b.has_others then greatest(0, k.sales - g.told_sales) else g.free end as sales,
        case when b.has_others then greatest(0, k.refunds - g.told_refunds) else 0 end as refunds,
        case when b.has_others then greatest(0, k.preauths - g.told_preauths) else 0 end as preauths
      from reversed_groups g
      join reversed_batches b on b.account_id = g.account_id and b.card_batch_id = g.card_batch_id
      cross join lateral (
        select count(*) filter (where type in ('purchase', 'capture')) as sales,
          count(*) filter (where type = 'refund') as refunds, count(*) filter (where type = 'preauth') as preauths
        from (
        ${rowsOfGroup('c.type', ['purchase', 'capture', 'refund', 'preauth'])}
        ) own where b.has_others
      ) k
      where g.free > 0
    ) l
  ),
  splits as materialized (
    select c.*, s.n as of_sales, f.n as of_refunds, count(*) over (partition by part) as choices
    from candidates c
    cross join lateral generate_series(0, least(free, sales + orphans)) s(n)
    cross join lateral generate_series(0, least(free - s.n, refunds + orphans)) f(n)
    where free - s.n - f.n <= preauths and (free <= ${GROUP_SIZE_MAX} or refunds + preauths + orphans = 0)
      and (refunds + preauths + orphans > 0 or s.n = free)
  ),
  open_groups as materialized (
    -- A reverse went to a sale unless to a refund or a preauth: how many of a group went to either.
    select part, ${groupKey}, free, min(of_refunds) as least_refunds, max(of_refunds) - min(of_refunds) as more_refunds,
      min(free - of_sales - of_refunds) as least_preauths,
      max(free - of_sales - of_refunds) - min(free - of_sales - of_refunds) as more_preauths,
      min(free - of_sales) as least_others, max(free - of_sales) as most_others,
      row_number() over (partition by account_id, card_batch_id order by currency, amount_minor, card_number_masked) as place
    from splits where choices > 1 and not is_behind group by part, ${groupKey}, free
  ),
  open_batches as materialized (
    -- What the groups with a choice have to add up to: what is stated, less what is certain.
    select o.account_id, o.card_batch_id, o.amounts, o.more_refunds, o.more_preauths, o.least_others, o.most_others,
      b.refunds_reversed_minor - s.refunds_reversed_minor - o.least_refunds_minor as refunds_minor,
      o.free_minor - (b.reversed_minor - s.reversed_minor) - (b.refunds_reversed_minor - s.refunds_reversed_minor)
        - o.least_preauths_minor as preauths_minor
    from (
      select account_id, card_batch_id, array_agg(amount_minor order by place) as amounts,
        array_agg(more_refunds::integer order by place) as more_refunds,
        array_agg(more_preauths::integer order by place) as more_preauths,
        array_agg((least_others - least_refunds - least_preauths)::integer order by place) as least_others,
        array_agg((most_others - least_refunds - least_preauths)::integer order by place) as most_others,
        sum(free * amount_minor) as free_minor,
        sum(least_refunds * amount_minor) as least_refunds_minor, sum(least_preauths * amount_minor) as least_preauths_minor
      from open_groups group by 1, 2
    ) o
    join reversed_batches b on b.account_id = o.account_id and b.card_batch_id = o.card_batch_id
    cross join lateral (
      select coalesce(sum(reversed_minor), 0) as reversed_minor,
        coalesce(sum(refunds_reversed_minor), 0) as refunds_reversed_minor
      from (
        select told_sales * amount_minor as reversed_minor, told_refunds * amount_minor as refunds_reversed_minor
        from reversed_groups g
        where g.account_id = o.account_id and g.card_batch_id = o.card_batch_id and not is_behind
        union all
        select of_sales * amount_minor, of_refunds * amount_minor
        from splits s
        where s.account_id = o.account_id and s.card_batch_id = o.card_batch_id and choices = 1 and not is_behind
      ) certain
    ) s
    where b.is_solvable and b.reversed_minor is not null and b.refunds_reversed_minor is not null
  ),
  agreed as materialized (
    select account_id, card_batch_id, refunds, preauths
    from open_batches cross join lateral recon.agreed_splits(
      amounts, more_refunds, more_preauths, least_others, most_others, refunds_minor::bigint, preauths_minor::bigint
    ) s(refunds, preauths)
  ),
  decided as materialized (
    select part, of_sales, of_refunds from splits where choices = 1
    union all
    select g.part, s.of_sales, s.of_refunds
    from open_groups g
    join agreed a on a.account_id = g.account_id and a.card_batch_id = g.card_batch_id
    join splits s on s.choices > 1 and s.part = g.part and s.of_refunds = g.least_refunds + a.refunds[g.place]
      and s.free - s.of_sales - s.of_refunds = g.least_preauths + a.preauths[g.place]
  ),
  reverse_kinds as materialized (
    select r.account_id, r.transaction_id, coalesce(r.told, case
      when d.of_sales is null then null
      when r.place <= d.of_sales then 'sale'
      when r.place <= d.of_sales + d.of_refunds then 'refund'
      else 'preauth' end) as kind,
      r.told is null and d.of_sales is null and (r.is_behind or r.is_waiting) as is_to_come
    from (
      select *, row_number() over (partition by part, told is null order by transaction_id) as place from reverses
    ) r
    left join decided d on r.told is null and d.part = r.part
  )`
