import { Temporal } from 'temporal-polyfill'
import { AFTER_CLOSE_MS, nearestClose } from './automatic-close.ts'
import type { BatchKind } from './batch-key.ts'
import { type BusinessDate, businessDateOf, toBusinessDate } from './calendar.ts'
import type { Instant } from './clock.ts'
import { isAtLeast, SEVERITIES, type Severity } from './mismatch.ts'
import { DIGITS_UNLESS_KNOWN, formatMinor, parseMinor } from './money.ts'
import type { HelcimId } from './record.ts'

/** `off`: nothing is looked at; `dry-run`: everything but the call; `on`. */
export const SETTLE_MODES = ['off', 'dry-run', 'on'] as const
export type SettleMode = (typeof SETTLE_MODES)[number]

/** What may be said for one terminal, or for ACH, apart from the others. */
export interface SettlementTerms {
  /** When it is settled, in the account's zone; null: by hand only. */
  readonly cron: string | null
  readonly daysOff: DaysOff
  /** Open for at least so long. */
  readonly ageMsMin: number
  /** Transactions, as Helcim counts them. */
  readonly countMin: number
  /** In minor units of the batch's currency; Helcim's currencies all have two digits. */
  readonly netMinorMin: bigint
  /** Above it a person decides; null: never. */
  readonly netMinorMax: bigint | null
  /** An open mismatch of the batch that is at least as bad holds it. */
  readonly holdSeverity: Severity
  /** Kept clear before Helcim's own close. */
  readonly clearMs: number
  /**
   * Hours `HH:MM` of Helcim's own close in Mountain Time: each at which it may be, none where it is switched off for the
   * terminal.
   */
  readonly helcimClosesAt: readonly string[]
}

/** When and what to settle, as the merchant wants it. */
export interface SettlementPolicy extends SettlementTerms {
  readonly mode: SettleMode
  /** What the schedule settles; the others are a person's. */
  readonly kinds: readonly BatchKind[]
  /** Of card batches, which alone belong to a terminal; null for all. */
  readonly terminals: readonly HelcimId[] | null
  readonly byTerminal: ReadonlyMap<HelcimId, Partial<SettlementTerms>>
  readonly ach: Partial<SettlementTerms>
}

export interface DaysOff {
  /** 1 is Monday. */
  readonly weekdays: readonly number[]
  readonly dates: readonly BusinessDate[]
}

export const termsOf = (
  { byTerminal, ach, ...policy }: SettlementPolicy,
  { kind, terminalId }: { readonly kind: BatchKind; readonly terminalId: HelcimId | null },
): SettlementTerms => ({
  ...policy,
  ...(kind === 'ach_batch' ? ach : terminalId === null ? {} : byTerminal.get(terminalId)),
})

/** Everything about one batch that the decision rests on, as of a reading that has just been made. */
export interface BatchSituation {
  readonly kind: BatchKind
  /** Null for an ACH batch. */
  readonly terminalId: HelcimId | null
  readonly openedAt: Instant | null
  readonly isClosed: boolean
  readonly isStrictlyOpen: boolean
  /** The terminal's, or that of its transactions; null when neither is known. */
  readonly currency: string | null
  /** Null where nothing tells it. */
  readonly netMinor: bigint | null
  readonly countTotal: number | null
  /** Whether statistics and rows agree; null before the rows were asked for. */
  readonly tie: Tie | null
  readonly mismatches: readonly { readonly code: string; readonly severity: Severity }[]
  /** What stands in the way of another attempt, in a sentence; null for nothing. */
  readonly obstacle: { readonly code: ObstacleCode; readonly text: string } | null
}

/**
 * Whether what Helcim states of a batch agrees with its rows. `waiting`: both were read too far apart to say. `mixed`: its
 * rows are not all in one currency, its terminal's where it has one, so that no sum of them means anything.
 */
export type Tie = 'tied' | 'differs' | 'waiting' | 'mixed'

export type ObstacleCode =
  | 'attempt_unfinished'
  | 'attempt_recent'
  | 'settled_before'
  | 'refused_before'
  | 'not_permitted'

/**
 * - `skip`: the policy does not want it settled, this time
 * - `hold`: it does, and something stands in the way
 * - `note`: said, and nothing more
 */
export interface Reason {
  readonly code: ReasonCode
  readonly weight: 'skip' | 'hold' | 'note'
  readonly text: string
}

export type ReasonCode =
  | ObstacleCode
  | 'switched_off'
  | 'closed'
  | 'not_strictly_open'
  | 'unreadable'
  | 'opened_after_cut_off'
  | 'day_off'
  | 'kind_not_listed'
  | 'terminal_not_listed'
  | 'too_young'
  | 'too_few'
  | 'net_too_low'
  | 'net_too_high'
  | 'net_unknown'
  | 'totals_differ'
  | 'totals_waiting'
  | 'currency_mixed'
  | 'mismatch_open'
  | 'close_is_near'

/** When a batch is to be settled, and by whose will. */
export interface Occasion {
  readonly now: Instant
  /** The instant planned by the schedule; batches opened after it belong to the next one. Null by hand. */
  readonly cutOffAt: Instant | null
  /** The account's. */
  readonly zone: string
}

export interface Decision {
  readonly verdict: 'settle' | 'skip' | 'hold'
  readonly reasons: readonly Reason[]
}

/**
 * May this batch be settled now? What only the policy says a person may overrule, and then it is noted; nobody can
 * overrule that totals disagree, a mismatch is open, or an attempt is not certain.
 */
export function decideSettlement(policy: SettlementPolicy, situation: BatchSituation, occasion: Occasion): Decision {
  const terms = termsOf(policy, situation)
  const isByHand = occasion.cutOffAt === null
  const wanted = wishesOf(policy, terms, situation, occasion)
  const reasons = [
    ...openness(situation),
    ...(isByHand ? wanted.map((reason): Reason => ({ ...reason, weight: 'note' })) : wanted),
    ...obstacles(terms, situation, occasion),
  ]
  if (reasons.some(({ weight }) => weight === 'skip')) return { verdict: 'skip', reasons }
  return { verdict: reasons.some(({ weight }) => weight === 'hold') ? 'hold' : 'settle', reasons }
}

/**
 * The same for a batch that could not be read: held, unless the merchant does not want it settled whatever a reading shows.
 * @param about what is known of it without one; `text`: why there is none
 */
export function decideUnread(
  policy: SettlementPolicy,
  { text, ...about }: Pick<BatchSituation, 'kind' | 'terminalId'> & { readonly text: string },
  occasion: Occasion,
): Decision {
  const wanted = occasion.cutOffAt === null ? [] : standingWishes(policy, about, occasion)
  const reasons: Reason[] = [...wanted, { code: 'unreadable', weight: 'hold', text }]
  return { verdict: wanted.length > 0 ? 'skip' : 'hold', reasons }
}

function openness({ isClosed, isStrictlyOpen }: BatchSituation): Reason[] {
  if (isClosed) return [{ code: 'closed', weight: 'skip', text: 'it is closed' }]
  if (isStrictlyOpen) return []
  return [{ code: 'not_strictly_open', weight: 'hold', text: 'Helcim does not say plainly that it is open' }]
}

/** What the merchant wants of a day, a kind and a terminal. */
function standingWishes(
  policy: SettlementPolicy,
  { kind, terminalId }: Pick<BatchSituation, 'kind' | 'terminalId'>,
  { now, cutOffAt, zone }: Occasion,
): Reason[] {
  const reasons: Reason[] = []
  const add = (code: ReasonCode, text: string) => reasons.push({ code, weight: 'skip', text })
  const day = businessDateOf(cutOffAt ?? now, zone)
  if (isDayOff(termsOf(policy, { kind, terminalId }).daysOff, day)) add('day_off', `${day} is a day off`)
  if (!policy.kinds.includes(kind)) {
    add('kind_not_listed', `${kind === 'ach_batch' ? 'ACH' : 'card'} batches are not among those to settle`)
  }
  if (terminalId !== null && policy.terminals !== null && !policy.terminals.includes(terminalId)) {
    add('terminal_not_listed', `terminal ${terminalId} is not among those to settle`)
  }
  return reasons
}

/** What the merchant wants. */
function wishesOf(
  policy: SettlementPolicy,
  terms: SettlementTerms,
  situation: BatchSituation,
  occasion: Occasion,
): Reason[] {
  const { openedAt, currency, netMinor, countTotal, tie } = situation
  const { now, cutOffAt } = occasion
  const reasons = standingWishes(policy, situation, occasion)
  const add = (code: ReasonCode, text: string, weight: Reason['weight'] = 'skip') =>
    reasons.push({ code, weight, text })
  const money = (minor: bigint) => `${formatMinor(minor, currency ?? 'CAD')}${currency === null ? '' : ` ${currency}`}`
  if (cutOffAt !== null && (openedAt === null || openedAt > cutOffAt)) {
    add('opened_after_cut_off', 'it was opened after the cut-off and belongs to the next one')
  }
  if (openedAt === null || now - openedAt < terms.ageMsMin) {
    const age = openedAt === null ? 'an unknown time' : `${Math.floor((now - openedAt) / 60_000)} min`
    add('too_young', `it has been open for ${age}; at least ${terms.ageMsMin / 60_000} min are wanted`)
  }
  if (countTotal !== null && countTotal < terms.countMin) {
    add('too_few', `it holds ${countTotal} transactions; at least ${terms.countMin} are wanted`)
  }
  if (netMinor === null && tie === 'tied') {
    add('net_unknown', 'its net cannot be told from its transactions; a person settles it', 'hold')
  }
  if (netMinor !== null && netMinor < terms.netMinorMin) {
    add('net_too_low', `its net is ${money(netMinor)}; at least ${money(terms.netMinorMin)} are wanted`)
  }
  if (netMinor !== null && terms.netMinorMax !== null && netMinor > terms.netMinorMax) {
    add('net_too_high', `its net is ${money(netMinor)}; above ${money(terms.netMinorMax)} a person settles it`, 'hold')
  }
  return reasons
}

/** What nobody may overrule. */
function obstacles(terms: SettlementTerms, { tie, mismatches, obstacle }: BatchSituation, { now }: Occasion): Reason[] {
  const reasons: Reason[] = []
  const hold = (code: ReasonCode, text: string) => reasons.push({ code, weight: 'hold', text })
  if (obstacle !== null) hold(obstacle.code, obstacle.text)
  if (tie === 'differs') hold('totals_differ', 'Helcim’s totals and its transactions disagree')
  if (tie === 'mixed') hold('currency_mixed', 'its transactions are not all in one currency, that of the batch')
  if (tie === 'waiting') hold('totals_waiting', 'its totals and transactions could not be read together yet')
  const bad = mismatches.filter(({ severity }) => isAtLeast(severity, terms.holdSeverity))
  if (bad.length > 0) hold('mismatch_open', `mismatches are open on it: ${bad.map(({ code }) => code).join(', ')}`)
  const close = nearestClose(terms.helcimClosesAt, now)
  if (close !== null && now >= close.at - terms.clearMs && now < close.at + AFTER_CLOSE_MS) {
    hold('close_is_near', `Helcim closes batches by itself at ${close.hour} Mountain Time`)
  }
  return reasons
}

export const isDayOff = ({ weekdays, dates }: DaysOff, day: BusinessDate): boolean =>
  dates.includes(day) || weekdays.includes(Temporal.PlainDate.from(day).dayOfWeek)

const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']

/**
 * Reads days on which nothing is settled: weekdays and dates, with commas, as `sat,sun,2026-12-25`.
 * @throws Error whose message says what cannot be read
 */
export function parseDaysOff(text: string): DaysOff {
  const weekdays: number[] = []
  const dates: BusinessDate[] = []
  for (const part of partsOf(text)) {
    const weekday = WEEKDAYS.indexOf(part.toLowerCase().slice(0, 3))
    if (/^[a-z]+$/i.test(part) && weekday >= 0) weekdays.push(weekday + 1)
    else if (/^\d/.test(part)) dates.push(toBusinessDate(part))
    else throw new Error(`"${part}" is no day; set it to weekdays and dates with commas, like sat,sun,2026-12-25`)
  }
  return { weekdays, dates }
}

/** @throws Error whose message says what cannot be read */
export function parseTerminals(text: string): readonly HelcimId[] {
  return partsOf(text).map((part) => {
    if (/^\d{1,18}$/.test(part)) return BigInt(part)
    throw new Error(`"${part}" is no terminal; set it to ids with commas, as "tieout status" shows them`)
  })
}

const KIND_NAMES: Readonly<Record<string, BatchKind>> = { card: 'card_batch', ach: 'ach_batch' }

/**
 * Reads which batches are settled: `card`, `ach`, or both with a comma.
 * @throws Error whose message says what cannot be read
 */
export function parseKinds(text: string): readonly BatchKind[] {
  return partsOf(text).map((part) => {
    const kind = KIND_NAMES[part]
    if (kind !== undefined) return kind
    throw new Error(`"${part}" is none of card, ach`)
  })
}

/** @throws Error whose message says what cannot be read */
export function parseMinutes(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text) * 60_000
  throw new Error(`"${text}" will not do; set it to a whole number of minutes`)
}

/** @throws Error whose message says what cannot be read */
export function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new Error(`"${text}" will not do; set it to a whole number of transactions`)
}

/**
 * Reads an amount in the batch's own currency: `5000` or `-12.50`.
 * @throws Error whose message says what cannot be read
 */
export function parseAmount(text: string): bigint {
  const minor = parseMinor(text, DIGITS_UNLESS_KNOWN)
  if (minor !== undefined) return minor
  throw new Error(`"${text}" is no amount; set it to one like 5000 or 12.50, in the currency of the batch`)
}

/** @throws Error whose message says what cannot be read */
export function parseSeverity(text: string): Severity {
  const severity = SEVERITIES.find((one) => one === text)
  if (severity !== undefined) return severity
  throw new Error(`"${text}" is none of ${SEVERITIES.join(', ')}`)
}

/** @throws Error whose message says what cannot be read */
export function parseMode(text: string): SettleMode {
  const mode = SETTLE_MODES.find((one) => one === text)
  if (mode !== undefined) return mode
  throw new Error(`"${text}" is none of ${SETTLE_MODES.join(', ')}`)
}

const partsOf = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
