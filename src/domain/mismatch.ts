/** From worst to least; the order is the order of lists and of `--fail-on`. */
export const SEVERITIES = ['critical', 'high', 'medium', 'low', 'info'] as const
export type Severity = (typeof SEVERITIES)[number]

/** Codes are part of the interface: alerts, exports and scripts depend on them (CHECKS.md). */
export const MISMATCH_CODES = [
  'record_undecodable',
  'value_unknown',
  'record_disappeared',
  'record_changed',
  'card_batch_missing',
  'card_batch_count_differs',
  'card_batch_number_gap',
  'pull_incomplete',
  'filter_ignored',
  'card_batch_total_differs',
  'card_batch_open_too_long',
  'card_batch_changed_after_close',
  'card_batch_currency_mixed',
  'charge_missing',
  'charge_overdue',
  'charge_failed',
  'charge_amount_differs',
  'charge_duplicated',
  'charge_unexpected',
  'charge_ambiguous',
  'times_billed_differs',
  'price_differs_from_plan',
  'card_expires_before_next_charge',
  'refund_without_original',
  'refund_exceeds_original',
  'reverse_without_original',
  'reverse_after_close',
  'transaction_duplicated',
  'invoice_paid_without_payment',
  'invoice_payment_differs',
  'invoice_paid_twice',
  'invoice_total_differs',
  'invoice_overdue',
  'payment_without_invoice',
  'ach_batch_total_differs',
  'ach_returned',
  'ach_clearing_overdue',
  'settlement_refused',
  'settlement_unconfirmed',
  'settlement_overdue',
  'books_differ_from_mirror',
  'export_differs',
] as const
export type MismatchCode = (typeof MISMATCH_CODES)[number]

/** Codes whose actual side only tells how long it has lasted: what makes such a finding another one is its severity. */
export const LASTING_CODES = ['card_batch_open_too_long'] as const satisfies readonly MismatchCode[]

export const MISMATCH_STATES = ['open', 'acknowledged', 'resolved'] as const
export type MismatchState = (typeof MISMATCH_STATES)[number]

/** What a person may resolve a mismatch as; tieout itself resolves as `automatic`. */
export const RESOLUTIONS_BY_PERSON = ['adjusted', 'accepted'] as const
export type ResolutionByPerson = (typeof RESOLUTIONS_BY_PERSON)[number]

/** The worker's own name in the history of a mismatch; no person may go by it. */
export const WORKER_ACTOR = 'tieout'

export interface Subject {
  readonly kind: string
  readonly id: string
}

/**
 * One disagreement as one run saw it. It becomes, touches or reopens the mismatch of the same account, code, subject
 * and period. The two sides are amounts (`…Minor`, in `currency`) or texts, never both.
 */
export interface Finding {
  readonly code: MismatchCode
  readonly severity: Severity
  readonly subject: Subject
  /** Tells disagreements of one subject apart, e.g. a window; empty where a subject has only one. */
  readonly period: string
  readonly currency: string | null
  readonly expectedMinor: bigint | null
  readonly actualMinor: bigint | null
  readonly expectedText: string | null
  readonly actualText: string | null
  /** A sentence for a person, with both sides. */
  readonly summary: string
  /** What to do next. */
  readonly advice: string
  /** The rows behind it, as `kind:id`. */
  readonly evidence: readonly string[]
}

/** A finding whose sides are texts or missing. */
export function textFinding(
  finding: Omit<Finding, 'currency' | 'expectedMinor' | 'actualMinor' | 'period'> & { period?: string },
): Finding {
  return { period: '', ...finding, currency: null, expectedMinor: null, actualMinor: null }
}

/** A finding whose sides are amounts. */
export function moneyFinding(
  finding: Omit<Finding, 'currency' | 'expectedMinor' | 'actualMinor' | 'expectedText' | 'actualText' | 'period'> & {
    currency: string
    expectedMinor: bigint
    actualMinor: bigint
    period?: string
  },
): Finding {
  return { period: '', ...finding, expectedText: null, actualText: null }
}

/** True when `severity` is at least as bad as `threshold`. */
export const isAtLeast = (severity: Severity, threshold: Severity): boolean =>
  SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(threshold)

/** Subjects as people name them: `card_batch`, `card_batch:4209764`, or the id alone. */
export function parseSubject(text: string): { kind: string | null; id: string | null } {
  const [kind = '', ...rest] = text.split(':')
  if (!/^[a-z_]+$/.test(kind)) return { kind: null, id: text }
  return { kind, id: rest.length === 0 ? null : rest.join(':') }
}
