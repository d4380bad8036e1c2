import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { HelcimId } from '../domain/record.ts'
import type { Tx } from './client.ts'
import { pullPages } from './schema/pulls.ts'
import { arrayOf } from './sql-values.ts'

/** Stands among the ids of a page that held records without a readable one; Helcim's own begin above it. */
export const NO_ID: HelcimId = 0n

interface PullKey {
  readonly accountId: number
  readonly pullId: bigint
}

interface WalkKey extends PullKey {
  readonly walk: number
}

/** What a walk saw until now, as far as its next page must know. */
export interface WalkSoFar {
  /** Fewer than the walk has passed mean that Postgres crashed. */
  readonly countPages: number
  /** New ids on the last of them, and the last id of all. */
  readonly countLast: number
  readonly lastId: HelcimId | null
  /** Of the ids asked about, those that a page had. */
  readonly knownIds: ReadonlySet<HelcimId>
}

export const NOTHING_SO_FAR: WalkSoFar = { countPages: 0, countLast: 0, lastId: null, knownIds: new Set() }

/** @param ids those that no earlier page of the walk had, in the order of the page */
export async function storePageIds(tx: Tx, key: WalkKey & { page: number }, ids: readonly HelcimId[]): Promise<void> {
  const { accountId, pullId, walk, page } = key
  const [minId, maxId] = boundsOf(ids.filter((id) => id !== NO_ID)) ?? [null, null]
  await tx
    .insert(pullPages)
    .values({ accountId, pullId, walk, page, ids: [...ids], minId, maxId })
    .onConflictDoNothing()
}

/**
 * Of long walks: most lists come in an order, so that few pages lie where the ids asked about do, and only those are
 * opened.
 */
export async function loadWalkSoFar(tx: Tx, pull: WalkKey, ids: readonly HelcimId[]): Promise<WalkSoFar> {
  const isOfWalk = ofWalk(pull)
  const bounds = boundsOf(ids)
  const known =
    bounds &&
    sql`(select string_agg(id::text, ',') from recon.pull_pages p cross join unnest(p.ids) id
      where ${isOfWalk} and (p.max_id is null or (p.min_id <= ${bounds[1]} and p.max_id >= ${bounds[0]}))
        and id = any(${arrayOf(ids)}::bigint[]))`
  const { rows } = await tx.execute<Record<'pages' | 'last', string> & Record<'last_id' | 'known', string | null>>(sql`
    select (select count(*) from recon.pull_pages p where ${isOfWalk}) as pages,
      (select cardinality(ids) from recon.pull_pages p where ${isOfWalk} order by page desc limit 1) as last,
      (select ids[cardinality(ids)] from recon.pull_pages p where ${isOfWalk} and ids <> '{}'
        order by page desc limit 1) as last_id,
      ${known ?? sql`null`} as known`)
  const [row] = rows
  return {
    countPages: Number(row?.pages ?? 0),
    countLast: Number(row?.last ?? 0),
    lastId: row?.last_id ? BigInt(row.last_id) : null,
    knownIds: new Set(row?.known?.split(',').map(BigInt) ?? []),
  }
}

/** All ids of a walk, in the order in which they came. */
export async function loadWalkIds(tx: Tx, { accountId, pullId, walk }: WalkKey): Promise<HelcimId[]> {
  const rows = await tx
    .select({ ids: pullPages.ids })
    .from(pullPages)
    .where(and(eq(pullPages.accountId, accountId), eq(pullPages.pullId, pullId), eq(pullPages.walk, walk)))
    .orderBy(pullPages.page)
  return rows.flatMap((row) => row.ids)
}

export async function forgetPages(tx: Tx, { accountId, pullId }: PullKey): Promise<void> {
  await tx.delete(pullPages).where(and(eq(pullPages.accountId, accountId), eq(pullPages.pullId, pullId)))
}

const ofWalk = ({ accountId, pullId, walk }: WalkKey): SQL =>
  sql`p.account_id = ${accountId} and p.pull_id = ${pullId} and p.walk = ${walk}`

/** Smallest and largest; null of none. */
function boundsOf(ids: readonly HelcimId[]): [HelcimId, HelcimId] | null {
  let [min] = ids
  if (min === undefined) return null
  let max = min
  for (const id of ids) {
    if (id < min) min = id
    if (id > max) max = id
  }
  return [min, max]
}
