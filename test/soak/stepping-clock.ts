import pg from 'pg'
import { type Clock, toInstant } from '../../src/domain/clock.ts'
import { createSleepers } from '../support/sleepers.ts'

/** What its users take for its speed, and how fast it runs while all they do is wait. */
const RATE = 25

/**
 * A clock that runs with the machine's while somebody works, so that work takes as long as it takes, runs ahead while all
 * are only waiting, and jumps where nobody is even that.
 */
export interface SteppingClock extends Clock {
  /** 1, or fast. */
  setFast(isFast: boolean): Promise<void>
  /** Whoever sleeps until then wakes up. */
  jumpTo(at: number): Promise<void>
  /** When the next sleeper wakes; null if none sleeps. */
  nextWake(): number | null
  countSleepers(): number
  close(): Promise<void>
}

/**
 * PostgreSQL keeps the windows of the limits by its own clock. In this database that is this one, seen through `RATE`: the
 * path puts a function of that name before Postgres' own. It never runs ahead of ours, so that no window opens early.
 * @param databaseUrl an empty database that nobody is connected to yet
 */
export async function createSteppingClock(databaseUrl: string, startsAt: number): Promise<SteppingClock> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  await client.query(`
    create schema sim;
    create unlogged table sim.clock (at_ms float8, read_at timestamptz, speed float8);
    insert into sim.clock values (${startsAt}, clock_timestamp(), 1);
    create function sim.now_ms() returns float8 language sql volatile as $$
      select at_ms + extract(epoch from pg_catalog.clock_timestamp() - read_at) * 1000 * speed from sim.clock $$;
    create function sim.clock_timestamp() returns timestamptz language sql volatile as $$
      select to_timestamp((${startsAt} + (sim.now_ms() - ${startsAt}) / ${RATE}) / 1000) $$;
    do $$ begin execute format('alter database %I set search_path = sim, pg_catalog, public', current_database()); end $$`)

  let base = startsAt
  let readAt = performance.now()
  let speed = 1
  let timer: NodeJS.Timeout | undefined
  const now = () => base + (performance.now() - readAt) * speed
  const { sleep, nextWake, count: countSleepers, wakeDue: wakeSleepers } = createSleepers(now, () => arm())

  function arm(): void {
    clearTimeout(timer)
    const next = nextWake()
    if (next !== null) timer = setTimeout(wakeDue, Math.max(0, (next - now()) / speed))
  }
  function wakeDue(): void {
    wakeSleepers()
    arm()
  }
  function setOurs(at: number, nextSpeed: number): void {
    base = at
    readAt = performance.now()
    speed = nextSpeed
    wakeDue()
  }
  const setTheirs = (at: number, nextSpeed: number) =>
    client.query('update sim.clock set at_ms = $1, read_at = pg_catalog.clock_timestamp(), speed = $2', [at, nextSpeed])

  return {
    now: () => toInstant(Math.floor(now())),
    rate: RATE,
    realMs: (durationMs) => durationMs / RATE,
    sleep,
    // Whoever slows down goes first, whoever speeds up goes last.
    async setFast(isFast) {
      const next = isFast ? RATE : 1
      if (next === speed) return
      if (!isFast) await setTheirs(now(), next)
      setOurs(now(), next)
      if (isFast) await setTheirs(now(), next)
    },
    async jumpTo(at) {
      if (at > now()) setOurs(at, 1)
      else setOurs(now(), 1)
      await setTheirs(now(), 1)
    },
    nextWake,
    countSleepers,
    async close() {
      clearTimeout(timer)
      await client.end()
    },
  }
}
