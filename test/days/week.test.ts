import { describe, expect, it } from 'vitest'
import type { OutgoingMessage } from '../../src/alerts/channel.ts'
import type { AlertBody } from '../../src/alerts/message.ts'
import { listDailyBalance } from '../../src/db/mismatches/history.ts'
import { TOLD_KINDS } from '../../src/domain/alert-routing.ts'
import { addDays, createZone } from '../../src/sandbox/zone.ts'
import { alertBodies, createReadableLog, digestBodies, distinctBodies, toldIn } from '../alerts/support.ts'
import { EVENTS_TOLD, untoldQuery } from '../kills/points/listeners.ts'
import type { ManualClock } from '../sandbox/support.ts'
import { isLong } from '../support/long.ts'
import { expectExported } from './exported.ts'
import { createJumpingClock } from './jumping-clock.ts'
import { lookAt } from './look-at.ts'
import { openReceiver } from './receiver.ts'
import { AGREED, compare, type Look, nameTruth, withRuntime } from './support.ts'
import { createMemory } from './truth-of-exports.ts'
import { carryOut, planWeek } from './week-plan.ts'

const SEEDS = (process.env.SEEDS ?? (isLong ? '1,2,3,4' : '1')).split(',').map(Number)
const FIRST_DAY = '2026-10-05'
const DAYS = 7
const HISTORY_DAYS = 4
const ZONE = 'America/Edmonton'
const zone = createZone(ZONE)
/** After these looks something happens to the shop; after the night's, all that happened before must have been found. */
const TURNS = ['11:00', '16:00'] as const
const NIGHT = '03:40'
/** After the nights of these days the files are written and held against what Helcim holds. */
const EXPORTED_DAYS: readonly number[] = [2, 4, 5, 7]
const HOUR_MS = 3_600_000
/** The longest wait between two attempts (`alerts/settings.ts`), and so how far apart the last looks are. */
const BACKOFF_MS_MAX = 6 * HOUR_MS
const WAITS_MAX = 10

describe.concurrent('a week in which defects come, go and return', () => {
  it.each(SEEDS)('is told once per channel, under one identity, and every day adds up (seed %i)', async (seed) => {
    const clock = createJumpingClock(zone.at(FIRST_DAY, '08:00'))
    const receiver = await openReceiver({ seed, failing: 0.25, unheard: 0.15 })
    const { log, lines } = createReadableLog()
    const shop = {
      now: new Date(zone.at(FIRST_DAY, '08:00')).toISOString(),
      historyDays: HISTORY_DAYS,
      scenario: { startsOn: addDays(FIRST_DAY, -HISTORY_DAYS), customers: 60, salesPerDay: { min: 26, max: 36 } },
    }
    try {
      await withRuntime({ seed, ...shop, clock, log, env: receiver.env }, async (look) => {
        const plan = planWeek(seed)
        const strikes = new Map<number, number>()
        const table: string[] = []
        const happened: string[] = []
        const memory = createMemory()
        await look.pullMissing()
        expect(await look.found()).toEqual([])
        await look.runtime.schedule()

        for (let day = 1; day <= DAYS; day += 1) {
          const date = addDays(FIRST_DAY, day - 1)
          for (const [turn, time] of TURNS.entries()) {
            await lookAt(look, clock, zone.at(date, time))
            memory.note(look.sandbox, false)
            happened.push(...carryOut(plan, { day, turn }, look.sandbox, strikes))
          }
          await lookAt(look, clock, zone.at(addDays(date, 1), NIGHT))
          const truth = nameTruth(look.sandbox.truth().defects)
          const found = await look.found()
          expect(compare(truth, found), `seed ${seed}, the night after ${date}`).toEqual(AGREED)
          const balance = (await balanceOf(look)).at(-1)
          if (balance) expect(balance.countOpen).toBe(truth.length)
          memory.note(look.sandbox, true)
          if (EXPORTED_DAYS.includes(day)) {
            // To the day that has just begun: what the night found was first seen on it.
            const period = { from: addDays(FIRST_DAY, -HISTORY_DAYS), to: addDays(date, 1) }
            await expectExported(look, { period, zone, memory, where: `seed ${seed}, the night after ${date}` })
          }
          table.push(`${date} ${String(truth.length).padStart(4)}  ${happened.splice(0).join(', ')}`)
        }
        receiver.recover()
        for (let wait = 0; !(await isAllTold(look, clock)); wait += 1) {
          if (wait === WAITS_MAX) throw new Error('some messages are never delivered')
          await lookAt(look, clock, clock.now() + BACKOFF_MS_MAX)
        }

        const events = (await look.query(EVENTS_TOLD)).map(({ event }) => String(event)).sort()
        const heard = { webhook: receiver.taken, log: lines.flatMap(toMessage) }
        for (const [channel, taken] of Object.entries(heard)) {
          const bodies = alertBodies(taken)
          const ids = await messageIds(look, channel)
          expect([...bodies.keys()].sort(), `${channel}, seed ${seed}`).toEqual(ids.alerts)
          const digests = digestBodies(taken)
          expect([...digests.keys()].sort(), `${channel}, seed ${seed}`).toEqual(ids.digests)
          expect([...digests.values()].map(({ data }) => data.day).sort()).toEqual(digestDays(clock.now()))
          expect(toldIn(bodies.values())).toEqual(events)
          // The control: one message that nobody took would be missed.
          expect(toldIn([...bodies.values()].slice(1))).not.toEqual(events)
          expectOneIdentity([...bodies.values()])
          expect(daysTold([...bodies.values()])).toEqual(await balanceOf(look))
        }
        expect(receiver.forged).toEqual([])

        const countOf = (kind: string) => events.filter((event) => event.includes(` ${kind} `)).length
        const counts = TOLD_KINDS.map((kind) => `${countOf(kind)} ${kind}`).join(', ')
        const countRepeats = receiver.taken.length - distinctBodies(receiver.taken).size
        console.info(
          [
            `seed ${seed}: ${counts}; ${distinctBodies(receiver.taken).size} messages by webhook, ` +
              `${countRepeats} of them again under their id, ${receiver.countFailed()} attempts failed`,
            'day        open  what happened to the shop',
            ...table,
            'day        opened reopened resolved open',
            ...(await balanceOf(look)).map(
              ({ day, countOpened, countReopened, countResolved, countOpen }) =>
                `${day} ${[countOpened, countReopened, countResolved].map((count) => String(count).padStart(6)).join('   ')} ${String(countOpen).padStart(4)}`,
            ),
          ].join('\n'),
        )
        // The controls: all kinds of transitions were met, and the receiver made trouble.
        for (const kind of TOLD_KINDS) expect(countOf(kind), kind).toBeGreaterThan(0)
        expect(countRepeats).toBeGreaterThan(0)
        expect(receiver.countFailed()).toBeGreaterThan(0)
      })
    } finally {
      await receiver.close()
    }
  })
})

const balanceOf = ({ runtime: { services } }: Look) =>
  services.db.transaction((tx) => listDailyBalance(tx, { accountId: services.account.accountId, zone: ZONE }))

async function isAllTold({ query }: Look, clock: ManualClock): Promise<boolean> {
  const [row] = await query(untoldQuery(clock.now()))
  return Number(row?.ready) + Number(row?.claimed) + Number(row?.later) === 0
}

async function messageIds({ query }: Look, channel: string): Promise<{ alerts: string[]; digests: string[] }> {
  const rows = await query(`select message_id, cause like 'digest %' as is_digest from recon.alert_messages
    where channel = '${channel}' and cause <> 'channel begun'`)
  const idsOf = (isDigest: boolean) =>
    rows.flatMap((row) => (row.is_digest === isDigest ? [String(row.message_id)] : [])).sort()
  return { alerts: idsOf(false), digests: idsOf(true) }
}

/** Local days whose digest came due until `now`: the first one's was due half an hour before it all began. */
function digestDays(now: number): string[] {
  const days: string[] = []
  for (let day = addDays(FIRST_DAY, 1); zone.at(day, '07:30') <= now; day = addDays(day, 1)) days.push(day)
  return days
}

const TOLD_TYPES: ReadonlySet<string> = new Set(['digest.daily', ...TOLD_KINDS.map((kind) => `mismatches.${kind}`)])

/** A line of the log that tells something, as the message that it came from. */
function toMessage({ msg, messageId, ...rest }: Record<string, unknown>): OutgoingMessage[] {
  if (typeof messageId !== 'string' || !TOLD_TYPES.has(String(msg))) return []
  const { level: _, time: __, pid: ___, hostname: ____, ...data } = rest
  return [{ messageId, body: JSON.stringify({ type: msg, data }) }]
}

/** The transitions that were told, in the order in which they happened. */
const transitionsIn = (bodies: readonly AlertBody[]) =>
  bodies
    .flatMap(({ type, data }) => data.items.map((item) => ({ ...item, kind: type.replace('mismatches.', '') })))
    .filter(({ kind }) => kind !== 'reminded')
    .sort((a, b) => a.at.localeCompare(b.at))

/** What is told of one subject bears one id, which is nobody else's; and it opens once, is resolved, and reopens. */
function expectOneIdentity(bodies: readonly AlertBody[]): void {
  const ids = new Map<string, Set<string>>()
  const kinds = new Map<string, string[]>()
  for (const { id, code, subject, period, kind } of transitionsIn(bodies)) {
    const name = `${code} ${subject.kind} ${subject.id} ${period}`
    ids.set(name, (ids.get(name) ?? new Set()).add(id))
    kinds.set(id, [...(kinds.get(id) ?? []), kind])
  }
  expect([...ids.values()].filter(({ size }) => size !== 1)).toEqual([])
  expect(kinds.size).toBe(ids.size)
  for (const [id, told] of kinds) expect(told.join(), id).toMatch(/^opened(,resolved,reopened)*(,resolved)?$/)
}

/** The days as somebody sees them who knows only what was told, `open` by adding up. */
function daysTold(bodies: readonly AlertBody[]) {
  const transitions = transitionsIn(bodies).map(({ kind, at }) => ({ kind, day: zone.date(Date.parse(at) as never) }))
  let countOpen = 0
  return [...new Set(transitions.map(({ day }) => day))].sort().map((day) => {
    const count = (kind: string) => transitions.filter((one) => one.day === day && one.kind === kind).length
    const [countOpened, countReopened, countResolved] = [count('opened'), count('reopened'), count('resolved')]
    countOpen += countOpened + countReopened - countResolved
    return { day, countOpened, countReopened, countResolved, countOpen }
  })
}
