import type { AlertGroup, AlertItem } from '../db/alerts/items.ts'
import type { ToldKind } from '../domain/alert-routing.ts'
import { type Duty, dutyOf } from '../domain/alert-rules.ts'
import type { Instant } from '../domain/clock.ts'
import type { Severity } from '../domain/mismatch.ts'
import { formatMinor } from '../domain/money.ts'

/** What is sent: the form of Standard Webhooks, with amounts as decimal text. A type, so that it fits a JSON column. */
export type AlertBody = {
  readonly type: `mismatches.${ToldKind}`
  /** When the message was written, ISO 8601. */
  readonly timestamp: string
  readonly data: {
    readonly account: string
    readonly code: string
    /** Of the worst of them. */
    readonly severity: Severity
    readonly title: string
    /** Sentences for a person. */
    readonly text: string
    readonly count: number
    /** How many of `count` are not among the items. */
    readonly countOmitted: number
    readonly atStake: readonly Amount[]
    readonly items: readonly AlertBodyItem[]
  }
}

/** Decimal text. */
export type Amount = { readonly currency: string; readonly amount: string }

export interface AlertBodyItem {
  /** The mismatch; it keeps its id when it is reopened. */
  readonly id: string
  readonly code: string
  readonly severity: Severity
  readonly subject: { readonly kind: string; readonly id: string }
  readonly period: string
  readonly currency: string | null
  /** Amounts as decimals; texts where the two sides are no amounts. */
  readonly expected: string | null
  readonly actual: string | null
  /** Actual less expected; null where the sides are no amounts. */
  readonly difference: string | null
  readonly state: string
  readonly resolution: string | null
  /** Who looks after it: as assigned, else as the rules say. */
  readonly owner: string | null
  /** A date, by the rules; null of what is resolved. */
  readonly dueOn: string | null
  /** When it happened, ISO 8601. */
  readonly at: string
  readonly summary: string
  readonly advice: string
}

/** By which rules a mismatch has an owner and a due date, and whose days are meant. */
export interface DutyRules {
  readonly duties: readonly Duty[]
  readonly zone: string
}

/** Composes what people are told. Its items carry what a mismatch has and nothing of the records behind it. */
export function composeAlert(group: AlertGroup, rules: DutyRules): AlertBody {
  const { account, kind, code, count, items } = group
  const atStake = group.atStake.map(({ currency, minor }) => ({ currency, amount: formatMinor(minor, currency) }))
  const severity = items[0]?.severity ?? 'info'
  const countOmitted = count - items.length
  const noun = count === 1 ? 'mismatch' : 'mismatches'
  const title = `${count} ${noun} ${PAST[kind]}: ${code} (${severity})`
  const sums = sumsText(atStake)
  const sentences = [
    `Account ${account}: ${count} ${noun} of ${code} ${count === 1 ? 'was' : 'were'} ${PAST[kind]}.`,
    ...(sums === '' ? [] : [`${kind === 'resolved' ? 'At stake was' : 'At stake is'} ${sums}.`]),
    ...(countOmitted === 0 ? [] : [`The ${items.length} worst are listed, ${countOmitted} more are not.`]),
    ...(kind === 'resolved' ? [] : adviceOf(items)),
    NEXT[kind],
  ]
  return {
    type: `mismatches.${kind}`,
    timestamp: toIso(group.at),
    data: {
      account,
      code,
      severity,
      title,
      text: sentences.join(' '),
      count,
      countOmitted,
      atStake,
      items: items.map((item) => toBodyItem(item, { code, now: group.at, ...rules })),
    },
  }
}

export const sumsText = (amounts: readonly Amount[]): string =>
  amounts.map(({ currency, amount }) => `${amount} ${currency}`).join(' and ')

const PAST: Readonly<Record<ToldKind, string>> = {
  opened: 'opened',
  reopened: 'reopened',
  resolved: 'resolved',
  reminded: 'found still open',
}

const NEXT: Readonly<Record<ToldKind, string>> = {
  opened: '"tieout mismatches" shows both sides and the rows behind them.',
  reopened: 'They were resolved before: "tieout mismatches" shows both sides and the rows behind them.',
  resolved: 'There is nothing left to do.',
  reminded: 'Resolve them or, where they are to stay, accept them with a note; acknowledging makes reminders rarer.',
}

/** Mismatches of one code mostly share their advice: it is said once, where all that are listed agree. */
function adviceOf(items: readonly AlertItem[]): string[] {
  const advices = new Set(items.map(({ advice }) => advice))
  const [advice] = advices
  return advices.size === 1 && advice ? [advice] : []
}

function toBodyItem(
  item: AlertItem,
  { code, now, duties, zone }: DutyRules & { code: string; now: Instant },
): AlertBodyItem {
  const { currency, expectedMinor, actualMinor, state, severity, assignedTo, firstSeenAt } = item
  const { owner, dueOn } = dutyOf(duties, { severity, code, assignedTo, firstSeenAt, now, zone })
  const amount = (minor: bigint | null): string | null =>
    minor === null || currency === null ? null : formatMinor(minor, currency)
  return {
    id: item.mismatchId,
    code,
    severity,
    subject: item.subject,
    period: item.period,
    currency,
    expected: amount(expectedMinor) ?? item.expectedText,
    actual: amount(actualMinor) ?? item.actualText,
    difference: expectedMinor === null || actualMinor === null ? null : amount(actualMinor - expectedMinor),
    state,
    resolution: item.resolution,
    owner,
    dueOn: state === 'resolved' ? null : dueOn,
    at: toIso(item.at),
    summary: item.summary,
    advice: item.advice,
  }
}

const toIso = (instant: Instant): string => new Date(instant).toISOString()
