import { sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import { RESOURCE_NAMES } from '../domain/pull.ts'
import type { HelcimId } from '../domain/record.ts'
import type { Tx } from './client.ts'
import { arrayOf, instantOf, timestamp } from './sql-values.ts'

/** Each kind of window with the filter of the list that it goes by; the last rows of a batch are asked for like all of them. */
const FILTER_OF_KIND = sql`(values ('all', 'none'), ('days', 'days'), ('card_batch', 'batch'), ('card_batch_tail', 'batch'),
  ('one', 'id'), ('code', 'code'), ('batch_number', 'number')) as k(window_kind, filter)`

/**
 * Lists of which the last reading by a filter, of those that show whether it holds, brought rows that it excludes.
 * @returns by resource what the newest of these readings said
 */
export async function listIgnoredFilters(tx: Tx, accountId: number): Promise<ReadonlyMap<string, string>> {
  const { rows } = await tx.execute<{ resource: string; fail_words: string | null }>(sql`
    with last as (
      select distinct on (r.resource, k.filter) r.resource, told.*
      from unnest(${arrayOf(RESOURCE_NAMES)}::text[]) as r(resource)
      cross join ${FILTER_OF_KIND}
      cross join lateral (
        select state, finished_at, pull_id, fail_words from recon.pulls p
        where p.account_id = ${accountId} and p.resource = r.resource and p.window_kind = k.window_kind
          and finished_at is not null and (state = 'complete' or fail_code = 'FILTER_IGNORED')
        order by finished_at desc, pull_id desc limit 1
      ) told
      order by r.resource, k.filter, told.finished_at desc, told.pull_id desc
    )
    select distinct on (resource) resource, fail_words from last where state <> 'complete'
    order by resource, finished_at desc, pull_id desc`)
  return new Map(rows.map(({ resource, fail_words: words }) => [resource, words ?? '']))
}

/** What the judgement of card batches waits for. */
export interface WantedWindows {
  /** Batches that wait for a reading of their rows or figures. */
  readonly cardBatchIds: readonly HelcimId[]
  /** Batches that no list returned, as `terminal:number`. */
  readonly batchNumbers: readonly string[]
}

export interface WindowInVain {
  readonly kind: 'card_batch' | 'batch_number'
  /** The batch's id, or `terminal:number`. */
  readonly subject: string
  /** What was asked for last: rows, or the batch itself. */
  readonly resource: string
  /** The first of those asked for in vain, one after the other. */
  readonly askedSince: Instant
  readonly failWords: string | null
}

/**
 * Of these windows those that were asked for in vain since before `askedBefore`: none was read to its end since, and the
 * batch has been waiting all the time. A filter that is ignored is told by itself.
 */
export async function listWindowsInVain(
  tx: Tx,
  { accountId, wanted, askedBefore }: { accountId: number; wanted: WantedWindows; askedBefore: Instant },
): Promise<WindowInVain[]> {
  const { cardBatchIds, batchNumbers } = wanted
  if (cardBatchIds.length === 0 && batchNumbers.length === 0) return []
  const { rows } = await tx.execute<Record<string, string | null>>(sql`
    with wanted as (
      select 'card_batch' as kind, id::text as subject, (
        select max(until) from recon.batch_check_versions v
        where v.account_id = ${accountId} and v.card_batch_id = id and v.state <> 'waiting') as waiting_since
      from unnest(${arrayOf(cardBatchIds)}::bigint[]) as id
      union all
      select 'batch_number', subject, null from unnest(${arrayOf(batchNumbers)}::text[]) as subject
    ), asked as (
      select w.kind, w.subject, p.resource, p.pull_id, p.started_at, p.state, p.fail_code, p.fail_words,
        max(p.started_at) filter (where p.state = 'complete') over (partition by w.kind, w.subject) as read_from
      from wanted w
      join (values ('card_batch', 'card_transaction', 'card_batch'), ('card_batch', 'card_transaction', 'card_batch_tail'),
        ('card_batch', 'card_batch', 'one'), ('batch_number', 'card_batch', 'batch_number')
      ) as k(kind, resource, window_kind) on k.kind = w.kind
      join recon.pulls p on p.account_id = ${accountId} and p.resource = k.resource and p.window_kind = k.window_kind
        and p.subject = w.subject and (w.waiting_since is null or p.started_at >= w.waiting_since)
    )
    select kind, subject, min(started_at) as asked_since,
      (array_agg(resource order by pull_id desc))[1] as resource,
      (array_agg(fail_words order by pull_id desc) filter (where fail_words is not null))[1] as fail_words
    from asked where state not in ('complete', 'split') and (read_from is null or started_at > read_from)
    group by kind, subject
    having min(started_at) < ${timestamp(askedBefore)}
      and (array_agg(fail_code order by pull_id desc) filter (where state <> 'running'))[1] is distinct from 'FILTER_IGNORED'
    order by kind, subject`)
  return rows.map((row) => ({
    kind: row.kind as WindowInVain['kind'],
    subject: String(row.subject),
    resource: String(row.resource),
    askedSince: instantOf(row.asked_since) as Instant,
    failWords: row.fail_words ?? null,
  }))
}
