import type { Movements, OpenMismatch } from '../db/alerts/digest.ts'
import type { Mismatch } from '../db/mismatches.ts'
import type { NewAttempt, PassedBatch } from '../db/settlement/since.ts'
import { dutyOf } from '../domain/alert-rules.ts'
import type { BatchKind } from '../domain/batch-key.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import { SEVERITIES, type Severity } from '../domain/mismatch.ts'
import { formatMinor } from '../domain/money.ts'
import type { AttemptState, Closer } from '../domain/settlement.ts'
import { type Amount, type DutyRules, sumsText } from './message.ts'

/** What one account's day comes to; amounts as decimal text. A type, so that it fits a JSON column. */
export type DigestBody = {
  readonly type: 'digest.daily'
  /** When it was written, ISO 8601. */
  readonly timestamp: string
  readonly data: {
    readonly account: string
    /** The local day on which it was due. */
    readonly day: string
    /** Movements and settlements are those since then, ISO 8601: the digest before. */
    readonly since: string
    readonly title: string
    /** Sentences for a person. */
    readonly text: string
    readonly countOpen: number
    /** Of them, those whose due day has passed. */
    readonly countOverdue: number
    /** Of them, those of which nothing is told for a while. */
    readonly countSilenced: number
    readonly countOpened: number
    readonly countReopened: number
    readonly countResolved: number
    /** Differences of all that is open, without their signs. */
    readonly atStake: readonly Amount[]
    /** The worst first; severities without any are left out. */
    readonly open: readonly {
      readonly severity: Severity
      readonly count: number
      readonly countOverdue: number
      readonly atStake: readonly Amount[]
    }[]
    /** The worst first, then the most money; a few. */
    readonly worst: readonly DigestItem[]
    /** Counts are of all, lists hold the first. */
    readonly settlements: {
      readonly countSettled: number
      readonly countRefused: number
      readonly countHeld: number
      /** By a dry run. */
      readonly countWouldSettle: number
      readonly settled: readonly SettlementItem[]
      /** Refused, not taken, abandoned, or called and not known what came of it: the batch may be open. */
      readonly refused: readonly SettlementItem[]
      readonly held: readonly SettlementItem[]
      /** What a dry run would have settled. */
      readonly wouldSettle: readonly SettlementItem[]
    }
    /** What is not read completely, in sentences; empty when the mirror is whole. */
    readonly problems: readonly string[]
    /** Channels on which nothing is told any more, and why, in sentences. */
    readonly deadChannels: readonly string[]
  }
}

export interface DigestItem {
  readonly id: string
  readonly code: string
  readonly severity: string
  readonly subject: { readonly kind: string; readonly id: string }
  readonly currency: string | null
  readonly difference: string | null
  readonly owner: string | null
  readonly dueOn: string | null
  readonly summary: string
}

export interface SettlementItem {
  /** As subjects of mismatches name it: `card_batch` or `ach_batch`, and Helcim's id. */
  readonly batch: { readonly kind: BatchKind; readonly id: string }
  /** Null for ACH. */
  readonly terminalId: string | null
  readonly currency: string | null
  readonly net: string | null
  /** How it ended, or why it is held. */
  readonly words: string
}

export interface DigestFacts {
  readonly account: string
  readonly day: BusinessDate
  readonly since: Instant
  readonly now: Instant
  readonly movements: Movements
  readonly open: readonly OpenMismatch[]
  readonly countSilenced: number
  readonly worst: readonly Mismatch[]
  readonly attempts: readonly NewAttempt[]
  readonly passed: readonly PassedBatch[]
  readonly problems: readonly string[]
  readonly deadChannels: readonly string[]
}

/** Settlements of one kind that are listed. */
const LISTED_MAX = 15

export function composeDigest(facts: DigestFacts, rules: DutyRules): DigestBody {
  const { account, day, since, now, movements, attempts, passed, problems, deadChannels } = facts
  const open = facts.open.map((one) => {
    const { isOverdue } = dutyOf(rules.duties, { ...one, now, zone: rules.zone })
    return { ...one, isOverdue }
  })
  const bySeverity = SEVERITIES.flatMap((severity) => {
    const some = open.filter((one) => one.severity === severity)
    if (some.length === 0) return []
    const countOverdue = some.filter(({ isOverdue }) => isOverdue).length
    return [{ severity, count: some.length, countOverdue, atStake: sumsOf(some) }]
  })
  const settled = attempts.filter(({ state }) => state === 'confirmed').map(settledItem)
  const refused = attempts.filter(({ state }) => state !== 'confirmed').map(refusedItem)
  const held = passed.filter(({ verdict }) => verdict === 'hold').map(heldItem)
  const wouldSettle = passed.filter(({ verdict }) => verdict === 'settle').map((one) => item(one, 'dry run'))
  const counts = {
    countOpen: open.length,
    countOverdue: open.filter(({ isOverdue }) => isOverdue).length,
    countSilenced: facts.countSilenced,
    countOpened: movements.countOpened,
    countReopened: movements.countReopened,
    countResolved: movements.countResolved,
  }
  const atStake = sumsOf(open)
  const settlements = {
    countSettled: settled.length,
    countRefused: refused.length,
    countHeld: held.length,
    countWouldSettle: wouldSettle.length,
    settled: settled.slice(0, LISTED_MAX),
    refused: refused.slice(0, LISTED_MAX),
    held: held.slice(0, LISTED_MAX),
    wouldSettle: wouldSettle.slice(0, LISTED_MAX),
  }
  const data = { account, day, ...counts, atStake, settlements, problems, deadChannels }
  return {
    type: 'digest.daily',
    timestamp: new Date(now).toISOString(),
    data: {
      ...data,
      since: new Date(since).toISOString(),
      title: titleOf(data),
      text: textOf(data),
      open: bySeverity,
      worst: facts.worst.map((one) => worstItem(one, now, rules)),
    },
  }
}

type Totals = Pick<
  DigestBody['data'],
  | 'account'
  | 'day'
  | 'countOpen'
  | 'countOverdue'
  | 'countSilenced'
  | 'countOpened'
  | 'countReopened'
  | 'countResolved'
  | 'atStake'
  | 'settlements'
  | 'problems'
  | 'deadChannels'
>

function titleOf({ day, countOpen, atStake, settlements, problems, deadChannels }: Totals): string {
  const { countSettled, countRefused, countHeld } = settlements
  const money = atStake.length === 0 ? '' : `, ${sumsText(atStake)} at stake`
  const parts = [
    countOpen === 0 ? 'nothing open' : `${countOpen} open${money}`,
    ...(countSettled === 0 ? [] : [`${countSettled} settled`]),
    ...(countRefused === 0 ? [] : [`${countRefused} not settled`]),
    ...(countHeld === 0 ? [] : [`${countHeld} held`]),
    ...(problems.length === 0 ? [] : ['not read completely']),
    ...(deadChannels.length === 0 ? [] : ['not everybody is told']),
  ]
  return `Digest of ${day}: ${parts.join('; ')}`
}

function textOf(totals: Totals): string {
  const { account, countOpen, countOverdue, countSilenced, countOpened, countReopened, countResolved, problems } =
    totals
  const silenced = countSilenced === 0 ? '' : `, ${countSilenced} silenced`
  const reopened = countReopened === 0 ? '' : ` and ${countReopened} reopened`
  const whole = problems.length === 0
  return [
    `Account ${account}: ${countOpened} opened${reopened}, ${countResolved} resolved since the last digest.`,
    ...(countOpen > 0
      ? [`${countOpen} ${countOpen === 1 ? 'is' : 'are'} open, ${countOverdue} overdue${silenced}.`]
      : []),
    ...(countOpen === 0 && whole ? ['Everything that was compared agrees.'] : []),
    whole ? 'What is mirrored was read completely.' : 'What is mirrored is not complete: see below.',
    ...todoOf(totals),
  ].join(' ')
}

function todoOf({ countOpen, settlements, problems, deadChannels }: Totals): string[] {
  const isUnsettled = settlements.countRefused + settlements.countHeld > 0
  const todo = [
    ...(countOpen > 0 ? ['"tieout mismatches --sort money" lists what is open.'] : []),
    ...(isUnsettled ? ['"tieout settle --plan" says why batches are not settled.'] : []),
    ...(problems.length > 0 ? ['"tieout status" says what is not read.'] : []),
    ...(deadChannels.length > 0 ? ['"tieout doctor" says who is not told.'] : []),
  ]
  return todo.length === 0 ? ['There is nothing to do.'] : todo
}

/** Per currency; amounts of two are never added up. */
function sumsOf(some: readonly OpenMismatch[]): Amount[] {
  const sums = new Map<string, bigint>()
  for (const { currency, atStakeMinor } of some) {
    if (currency !== null && atStakeMinor !== null) sums.set(currency, (sums.get(currency) ?? 0n) + atStakeMinor)
  }
  return [...sums]
    .filter(([, minor]) => minor !== 0n)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([currency, minor]) => ({ currency, amount: formatMinor(minor, currency) }))
}

function worstItem(one: Mismatch, now: Instant, { duties, zone }: DutyRules): DigestItem {
  const { mismatchId: id, code, currency, expectedMinor, actualMinor, assignedTo, summary } = one
  const severity = one.severity as Severity
  const firstSeenAt = toInstant(one.firstSeenAt.getTime())
  const { owner, dueOn } = dutyOf(duties, { severity, code, assignedTo, firstSeenAt, now, zone })
  const difference =
    expectedMinor === null || actualMinor === null || currency === null
      ? null
      : formatMinor(actualMinor - expectedMinor, currency)
  const subject = { kind: one.subjectKind, id: one.subjectId }
  return { id, code, severity, subject, currency, difference, owner, dueOn, summary }
}

const item = (
  { batch, terminalId, currency, netMinor }: Pick<NewAttempt, 'batch' | 'terminalId' | 'currency' | 'netMinor'>,
  words: string,
): SettlementItem => ({
  batch: { kind: batch.kind, id: String(batch.id) },
  terminalId: terminalId === null ? null : String(terminalId),
  currency,
  net: netMinor === null || currency === null ? null : formatMinor(netMinor, currency),
  words,
})

const settledItem = (one: NewAttempt): SettlementItem =>
  item(one, `closed by ${one.closedBy === null ? '?' : CLOSERS[one.closedBy]}`)

const CLOSERS: Readonly<Record<Closer, string>> = {
  tieout: 'tieout',
  helcim: 'Helcim itself',
  either: 'tieout or Helcim itself',
}

const refusedItem = (one: NewAttempt): SettlementItem =>
  item(
    one,
    [ENDS[one.state] ?? one.state, one.status, one.words].filter((part) => part !== null && part !== '').join(' '),
  )

const ENDS: Readonly<Partial<Record<AttemptState, string>>> = {
  not_taken: 'not taken',
  unknown: 'called, and not known yet what came of it',
}

const heldItem = (one: PassedBatch): SettlementItem =>
  item(
    one,
    one.reasons
      .filter(({ weight }) => weight === 'hold')
      .map(({ text }) => text)
      .join(' '),
  )
