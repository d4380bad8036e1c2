import { ageDaysBetween } from './ageing.ts'
import { addDays, type BusinessDate, businessDateOf } from './calendar.ts'
import type { Instant } from './clock.ts'
import { isAtLeast, type MismatchCode, type Severity, type Subject } from './mismatch.ts'

/** Which mismatches a rule is about; null excludes nothing. */
export interface Selection {
  /** At least as bad as this. */
  readonly severity: Severity | null
  readonly codes: readonly MismatchCode[] | null
  /** By name. */
  readonly accounts: readonly string[] | null
}

/** Whom to tell: what fits it goes to these channels, and what fits several routes to the channels of all of them. */
export interface Route extends Selection {
  readonly to: readonly string[]
}

/** Who looks after a mismatch, and by when. */
export interface Duty extends Selection {
  /** Only those that are older than so many whole days; 0 for all. */
  readonly olderThanDays: number
  /** Null says nothing: a later rule may. */
  readonly owner: string | null
  /** Days after it was first seen; null says nothing. */
  readonly dueDays: number | null
}

/** What is not told until an instant. */
export interface Silence {
  /** Null for every code. */
  readonly code: MismatchCode | null
  /** Null for every subject; a null id for all of the kind. */
  readonly subject: { readonly kind: string | null; readonly id: string | null } | null
  readonly until: Instant
  readonly reason: string
}

/** How one account's mismatches are told. */
export interface AlertRules {
  /** All there are by the settings, also those that another process serves. */
  readonly channels: readonly string[]
  readonly routes: readonly Route[]
  /** The first that fits and says it gives the owner, and likewise the due date. */
  readonly duties: readonly Duty[]
  readonly silences: readonly Silence[]
  /** When, `HH:MM` in the account's zone, and on which channels; null for no digest. */
  readonly digest: { readonly at: string; readonly to: readonly string[] } | null
}

const EVERYTHING: Selection = { severity: null, codes: null, accounts: null }

/** Days until something should be done about it, where nothing else is said; `info` asks nobody to do anything. */
export const DEFAULT_DUTIES: readonly Duty[] = (
  [
    ['critical', 1],
    ['high', 2],
    ['medium', 7],
    ['low', 30],
  ] as const
).map(([severity, dueDays]) => ({ ...EVERYTHING, severity, olderThanDays: 0, owner: null, dueDays }))

export const DEFAULT_DIGEST_AT = '07:30'

/** What suits most: everything but `info` at once on every channel, and all of it in a digest each morning. */
export const defaultAlertRules = (channels: readonly string[]): AlertRules => ({
  channels,
  routes: [{ ...EVERYTHING, severity: 'low', to: channels }],
  duties: DEFAULT_DUTIES,
  silences: [],
  digest: { at: DEFAULT_DIGEST_AT, to: channels },
})

export const fits = ({ severity, codes }: Selection, one: { severity: Severity; code: string }): boolean =>
  (severity === null || isAtLeast(one.severity, severity)) &&
  (codes === null || codes.some((code) => code === one.code))

/** The rules of one account: those that name others are left out. */
export function rulesOfAccount<S extends { accounts: readonly string[] | null }>(
  rules: readonly S[],
  account: string,
): S[] {
  return rules.filter(({ accounts }) => accounts === null || accounts.includes(account))
}

export interface DutyOf {
  readonly owner: string | null
  readonly dueOn: BusinessDate | null
  /** True once that day is over for the account. */
  readonly isOverdue: boolean
}

/**
 * Who is to look after a mismatch, and until which day of the account. What a person assigned goes before every rule.
 * @param one `now`, or when it was resolved: what its age is counted to
 */
export function dutyOf(
  duties: readonly Duty[],
  one: {
    severity: Severity
    code: string
    assignedTo: string | null
    firstSeenAt: Instant
    now: Instant
    zone: string
  },
): DutyOf {
  const ageDays = ageDaysBetween(one.firstSeenAt, one.now)
  const fitting = duties.filter((duty) => fits(duty, one) && (duty.olderThanDays === 0 || ageDays > duty.olderThanDays))
  const owner = one.assignedTo ?? fitting.find((duty) => duty.owner !== null)?.owner ?? null
  const dueDays = fitting.find((duty) => duty.dueDays !== null)?.dueDays ?? null
  const seenOn = businessDateOf(one.firstSeenAt, one.zone)
  const dueOn = dueDays === null ? null : addDays(seenOn, dueDays)
  return { owner, dueOn, isOverdue: dueOn !== null && dueOn < businessDateOf(one.now, one.zone) }
}

/** True while it holds back what is told of this subject under this code. */
export const isSilencedBy = (
  { code, subject, until }: Silence,
  one: { code: string; subject: Subject },
  now: Instant,
): boolean =>
  now < until &&
  (code === null || code === one.code) &&
  (subject === null ||
    ((subject.kind === null || subject.kind === one.subject.kind) &&
      (subject.id === null || subject.id === one.subject.id || one.subject.id.startsWith(`${subject.id}:`))))
