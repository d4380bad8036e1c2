import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addDays,
  assertCron,
  businessDateOf,
  isTimeZone,
  plannedInstants,
  startOfDay,
  toBusinessDate,
} from '../../src/domain/calendar.ts'
import { type Instant, toInstant } from '../../src/domain/clock.ts'

const at = (iso: string): Instant => toInstant(Date.parse(iso))
const iso = (instants: Instant[]) => instants.map((instant) => new Date(instant).toISOString().slice(0, 16))
const HOUR_MS = 3_600_000

/** Both changes of one year, each with the UTC day around which it happens. */
const CHANGES = [
  { zone: 'America/Edmonton', forward: '2026-03-08', back: '2026-11-01' },
  { zone: 'America/St_Johns', forward: '2026-03-08', back: '2026-11-01' },
  { zone: 'Europe/Berlin', forward: '2026-03-29', back: '2026-10-25' },
  { zone: 'Australia/Lord_Howe', forward: '2026-10-03', back: '2026-04-04' },
]
const CRONS = [
  '* * * * *',
  '*/5 * * * *',
  '0 * * * *',
  '30 * * * *',
  '0 */2 * * *',
  '*/15 1 * * *',
  '15,45 2 * * *',
  '0 2 * * *',
  '30 1 * * *',
  '30 2 * * 0',
  '0 3 8 3 *',
  '59 23 * * *',
  '0 0 * * 1-5',
]

describe('plannedInstants agrees with walking through every minute', () => {
  for (const { zone, forward, back } of CHANGES) {
    for (const day of [forward, back]) {
      test.each(CRONS)(`${zone} around ${day}: %s`, (cron) => {
        const after = toInstant(at(`${day}T00:00:00Z`) - 30 * HOUR_MS)
        const until = toInstant(after + 84 * HOUR_MS)
        const planned = plannedInstants({ cron, zone, after, until, limit: 100_000 })
        expect(iso(planned)).toEqual(iso(walkMinutes(cron, zone, after, until)))
      })
    }
  }

  test('the walk itself notices a missing run (control)', () => {
    const after = at('2026-03-07T00:00:00Z')
    const walked = walkMinutes('30 2 * * *', 'America/Edmonton', after, at('2026-03-10T00:00:00Z'))
    expect(iso(walked)).toEqual(['2026-03-07T09:30', '2026-03-08T09:00', '2026-03-09T08:30'])
  })
})

describe('rules for the hour that is skipped or comes twice', () => {
  const edmonton = (cron: string, day: string) =>
    iso(
      plannedInstants({
        cron,
        zone: 'America/Edmonton',
        after: toInstant(startOfDay(toBusinessDate(day), 'America/Edmonton') - 1),
        until: toInstant(startOfDay(addDays(toBusinessDate(day), 1), 'America/Edmonton') - 1),
        limit: 100,
      }),
    )

  test('several runs in a skipped hour become one, at the first instant after it', () => {
    expect(edmonton('*/10 2 * * *', '2026-03-08')).toEqual(['2026-03-08T09:00'])
  })
  test('a skipped run that meets a planned one is one run', () => {
    expect(edmonton('0 2,3 * * *', '2026-03-08')).toEqual(['2026-03-08T09:00'])
  })
  test('a fixed hour that comes twice runs at the first of both', () => {
    expect(edmonton('30 1 * * *', '2026-11-01')).toEqual(['2026-11-01T07:30'])
  })
  test('an hourly cron runs in each real hour: 23 of them, or 25', () => {
    expect(edmonton('30 * * * *', '2026-03-08')).toHaveLength(23)
    expect(edmonton('30 * * * *', '2026-11-01')).toHaveLength(25)
  })
})

describe('laws for any range', () => {
  const zones = fc.constantFrom(...CHANGES.map((change) => change.zone), 'UTC', 'Pacific/Apia', 'America/Sao_Paulo')
  const instants = fc.integer({ min: at('2011-12-01T00:00:00Z') / 1000, max: at('2012-12-31T00:00:00Z') / 1000 })
  const seed = Number(process.env.TIEOUT_SEED ?? Math.floor(Math.random() * 2 ** 31))

  test(`no instant twice, in order, inside the range, and the same wherever the range is cut (seed ${seed})`, () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...CRONS.slice(1)),
        zones,
        instants,
        fc.integer({ min: 1, max: 20 * 24 * 3600 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (cron, zone, startS, lengthS, cutAt) => {
          const after = toInstant(startS * 1000)
          const until = toInstant(after + lengthS * 1000)
          const cut = toInstant(after + Math.floor(lengthS * 1000 * cutAt))
          const list = (from: Instant, to: Instant, limit = 100_000) =>
            plannedInstants({ cron, zone, after: from, until: to, limit })
          const whole = list(after, until)
          expect([...new Set(whole)].sort((a, b) => a - b)).toEqual(whole)
          expect(whole.every((instant) => instant > after && instant <= until)).toBe(true)
          expect([...list(after, cut), ...list(cut, until)]).toEqual(whole)
          expect(list(after, until, 3)).toEqual(whole.slice(0, 3))
        },
      ),
      { numRuns: 120, seed },
    )
  })

  test('an empty range has no instants, and a range may reach far for a rare cron', () => {
    const now = at('2026-01-01T00:00:00Z')
    expect(plannedInstants({ cron: '* * * * *', zone: 'UTC', after: now, until: now, limit: 5 })).toEqual([])
    const leapDay = plannedInstants({
      cron: '0 12 29 2 *',
      zone: 'America/Edmonton',
      after: now,
      until: at('2040-01-01T00:00:00Z'),
      limit: 2,
    })
    expect(iso(leapDay)).toEqual(['2028-02-29T19:00', '2032-02-29T19:00'])
  })

  test('a day that a zone skipped whole is made up for once', () => {
    const planned = plannedInstants({
      cron: '0 */6 * * *',
      zone: 'Pacific/Apia',
      after: at('2011-12-30T00:00:00Z'),
      until: at('2011-12-30T18:00:00Z'),
      limit: 50,
    })
    // The 30th of December 2011 did not exist in Samoa: 10:00Z is the end of the 29th and the start of the 31st.
    expect(iso(planned)).toEqual(['2011-12-30T04:00', '2011-12-30T10:00', '2011-12-30T16:00'])
  })
})

describe('a bad cron or zone is one clear sentence', () => {
  test.each([
    ['* * * *', /must have five fields/],
    ['0 0 * * * *', /must have five fields/],
    ['@daily', /must have five fields/],
    ['61 * * * *', /cannot be read: .*61|cannot be read: Constraint error/],
    ['0 0 31 2 *', /cannot be read/],
    ['a b c d e', /cannot be read/],
    ['H 2 * * *', /must not leave values to chance/],
  ])('%s', (cron, message) => {
    expect(() => assertCron(cron)).toThrow(message)
    expect(() => assertCron(cron)).toThrow(/^[^\n]*\.$/)
  })
  test('names of days and months may be used', () => {
    expect(() => assertCron('0 2 * MAR THU')).not.toThrow()
  })
  test('zones are names', () => {
    expect(['America/Edmonton', 'UTC'].every(isTimeZone)).toBe(true)
    expect(['+02:00', 'Mars/Olympus', ''].some(isTimeZone)).toBe(false)
    const now = toInstant(0)
    expect(() => plannedInstants({ cron: '* * * * *', zone: 'Mars', after: now, until: now, limit: 1 })).toThrow(
      '"Mars" is not a time zone like America/Edmonton.',
    )
  })
})

describe('business dates', () => {
  test('a day belongs to its zone', () => {
    expect(businessDateOf(at('2026-11-23T05:30:00Z'), 'America/Edmonton')).toBe('2026-11-22')
    expect(businessDateOf(at('2026-11-23T05:30:00Z'), 'UTC')).toBe('2026-11-23')
  })
  test('days are added on the calendar, over leap days, ends of years and clock changes', () => {
    expect(addDays(toBusinessDate('2028-02-28'), 1)).toBe('2028-02-29')
    expect(addDays(toBusinessDate('2026-12-31'), 1)).toBe('2027-01-01')
    expect(addDays(toBusinessDate('2026-03-09'), -2)).toBe('2026-03-07')
  })
  test('start of day is its first instant, and every instant of a day has its date', () => {
    expect(iso([startOfDay(toBusinessDate('2026-03-08'), 'America/Edmonton')])).toEqual(['2026-03-08T07:00'])
    // Midnight itself is skipped in Santiago.
    expect(iso([startOfDay(toBusinessDate('2026-09-06'), 'America/Santiago')])).toEqual(['2026-09-06T04:00'])
    for (const { zone, forward, back } of CHANGES) {
      for (const day of [forward, back].map(toBusinessDate)) {
        const start = startOfDay(day, zone)
        expect(businessDateOf(start, zone)).toBe(day)
        expect(businessDateOf(toInstant(start - 1), zone)).toBe(addDays(day, -1))
      }
    }
  })
  test.each(['2026-02-30', '2026-2-3', '20260203', ''])('"%s" is no date', (text) => {
    expect(() => toBusinessDate(text)).toThrow(/is not a date/)
  })
})

const wallTimes = new Map<string, number>()

/**
 * The rules again, without our calendar, its parser or Temporal: goes through every UTC minute, reads the wall clock
 * through Intl, and looks at how it jumps.
 */
function walkMinutes(cron: string, zone: string, after: Instant, until: Instant): Instant[] {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  const wallMs = (instant: number) => {
    const known = wallTimes.get(`${zone} ${instant}`)
    if (known !== undefined) return known
    const parts = new Map(format.formatToParts(instant).map((part) => [part.type, Number(part.value)]))
    const field = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? Number.NaN
    const wall = Date.UTC(field('year'), field('month') - 1, field('day'), field('hour'), field('minute'))
    wallTimes.set(`${zone} ${instant}`, wall)
    return wall
  }
  const isDue = cronMatcher(cron)
  const isEveryHour = cron.split(' ')[1] === '*'
  const seen = new Set<number>()
  const due: Instant[] = []
  // Two hours more at the start, so that a repeated hour is known as such.
  let previous = wallMs(after - 2 * HOUR_MS)
  for (let instant = Math.floor(after / 60_000) * 60_000 - 2 * HOUR_MS; instant <= until; instant += 60_000) {
    const wall = wallMs(instant)
    let isMadeUp = false
    for (let skipped = previous + 60_000; skipped < wall; skipped += 60_000) {
      const isSameHour = Math.floor(skipped / HOUR_MS) === Math.floor(wall / HOUR_MS)
      if (isDue(skipped) && (!isEveryHour || isSameHour)) isMadeUp = true
    }
    const isFirst = !seen.has(wall)
    if (instant > after && (isMadeUp || (isDue(wall) && (isFirst || isEveryHour)))) due.push(toInstant(instant))
    seen.add(wall)
    previous = wall
  }
  return due
}

function cronMatcher(cron: string): (wallMs: number) => boolean {
  const ranges: [number, number][] = [
    [0, 59],
    [0, 23],
    [1, 31],
    [1, 12],
    [0, 6],
  ]
  const sets = cron.split(' ').map((field, index) => {
    const [low, high] = ranges[index] ?? [0, 0]
    return new Set(
      field.split(',').flatMap((part) => {
        const [span = '*', step = '1'] = part.split('/')
        const [first, last] = span === '*' ? [low, high] : span.split('-').map(Number)
        const values: number[] = []
        for (let value = first ?? 0; value <= (last ?? first ?? 0); value += Number(step)) values.push(value)
        return values
      }),
    )
  })
  return (wallMs) => {
    const date = new Date(wallMs)
    const values = [
      date.getUTCMinutes(),
      date.getUTCHours(),
      date.getUTCDate(),
      date.getUTCMonth() + 1,
      date.getUTCDay(),
    ]
    return values.every((value, index) => sets[index]?.has(value))
  }
}
