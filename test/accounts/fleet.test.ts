import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { watchAccounts } from '../../src/cli/accounts-watch.ts'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { FAULT_ANSWERS } from '../../src/sandbox/faults/acts.ts'
import { until } from '../kills/cli-process.ts'
import { isLong } from '../support/long.ts'
import { type Fleet, type Merchant, openFleet } from './fleet.ts'

const STARTS_AT = '2026-10-20T15:00:00Z'
/** A poll every five minutes is one every 2.5 s. */
const RATE = 120
const POLL_MS = 300_000
const OFTEN = Number.MAX_SAFE_INTEGER
/** What a poll may take, of the machine's time: then what is sold is here within half a poll and this, or one and that. */
const POLL_TAKES_MS = { p50: 2_000, longest: 5_000 }

const fleets: Fleet[] = []
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.close()
})

async function open(merchants: readonly Merchant[], syncCron = '*/5 * * * *'): Promise<Fleet> {
  const clock = createSimulatedClock(toInstant(Date.parse(STARTS_AT)), RATE)
  const fleet = await openFleet(merchants, { clock, clockText: `${STARTS_AT}@${RATE}`, historyDays: 4, syncCron })
  fleets.push(fleet)
  return fleet
}

const small = (name: string): Merchant => ({
  name,
  scenario: { startsOn: '2026-10-17', customers: 5, salesPerDay: 6 },
})

describe('several merchants in one process', () => {
  test.skipIf(!isLong)(
    'eight keep their freshness beside one with a history a hundred times larger and one that gives no answer',
    async () => {
      const sound = Array.from({ length: 8 }, (_, index) => `sound-${index + 1}`)
      const fleet = await open([
        { ...small('huge'), scenario: { startsOn: '2026-10-17', salesPerDay: 600 }, switches: { pageSizeMax: 25 } },
        small('silent'),
        ...sound.map(small),
      ])
      // Every other call hangs until its deadline, the rest are answered with HTML and 522.
      const { faults } = fleet.sandboxOf('silent')
      faults.addRandom({ rate: 0.5, seed: 7, acts: [{ kind: 'hang' }] })
      faults.add({ match: { path: /connection-test/, times: OFTEN }, act: { kind: 'hang' } })
      faults.addRandom({ rate: 1, seed: 8, acts: [FAULT_ANSWERS['html-522']] })
      await fleet.start()
      const countPolls = 8
      const startedAt = performance.now()
      await sleep((POLL_MS / RATE) * countPolls)
      const delays = await fleet.database.rows(`
      select a.name, w.planned_at, extract(epoch from w.finished_at - w.planned_at) * 1000 / ${RATE} as real_ms, w.outcome
      from recon.due_work w join recon.accounts a using (account_id)
      where w.kind = 'poll' and a.name like 'sound-%' order by 1, 2`)
      const ended = delays.filter(({ outcome }) => outcome === 'done')
      const lateMs = ended.map(({ real_ms }) => Number(real_ms)).sort((x, y) => x - y)
      const [calls] = await fleet.database.rows(`
      select count(*) filter (where a.name = 'huge') as huge, count(*) filter (where a.name = 'silent') as silent
      from recon.calls c join recon.accounts a using (account_id)`)
      const p50 = Math.round(lateMs[Math.floor(lateMs.length / 2)] ?? Number.NaN)
      const longest = Math.round(lateMs.at(-1) ?? Number.NaN)
      console.info(
        `${ended.length} polls of 8 accounts in ${Math.round(performance.now() - startedAt)} ms, due to done p50 ` +
          `${p50} ms, longest ${longest} ms; ` +
          `calls of the huge one ${calls?.huge}, of the silent one ${calls?.silent}`,
      )
      expect(p50).toBeLessThanOrEqual(POLL_TAKES_MS.p50)
      expect(longest).toBeLessThanOrEqual(POLL_TAKES_MS.longest)
      for (const name of sound) {
        const polls = delays.filter((row) => row.name === name)
        expect(polls.length, name).toBeGreaterThanOrEqual(countPolls - 2)
        // Whichever is under way right now is not over; no other is missing or was given up for a later one.
        expect(
          polls.slice(0, -1).every(({ outcome }) => outcome === 'done'),
          name,
        ).toBe(true)
        expect(fleet.sandboxOf(name).peaks().count429).toBe(0)
      }
      // Controls: the others really were a burden.
      expect(Number(calls?.huge)).toBeGreaterThan(50)
      expect(Number(calls?.silent)).toBeGreaterThan(0)
      const [row] = await fleet.database.rows(`select count(*) as n from recon.pulls p join recon.accounts a
      using (account_id) where a.name = 'silent' and p.state = 'complete'`)
      expect(Number(row?.n)).toBe(0)
    },
  )

  test('a token that is not accepted stops its account alone, and a new one in its file sets it going again', async () => {
    const fleet = await open([small('a'), small('b')], '* * * * *')
    fleet.writeAccounts(['a', 'b'], { b: 'token-of-nobody' })
    await fleet.start()
    const watch = watchAccounts(fleet.config, fleet.runtime, fleet.log.log)
    try {
      await until('a is read', () => isRead(fleet, 'a'), 20_000)
      const refused = () =>
        fleet
          .sandboxOf('b')
          .calls()
          .filter(({ status }) => status === 401).length
      await until('b is stopped', async () => (await stopReason(fleet, 'b')) !== null, 20_000)
      await sleep(1_500)
      expect(refused()).toBeLessThanOrEqual(4)
      expect(await stopReason(fleet, 'a')).toBeNull()
      expect(await isRead(fleet, 'b')).toBe(false)

      fleet.writeAccounts(['a', 'b'])
      await watch.look()
      await until('b is read', () => isRead(fleet, 'b'), 20_000)
      console.info(`calls with a token that is not accepted: ${refused()}`)
    } finally {
      await watch.stop()
    }
  })

  test('accounts come and go without a restart, and a wrong file changes nothing', async () => {
    const fleet = await open([small('a'), small('b')], '* * * * *')
    fleet.writeAccounts(['a'])
    await fleet.start()
    const watch = watchAccounts(fleet.config, fleet.runtime, fleet.log.log)
    const names = () => fleet.runtime.accounts().map(({ settings }) => settings.name)
    try {
      await until('a is read', () => isRead(fleet, 'a'), 20_000)
      expect(fleet.sandboxOf('b').calls()).toHaveLength(0)

      fleet.writeAccounts(['a', 'b'])
      await watch.look()
      await until('b is read', () => isRead(fleet, 'b'), 20_000)
      expect(names()).toEqual(['a', 'b'])

      fleet.writeAccounts(['b'])
      await watch.look()
      expect(names()).toEqual(['b'])
      await sleep(300)
      const countBefore = fleet.sandboxOf('a').calls().length
      await until('b is polled twice more', pollsAfter(fleet, 'b', 2), 20_000)
      expect(fleet.sandboxOf('a').calls().length).toBe(countBefore)

      fleet.writeAccounts(['b', 'b'])
      await watch.look()
      await watch.look()
      expect(names()).toEqual(['b'])
      expect(fleet.log.named('accounts.refused')).toHaveLength(1)
      expect(await isRead(fleet, 'a'), 'what was read stays').toBe(true)
    } finally {
      await watch.stop()
    }
  })
})

async function isRead(fleet: Fleet, name: string): Promise<boolean> {
  const [row] = await fleet.database.rows(`select count(*) as days from recon.covered_days c join recon.accounts a
    using (account_id) where a.name = '${name}'`)
  return Number(row?.days) >= 5
}

async function stopReason(fleet: Fleet, name: string): Promise<unknown> {
  const [row] = await fleet.database.rows(`select stop_reason from recon.budgets join recon.accounts using (account_id)
    where name = '${name}'`)
  return row?.stop_reason ?? null
}

function pollsAfter(fleet: Fleet, name: string, count: number): () => boolean {
  const polls = () =>
    fleet
      .sandboxOf(name)
      .calls()
      .filter(({ path }) => path.includes('/card-batches')).length
  const before = polls()
  return () => polls() >= before + count
}
