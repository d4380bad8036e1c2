import { CronExpressionParser } from 'cron-parser'
import { Temporal } from 'temporal-polyfill'
import { type Instant, toInstant } from './clock.ts'

/** A local day `YYYY-MM-DD`. It becomes an instant only together with a zone. Compares and sorts as text. */
export type BusinessDate = string & { readonly __brand: 'BusinessDate' }

export interface PlannedInstantsRequest {
  /** Five fields: minute, hour, day of month, month, day of week. */
  readonly cron: string
  /** IANA name such as `America/Edmonton`. */
  readonly zone: string
  /** Exclusive. */
  readonly after: Instant
  /** Inclusive. */
  readonly until: Instant
  /** At most so many, the earliest first. */
  readonly limit: number
}

/**
 * The instants at which `cron` is due in `zone`, ascending, none twice.
 *
 * When clocks are put forward, what falls into the skipped time runs once, at the first instant after it. When they are
 * put back, a fixed hour runs at the first of both. A cron for every hour (`*`) follows the real hours instead: it runs
 * in both repeated ones, and has nothing to make up for an hour that never was.
 *
 * The result for a range is the union of the results for its parts, wherever it is cut.
 * @throws Error whose message is one sentence about the cron or the zone
 */
export function plannedInstants({ cron, zone, after, until, limit }: PlannedInstantsRequest): Instant[] {
  const isEveryHour = parseCron(cron).isEveryHour
  assertTimeZone(zone)
  const found: Instant[] = []
  // Slices keep the work near what `limit` asks for; they grow while the cron is sparse, so that years pass quickly.
  let sliceMs = HOUR_MS
  for (let from = after; from < until && found.length < limit; ) {
    const shift = nextShift(zone, toInstant(from - SHIFT_MS_MAX))
    const shiftAfter = nextShift(zone, shift.at)
    const to = toInstant(Math.min(from + sliceMs, until, shiftAfter.at - 1))
    const slice = instantsBetween({ cron, from, to, shift, isEveryHour })
    found.push(...slice)
    if (slice.length < SPARSE_COUNT && sliceMs < SLICE_MS_MAX) sliceMs *= 2
    from = to
  }
  return found.slice(0, limit)
}

/** A cron that is rarer than this counts as never due. */
const RAREST_MS = 400 * 86_400_000

/**
 * The first instant after `after` at which `cron` is due in `zone`, see `plannedInstants`.
 * @param request `withinMs`: how far it is searched for, 400 days unless said
 * @returns null where there is none within that
 * @throws Error as `plannedInstants` does
 */
export function nextInstant({
  withinMs = RAREST_MS,
  ...request
}: Pick<PlannedInstantsRequest, 'cron' | 'zone' | 'after'> & { readonly withinMs?: number }): Instant | null {
  return plannedInstants({ ...request, until: toInstant(request.after + withinMs), limit: 1 })[0] ?? null
}

/**
 * Checks a cron of five fields.
 * @throws Error whose message is one sentence that says what is wrong with it
 */
export function assertCron(cron: string): void {
  parseCron(cron)
}

/** True for names of the IANA database such as `America/Edmonton`; offsets such as `+02:00` are no zones. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/** The local day of `instant` in `zone`. */
export const businessDateOf = (instant: Instant, zone: string): BusinessDate =>
  toBusinessDate(Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone).toPlainDate().toString())

/**
 * Reads `YYYY-MM-DD`.
 * @throws Error when the text is no day of the calendar
 */
export function toBusinessDate(text: string): BusinessDate {
  const epochMs = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  // Date.parse accepts 2026-02-30 as the 2nd of March.
  if (Number.isNaN(epochMs) || new Date(epochMs).toISOString().slice(0, 10) !== text) {
    throw new Error(`"${text}" is not a date like 2026-10-31.`)
  }
  return text as BusinessDate
}

/** `count` days later, or earlier when negative. */
export const addDays = (date: BusinessDate, count: number): BusinessDate =>
  toBusinessDate(new Date(Date.parse(`${date}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10))

/** The first instant of `date` in `zone`: midnight, or what follows it where midnight is skipped. */
export const startOfDay = (date: BusinessDate, zone: string): Instant =>
  toInstant(Temporal.PlainDate.from(date).toZonedDateTime(zone).epochMilliseconds)

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const SPARSE_COUNT = 50
const SLICE_MS_MAX = 512 * DAY_MS
/** More than any clock was ever put forward or back at once: Samoa skipped a whole day. */
const SHIFT_MS_MAX = 25 * HOUR_MS

function assertTimeZone(zone: string): void {
  if (!isTimeZone(zone)) throw new Error(`"${zone}" is not a time zone like America/Edmonton.`)
}

function parseCron(cron: string): { isEveryHour: boolean } {
  const fields = cron.trim().split(/\s+/)
  if (fields.length !== 5) {
    throw new Error(
      `The cron "${cron}" must have five fields (minute, hour, day of month, month, day of week), for example "30 2 * * *".`,
    )
  }
  // H asks the parser for a random value, which would differ between replicas.
  if (fields.some((field) => /(^|[^a-z])h($|[^a-z])/i.test(field))) {
    throw new Error(`The cron "${cron}" must not leave values to chance (H).`)
  }
  try {
    const expression = CronExpressionParser.parse(fields.join(' '), { tz: 'UTC' })
    // Days that never come, such as the 31st of February, are only noticed when the parser looks for them.
    expression.next()
    return { isEveryHour: expression.fields.hour.values.length === 24 }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`The cron "${cron}" cannot be read: ${reason.replace(/\.$/, '')}.`, { cause: error })
  }
}

/** A moment at which the clocks of a zone are put forward or back; `at` is infinite where there is none to come. */
interface Shift {
  readonly at: Instant
  readonly offsetMsBefore: number
  readonly offsetMsAfter: number
}

interface Slice {
  readonly cron: string
  readonly from: Instant
  readonly to: Instant
  /** The only shift that matters to this slice. */
  readonly shift: Shift
  readonly isEveryHour: boolean
}

/**
 * The parser only lists what a clock on the wall would show, in UTC where no hour is skipped or repeated; what a shown
 * time means in the zone is decided here.
 */
function instantsBetween({ cron, from, to, shift, isEveryHour }: Slice): Instant[] {
  const offsets = [shift.offsetMsBefore, shift.offsetMsAfter]
  const wallTimes = wallTimesBetween(cron, from + Math.min(...offsets), to + Math.max(...offsets))
  const instants = new Set(wallTimes.flatMap((wallMs) => instantsOfWallTime(wallMs, shift, isEveryHour)))
  return [...instants]
    .filter((instant) => instant > from && instant <= to)
    .sort((a, b) => a - b)
    .map(toInstant)
}

function wallTimesBetween(cron: string, afterMs: number, untilMs: number): number[] {
  const wallTimes: number[] = []
  const expression = CronExpressionParser.parse(cron, { tz: 'UTC', currentDate: new Date(afterMs) })
  for (let wallMs = expression.next().getTime(); wallMs <= untilMs; wallMs = expression.next().getTime()) {
    wallTimes.push(wallMs)
  }
  return wallTimes
}

function instantsOfWallTime(wallMs: number, shift: Shift, isEveryHour: boolean): number[] {
  const before = wallMs - shift.offsetMsBefore
  const after = wallMs - shift.offsetMsAfter
  if (before < shift.at) return after >= shift.at && isEveryHour ? [before, after] : [before]
  if (after >= shift.at) return [after]
  // Skipped. Lord Howe skips half an hour: an hour that is left in part has to make up for its skipped minute.
  const hourResumed = Math.floor((shift.at + shift.offsetMsAfter) / HOUR_MS)
  return !isEveryHour || hourResumed === Math.floor(wallMs / HOUR_MS) ? [shift.at] : []
}

/** The first shift of `zone` after `after`, which may be infinite as well. */
function nextShift(zone: string, after: Instant): Shift {
  if (after === Number.POSITIVE_INFINITY) return { at: after, offsetMsBefore: 0, offsetMsAfter: 0 }
  const start = Temporal.Instant.fromEpochMilliseconds(after).toZonedDateTimeISO(zone)
  const transition = start.getTimeZoneTransition('next')
  const offsetMsBefore = start.offsetNanoseconds / 1e6
  return transition === null
    ? { at: toInstant(Number.POSITIVE_INFINITY), offsetMsBefore, offsetMsAfter: offsetMsBefore }
    : {
        at: toInstant(transition.epochMilliseconds),
        offsetMsBefore,
        offsetMsAfter: transition.offsetNanoseconds / 1e6,
      }
}

/** A span of time, its end not in it, during which a zone's clocks are not changed. */
export interface ClockSpan {
  readonly from: number
  readonly until: number
  readonly offsetMs: number
}

/** The span around an instant. Takes tens of microseconds: to be kept while instants lie within it. */
export function clockSpanAt(instant: number, zone: string): ClockSpan {
  const at = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone)
  const next = at.getTimeZoneTransition('next')
  // The change itself belongs to what follows it, and "previous" looks at what lies before.
  const former = at.add({ milliseconds: 1 }).getTimeZoneTransition('previous')
  return {
    from: former?.epochMilliseconds ?? Number.NEGATIVE_INFINITY,
    until: next?.epochMilliseconds ?? Number.POSITIVE_INFINITY,
    offsetMs: at.offsetNanoseconds / 1e6,
  }
}

/** Stretches of days as people write them: `2026-10-01, 2026-10-03 to 2026-10-05`. */
export const daysText = (ranges: readonly { readonly from: string; readonly to: string }[]): string =>
  ranges.map(({ from, to }) => (from === to ? from : `${from} to ${to}`)).join(', ')
