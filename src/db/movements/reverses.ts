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
 * 4. the batch ties out, and the splits of its groups are taken that add up to what Helcim states as reversed and as
 *    refunds reversed. Where several do, their sums are the same and the plainest is taken: rows of one amount;
 * 5. otherwise null: the amount stands in suspense and is never guessed.
 *
 * So the sums of a batch that ties out are its stated ones. An open batch may have reverses that are later than what Helcim
 * states of it: none is told by sums then, until Helcim's next figures hold them all.
 */

/**
 * Groups of more reverses of one card and amount are left undecided, and so are batches with more combinations of which the
 * plainest does not add up.
 */
const GROUP_SIZE_MAX = 20
const COMBINATIONS_MAX = 5_000

const groupKey = 'account_id, card_batch_id, card_number_masked, currency, amount_minor'
const isSameGroup = (a: string, b: string) =>
  `${a}.account_id = ${b}.account_id and ${a}.card_batch_id = ${b}.card_batch_id and ${a}.currency = ${b}.currency
      and ${a}.amount_minor = ${b}.amount_minor and ${a}.card_number_masked is not distinct from ${b}.card_number_masked`

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
 * Subqueries, from `with` on; the last is `reverse_kinds (account_id, transaction_id, kind, is_behind)`: whether Helcim's
 * figures of its batch are to catch up with its reverses. Exports, books and checks read reverses by this one definition.
 * @param accountId null for all accounts
 * @param part only some of them: `scope` are subqueries that come before, each ended by a comma, and `isWithin` a condition on the
 * reverse `r` that takes all of a batch or none
 */
export const reversesSql = (
  accountId: number | null,
  part: ReversesPart = { scope: '', isWithin: 'true' },
): string => `with recursive
  ${part.scope}
  reverses as materialized (
    select r.account_id, r.transaction_id, r.card_batch_id, r.card_number_masked, r.currency, r.amount_minor,
      case when o.type in ('purchase', 'capture') then 'sale' when o.type in ('refund', 'preauth') then o.type end as told
    from helcim.card_transactions r
    left join helcim.card_transactions o on o.account_id = r.account_id
      and o.transaction_id = r.original_transaction_id and o.outcome = 'approved'
    where r.type = 'reverse' and r.outcome = 'approved' and r.vanished_at is null
      ${accountId === null ? '' : `and r.account_id = ${accountId}`} and ${part.isWithin}
  ),
  reversed_groups as materialized (
    select ${groupKey}, count(*) filter (where told is null) as free,
      count(*) filter (where told = 'sale') as told_sales, count(*) filter (where told = 'refund') as told_refunds,
      count(*) filter (where told = 'preauth') as told_preauths, max(transaction_id) as newest_id
    from reverses where card_batch_id is not null group by ${groupKey}
  ),
  reversed_batches as materialized (
    select d.account_id, d.card_batch_id,
      b.reversed_minor, b.refunds_reversed_minor,
      -- The figures hold for the terminal's currency alone, and every group has to be in the sum.
      c.state = 'tied' and d.currency_min = coalesce(t.currency, d.currency_min) and d.currency_max = d.currency_min
        and d.free_max <= ${GROUP_SIZE_MAX} and d.newest_id <= coalesce(c.reverses_up_to, d.newest_id) as is_solvable,
      c.state = 'tied' and d.newest_id > c.reverses_up_to as is_behind,
      exists (
        select from helcim.card_transactions m
        where m.account_id = d.account_id and m.card_batch_id = d.card_batch_id and m.vanished_at is null
          and m.type in ('refund', 'preauth') and m.outcome = 'approved'
          and (t.currency is null or m.currency = t.currency)
      ) as has_others
    from (
      select account_id, card_batch_id, min(currency) as currency_min, max(currency) as currency_max, max(free) as free_max,
        max(newest_id) as newest_id
      from reversed_groups group by 1, 2 having max(free) > 0
    ) d
    left join helcim.card_batches b on b.account_id = d.account_id and b.card_batch_id = d.card_batch_id
    left join helcim.card_terminals t on t.account_id = d.account_id and t.terminal_id = b.terminal_id
    left join recon.batch_checks c on c.account_id = d.account_id and c.card_batch_id = d.card_batch_id
  ),
  candidates as materialized (
    -- What is left of each kind once the reverses that name theirs have taken it; orphans have lost their original.
    select l.*, greatest(0, free - sales - refunds - preauths) as orphans
    from (
      select g.account_id, g.card_batch_id, g.card_number_masked, g.currency, g.amount_minor, g.free,
        case when b.has_others then greatest(0, k.sales - g.told_sales) else g.free end as sales,
        case when b.has_others then greatest(0, k.refunds - g.told_refunds) else 0 end as refunds,
        case when b.has_others then greatest(0, k.preauths - g.told_preauths) else 0 end as preauths
      from reversed_groups g
      join reversed_batches b on b.account_id = g.account_id and b.card_batch_id = g.card_batch_id
      cross join lateral (
        select count(*) filter (where c.type in ('purchase', 'capture')) as sales,
          count(*) filter (where c.type = 'refund') as refunds, count(*) filter (where c.type = 'preauth') as preauths
        from helcim.card_transactions c
        where b.has_others and c.type in ('purchase', 'capture', 'refund', 'preauth') and c.outcome = 'approved'
          and c.vanished_at is null and ${isSameGroup('c', 'g')}
      ) k
      where g.free > 0
    ) l
  ),
  splits as materialized (
    select c.*, s.n as of_sales, f.n as of_refunds, count(*) over (partition by ${groupKey}) as choices
    from candidates c
    cross join lateral generate_series(least(free, sales + orphans), 0, -1) s(n)
    cross join lateral generate_series(0, least(free - s.n, refunds + orphans)) f(n)
    where free - s.n - f.n <= preauths and (free <= ${GROUP_SIZE_MAX} or refunds + preauths + orphans = 0)
      and (refunds + preauths + orphans > 0 or s.n = free)
  ),
  open_splits as materialized (
    select *, dense_rank() over (
        partition by account_id, card_batch_id order by currency, amount_minor, card_number_masked) as place,
      row_number() over (partition by ${groupKey} order by free - of_sales - of_refunds, of_refunds) = 1 as is_plain
    from splits where choices > 1
  ),
  open_sums as materialized (
    -- What the groups with a choice have to add up to: what is stated, less what is certain.
    select o.account_id, o.card_batch_id, o.places, o.combinations_ln, b.reversed_minor - s.reversed_minor as reversed_minor,
      b.refunds_reversed_minor - s.refunds_reversed_minor as refunds_reversed_minor
    from (
      select account_id, card_batch_id, count(*) as places, sum(ln(choices)) as combinations_ln from (
        select account_id, card_batch_id, place, max(choices) as choices from open_splits group by 1, 2, 3) g
      group by 1, 2
    ) o
    join reversed_batches b on b.account_id = o.account_id and b.card_batch_id = o.card_batch_id
    cross join lateral (
      select coalesce(sum(reversed_minor), 0) as reversed_minor,
        coalesce(sum(refunds_reversed_minor), 0) as refunds_reversed_minor
      from (
        select told_sales * amount_minor as reversed_minor, told_refunds * amount_minor as refunds_reversed_minor
        from reversed_groups g where g.account_id = o.account_id and g.card_batch_id = o.card_batch_id
        union all
        select of_sales * amount_minor, of_refunds * amount_minor
        from splits s where s.account_id = o.account_id and s.card_batch_id = o.card_batch_id and choices = 1
      ) certain
    ) s
    where b.is_solvable and b.reversed_minor is not null and b.refunds_reversed_minor is not null
  ),
  plain_batches as materialized (
    -- The plainest split of every group adds up: no combination is plainer, and of a large batch none need be tried.
    select s.account_id, s.card_batch_id
    from open_sums s join open_splits o on o.account_id = s.account_id and o.card_batch_id = s.card_batch_id and o.is_plain
    group by s.account_id, s.card_batch_id, s.reversed_minor, s.refunds_reversed_minor
    having sum(o.of_sales * o.amount_minor) = s.reversed_minor and sum(o.of_refunds * o.amount_minor) = s.refunds_reversed_minor
  ),
  open_batches as materialized (
    select * from open_sums
    where combinations_ln <= ln(${COMBINATIONS_MAX})
      and (account_id, card_batch_id) not in (select account_id, card_batch_id from plain_batches)
  ),
  readings as (
    select account_id, card_batch_id, 0::bigint as place, reversed_minor, refunds_reversed_minor, '{}'::int[] as chosen
    from open_batches
    union all
    select r.account_id, r.card_batch_id, s.place, r.reversed_minor - s.of_sales * s.amount_minor,
      r.refunds_reversed_minor - s.of_refunds * s.amount_minor,
      r.chosen || array[(s.free - s.of_sales - s.of_refunds)::int, s.of_refunds::int]
    from readings r
    join open_splits s on s.account_id = r.account_id and s.card_batch_id = r.card_batch_id and s.place = r.place + 1
    where r.reversed_minor >= s.of_sales * s.amount_minor
      and r.refunds_reversed_minor >= s.of_refunds * s.amount_minor
  ),
  solutions as materialized (
    select r.account_id, r.card_batch_id, min(r.chosen) as chosen
    from readings r join open_batches b on b.account_id = r.account_id and b.card_batch_id = r.card_batch_id
    where r.place = b.places and r.reversed_minor = 0 and r.refunds_reversed_minor = 0
    group by 1, 2
  ),
  decided as materialized (
    select ${groupKey}, of_sales, of_refunds from splits where choices = 1
    union all
    select o.account_id, o.card_batch_id, o.card_number_masked, o.currency, o.amount_minor, o.of_sales, o.of_refunds
    from open_splits o join plain_batches p on p.account_id = o.account_id and p.card_batch_id = o.card_batch_id
    where o.is_plain
    union all
    select o.account_id, o.card_batch_id, o.card_number_masked, o.currency, o.amount_minor, o.of_sales, o.of_refunds
    from open_splits o
    join solutions s on s.account_id = o.account_id and s.card_batch_id = o.card_batch_id
      and s.chosen[o.place * 2 - 1] = o.free - o.of_sales - o.of_refunds and s.chosen[o.place * 2] = o.of_refunds
  ),
  reverse_kinds as materialized (
    select r.account_id, r.transaction_id, coalesce(r.told, case
      when d.of_sales is null then null
      when r.place <= d.of_sales then 'sale'
      when r.place <= d.of_sales + d.of_refunds then 'refund'
      else 'preauth' end) as kind, coalesce(b.is_behind, false) as is_behind
    from (
      select *, row_number() over (partition by ${groupKey}, told is null order by transaction_id) as place from reverses
    ) r
    left join decided d on r.told is null and ${isSameGroup('d', 'r')}
    left join reversed_batches b on b.account_id = r.account_id and b.card_batch_id = r.card_batch_id
  )`
