import { sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { identifyThisProcess, lookUpProcess, type ProcessIdentity } from '../embedded/process-identity.ts'
import { interval } from './interval.ts'

/** Older rows are forgotten when a process registers; a process that lives longer than that has its leases as before. */
const KEPT_DAYS = 35

/**
 * Notes this process as one that makes calls.
 * @returns its id, or null where a neighbour could not tell for certain that it is gone
 */
export async function registerHolder(db: Db, accountId: number): Promise<bigint | null> {
  const identity = await identifyThisProcess()
  if (!isProvable(identity)) return null
  await db.execute(sql`delete from recon.call_holders where account_id = ${accountId}
    and registered_at < clock_timestamp() - make_interval(days => ${KEPT_DAYS})`)
  const { rows } = await db.execute<{ holder_id: string }>(sql`
    insert into recon.call_holders (account_id, pid, process_started_at, world, hostname, registered_at)
    values (${accountId}, ${identity.pid}, ${identity.startedAt}, ${identity.world}, ${identity.hostname}, clock_timestamp())
    returning holder_id`)
  const [row] = rows
  if (!row) throw new Error('a holder was not written')
  return BigInt(row.holder_id)
}

/**
 * Ends the calls of processes that were killed, as if they had aborted them now: the kernel says that they are gone, so
 * not a byte of theirs is sent any more, and what Helcim may still be working on it gets the drain for. A closed
 * connection or a lost lock would prove nothing: its process may live on, with a call in progress.
 *
 * Only the slot is freed before the lease ends; in the windows the call counts from its deadline, like an aborted one.
 * @returns how many calls had their lease shortened
 */
export async function shortenLeasesOfTheDead(
  db: Db,
  { accountId, drainMs }: { accountId: number; drainMs: number },
): Promise<number> {
  const { rows } = await db.execute<Record<string, string | number | null>>(sql`
    select h.holder_id, h.pid, h.process_started_at, h.world, h.hostname from recon.call_holders h
    where h.account_id = ${accountId} and h.holder_id in (
      select c.holder_id from recon.calls c where c.account_id = ${accountId}
        and c.released_at is null and c.occupied_until > clock_timestamp() + ${interval(drainMs)})`)
  let countShortened = 0
  for (const row of rows) {
    const identity = {
      pid: Number(row.pid),
      startedAt: row.process_started_at === null ? null : String(row.process_started_at),
      world: String(row.world),
      hostname: String(row.hostname),
    }
    if (!isProvable(identity) || (await lookUpProcess(identity)) !== 'gone') continue
    // It only ever frees, so it needs no lock, and whoever does it a second time changes nothing.
    const { rowCount } = await db.execute(sql`
      update recon.calls set occupied_until = clock_timestamp() + ${interval(drainMs)}
      where account_id = ${accountId} and holder_id = ${row.holder_id} and released_at is null
        and occupied_until > clock_timestamp() + ${interval(drainMs)}`)
    countShortened += rowCount ?? 0
  }
  return countShortened
}

/** Names both its boot and its pid namespace: two machines of one host name must not judge each other's processes. */
const isProvable = ({ world, startedAt }: ProcessIdentity): boolean => /^\S+ \S+$/.test(world) && startedAt !== null
