import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { loadPull, type Pull } from '../../src/db/pulls.ts'
import type { Look } from '../days/support.ts'
import { until } from '../kills/cli-process.ts'
import { isLong } from '../support/long.ts'
import { ask, countOf, mirrored, rest, served, withShop } from './support.ts'

/** Beyond these a job that asks for a connection is told that there is none (`openDatabase`). */
const EXHAUSTED_MS = 11_000
const LOCKED_MS = isLong ? 60_000 : 4_000
const PAGE_LIMIT = 7

/** A session beside the daemon's, for whoever is in its way. */
async function withSession<T>({ runtime }: Look, body: (session: pg.Client) => Promise<T>): Promise<T> {
  const session = new pg.Client({ connectionString: runtime.database.url })
  await session.connect()
  try {
    return await body(session)
  } finally {
    await session.end()
  }
}

interface Progress {
  readonly nextPage: number
  /** Rows that are there beyond what the reading claims, or claimed and not there. */
  readonly halfRows: number
}

async function progressOf(session: pg.Client, { pullId }: Pull): Promise<Progress> {
  const { rows } = await session.query(
    'select next_page, count_rows, (select count(*) from helcim.card_transactions) as rows from recon.pulls where pull_id = $1',
    [String(pullId)],
  )
  return { nextPage: Number(rows[0]?.next_page), halfRows: Number(rows[0]?.rows) - Number(rows[0]?.count_rows) }
}

/** What was claimed beyond the second page, and rows out of step with it. */
interface Seen {
  readonly claimed: number
  readonly half: number
}

/**
 * Reads the days in small pages. The third is not answered before the trouble has begun; what it resolves to then looks
 * on until it is over.
 */
async function readThrough(
  look: Look,
  name: string,
  begin: (session: pg.Client, pull: Pull) => Promise<() => Promise<Seen>>,
): Promise<void> {
  await withSession(look, async (session) => {
    const pull = await ask(look, { cause: name, pageLimit: PAGE_LIMIT })
    const begun = new Promise<() => Promise<Seen>>((resolve, reject) => {
      const before = () => begin(session, pull).then(resolve, reject)
      const match = { query: { limit: String(PAGE_LIMIT), page: '3' } }
      look.sandbox.faults.add({ match, act: { kind: 'hook', before } })
    })
    await look.runtime.enqueue.pullPage(pull)
    const { claimed, half } = await (await begun)()
    const overAt = performance.now()
    await until('a page is stored', async () => (await progressOf(session, pull)).nextPage > 3, 40_000)
    const backMs = performance.now() - overAt
    await rest(look)
    const rowsLost = served(look).length - (await mirrored(look)).length
    console.info(
      `fault 10, ${name}: pages claimed meanwhile ${claimed}, half pages ${half}; the next page stored ` +
        `${Math.round(backMs)} ms after it was over; rows lost ${rowsLost}`,
    )
    expect({ claimed, half }).toEqual({ claimed: 0, half: 0 })
    expect(await loadPull(look.runtime.services.db, pull)).toMatchObject({
      state: 'complete',
      walk: 1,
      countRows: served(look).length,
    })
    expect(await mirrored(look)).toEqual(served(look))
    expect(await countOf(look, 'helcim.record_versions')).toBe(0)
  })
}

/** Looks at the progress until `isOver`. */
async function watch(session: pg.Client, pull: Pull, isOver: () => boolean | Promise<boolean>): Promise<Seen> {
  let claimed = 0
  let half = 0
  do {
    const { nextPage, halfRows } = await progressOf(session, pull)
    claimed = Math.max(claimed, nextPage - 3)
    half = Math.max(half, Math.abs(halfRows))
    await sleep(50)
  } while (!(await isOver()))
  return { claimed, half }
}

// Mostly waiting: all at the same time.
describe.concurrent('fault 10: no progress is claimed and all is read in the end when', () => {
  it('the disk is full for some attempts', async () => {
    await withShop({}, async (look) => {
      // What PostgreSQL says then; that it undoes a transaction that failed is taken on trust.
      await look.query(`create sequence public.attempts;
        create function public.fill() returns trigger language plpgsql as $$ begin
          perform nextval('public.attempts');
          raise exception 'could not extend file: No space left on device' using errcode = 'disk_full';
        end $$`)
      await readThrough(look, 'disk full', async (session, pull) => {
        await session.query(`create trigger full_disk before insert on helcim.card_transactions
          for each row execute function public.fill()`)
        const countAttempts = async () => {
          const { rows } = await session.query('select last_value, is_called from public.attempts')
          return rows[0]?.is_called ? Number(rows[0].last_value) : 0
        }
        return async () => {
          // The control: it was tried more than once.
          const seen = await watch(session, pull, async () => (await countAttempts()) >= 2)
          await session.query('drop trigger full_disk on helcim.card_transactions')
          return seen
        }
      })
    })
  })

  it(`somebody locks the table for ${LOCKED_MS / 1_000} s`, async () => {
    await withShop({}, (look) =>
      withSession(look, (other) =>
        readThrough(look, `lock held ${LOCKED_MS / 1_000} s`, async (session, pull) => {
          // Those who only read are not in its way, so that the progress can be looked at.
          await other.query('begin; lock table helcim.card_transactions in exclusive mode')
          return async () => {
            const overAt = performance.now() + LOCKED_MS
            const seen = await watch(session, pull, () => performance.now() > overAt)
            // The control: a page was being stored all the while.
            expect(await countWaiting(session, 'copy helcim%')).toBe(1)
            await other.query('commit')
            return seen
          }
        }),
      ),
    )
  })

  it(`all connections of its pool are taken for ${EXHAUSTED_MS / 1_000} s`, async () => {
    await withShop({}, (look) =>
      readThrough(look, `pool exhausted ${EXHAUSTED_MS / 1_000} s`, async (session, pull) => {
        const { pool } = look.runtime.database
        const taken = await Promise.all(Array.from({ length: pool.options.max }, () => pool.connect()))
        return async () => {
          const overAt = performance.now() + EXHAUSTED_MS
          let countInLine = 0
          const seen = await watch(session, pull, () => {
            countInLine = Math.max(countInLine, pool.waitingCount)
            return performance.now() > overAt
          })
          // The control: the job stood in line for one.
          expect(countInLine).toBeGreaterThan(0)
          for (const client of taken) client.release()
          return seen
        }
      }),
    )
  })

  it('it is the victim of a deadlock', async () => {
    await withShop({}, (look) =>
      withSession(look, (other) =>
        readThrough(look, 'deadlock', async (session, pull) => {
          await other.query(`begin; set local deadlock_timeout = '30s'`)
          await other.query('select from recon.pulls where pull_id = $1 for update', [String(pull.pullId)])
          return async () => {
            const isWaiting = async () => (await countWaiting(session, 'update "recon"."pulls"%')) > 0
            const first = await watch(session, pull, isWaiting)
            // It waits for our row, and we for its table: only PostgreSQL can end that, after a second.
            let isLocked = false
            const locked = other.query('lock table helcim.card_transactions in share mode').then(() => {
              isLocked = true
            })
            const second = await watch(session, pull, () => isLocked)
            await locked
            await other.query('commit')
            return { claimed: Math.max(first.claimed, second.claimed), half: Math.max(first.half, second.half) }
          }
        }),
      ),
    )
  })
})

/** Sessions that wait for a lock with such a statement. */
async function countWaiting(session: pg.Client, statement: string): Promise<number> {
  const { rows } = await session.query(
    `select count(*) as count from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock' and query ilike $1`,
    [statement],
  )
  return Number(rows[0]?.count)
}
