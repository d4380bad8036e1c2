import { type Instant, toInstant } from '../domain/clock.ts'

/** Local wall time of one zone. The worker has its own calendar; this one is separate so that neither hides the other's mistakes. */
export interface Zone {
  /** `YYYY-MM-DD HH:MM:SS`, as Helcim writes it: no zone, no fraction. */
  text(instant: Instant): string
  /** `YYYY-MM-DDTHH:MM:SS.mmm±HH:MM`, as only the Recurring API dates its answers. */
  stamp(instant: Instant): string
  /** `YYYY-MM-DD`. */
  date(instant: Instant): string
  /** The instant at which this zone's clocks show `HH:MM` on that date; not for hours that occur twice or never. */
  at(date: string, hourMinute: string): Instant
}

export type ZoneName = 'America/Edmonton' | '-07:00'

const HOUR_MS = 3_600_000
/** What Helcim writes where there is no date. */
export const ZERO_DATE = '0000-00-00 00:00:00'

export function createZone(name: ZoneName): Zone {
  const offsetMs = name === '-07:00' ? () => -7 * HOUR_MS : createOffsetReader(name)
  const iso = (instant: Instant) => new Date(instant + offsetMs(instant)).toISOString()
  return {
    text: (instant) => iso(instant).slice(0, 19).replace('T', ' '),
    stamp(instant) {
      const minutes = Math.abs(offsetMs(instant)) / 60_000
      const hours = [Math.floor(minutes / 60), minutes % 60].map((each) => String(each).padStart(2, '0')).join(':')
      return `${iso(instant).slice(0, 23)}${offsetMs(instant) < 0 ? '-' : '+'}${hours}`
    },
    date: (instant) => iso(instant).slice(0, 10),
    at(date, hourMinute) {
      const wall = Date.parse(`${date}T${hourMinute}:00Z`)
      if (Number.isNaN(wall)) throw new Error(`no date and hour: ${date} ${hourMinute}`)
      const guess = wall - offsetMs(wall)
      return toInstant(wall - offsetMs(guess))
    },
  }
}

/**
 * The instant that a reader takes a time for that is served in that zone: Helcim's documents say Mountain Time, whatever is
 * served (API.md §0).
 */
export function createReadingOf(served: Zone): (instant: Instant) => Instant {
  const documented = createZone('America/Edmonton')
  return (instant) => {
    const text = served.text(instant)
    return toInstant(documented.at(text.slice(0, 10), text.slice(11, 16)) + Number(text.slice(17)) * 1000)
  }
}

/** The calendar day `days` after `date`. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 24 * HOUR_MS).toISOString().slice(0, 10)
}

/** Offsets of a named zone; they change on whole hours only, so one answer serves its hour. */
function createOffsetReader(timeZone: string): (epochMs: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
  const byHour = new Map<number, number>()
  return (epochMs) => {
    const hour = Math.floor(epochMs / HOUR_MS)
    const known = byHour.get(hour)
    if (known !== undefined) return known
    const name = format.formatToParts(epochMs).find((part) => part.type === 'timeZoneName')?.value ?? ''
    const match = /^GMT(?:([+-])(\d\d):(\d\d))?$/.exec(name)
    if (!match) throw new Error(`cannot read the offset ${name}`)
    const [, sign, hours = '0', minutes = '0'] = match
    const offsetMs = (sign === '-' ? -1 : 1) * (Number(hours) * HOUR_MS + Number(minutes) * 60_000)
    byHour.set(hour, offsetMs)
    return offsetMs
  }
}
