import type { MismatchCode, Severity } from '../domain/mismatch.ts'

/** What a check of a family is, for people: the documentation is made from it, and findings take their words from it. */
export interface Check {
  /** The kind of what it is said of, as subjects name it. */
  readonly subject: string
  readonly severity: Severity
  /** When it is raised instead, where it can be. */
  readonly severityNote?: string
  /** What it means, in a sentence or two. */
  readonly meaning: string
  readonly example: string
  /** What to do next. */
  readonly advice: string
}

/** Family D: what subscriptions should have brought in, against the transactions that did. */
export const RECURRING_CHECKS = {
  charge_missing: {
    subject: 'subscription_payment',
    severity: 'critical',
    meaning:
      'Helcim says that a payment was approved, but no transaction carries its money: none of its customer, currency, terminal and amount from 2 hours before it was processed until 12 hours after, although those days were read completely and a day has passed. Nor does a bank payment that was refused, or sent back before it had cleared.',
    example:
      'Payment 3 of subscription 19903, 29.99 CAD, was approved on 2 October; no card transaction of CST1007 has that amount.',
    advice:
      'A payment that somebody marked as paid looks the same: if it was paid by other means, accept this with a note. Otherwise ask Helcim where the money is.',
  },
  charge_overdue: {
    subject: 'subscription_payment',
    severity: 'high',
    meaning:
      'The due day of a payment and one more day have passed, its subscription is active, and it still waits without an outcome. Where a charge of its amount stands around that day all the same, it is named.',
    example: 'Payment 4 of subscription 19912, 49.00 CAD, was due on 12 October and had not been tried on the 14th.',
    advice: 'Look at the subscription in Helcim: run the payment by hand, or find out why billing did not.',
  },
  charge_failed: {
    subject: 'subscription_payment',
    severity: 'medium',
    severityNote: 'high when Helcim has given up trying',
    meaning:
      'A payment was declined, or has failed for good; the declined transactions that were its tries stand with it.',
    example: 'Payment 2 of subscription 19920, 75.50 USD, was declined three times; the last try was on 9 October.',
    advice:
      'Ask the customer for another card or account; once it is paid, or marked as paid, this resolves by itself.',
  },
  charge_amount_differs: {
    subject: 'subscription_payment',
    severity: 'critical',
    meaning:
      'No transaction has any of the sums that a payment may come to, but one alone stands within 10 minutes of its processing, by the same customer, currency and terminal, and belongs to nothing else.',
    example: 'Payment 1 of subscription 19931 should be 52.50 CAD; the charge made 2 seconds later took 62.50 CAD.',
    advice:
      'Compare the subscription’s price, add-ons and tax with the transaction in Helcim, and refund or charge the difference.',
  },
  charge_duplicated: {
    subject: 'subscription_payment',
    severity: 'critical',
    meaning:
      'Within 10 minutes of the charge of a payment stands another approved one of the same amount, customer, card and terminal that no payment stands behind.',
    example: 'Payment 5 of subscription 19944, 19.99 CAD, was taken twice, 3 minutes apart.',
    advice: 'Look at both transactions in Helcim and refund one if the customer was charged twice.',
  },
  charge_unexpected: {
    subject: 'card_transaction',
    severity: 'critical',
    meaning:
      'A charge with the amount, customer and terminal of a subscription that was paused, cancelled, deleted or had ended by then, and no payment stands behind it. That it goes on, or ends, later changes nothing of it.',
    example:
      'Subscription 19950 was cancelled on 3 October; on the 5th 29.99 CAD was charged to its customer all the same.',
    advice:
      'If the customer did not buy something for the same amount, refund it and find out what charges them still.',
  },
  charge_ambiguous: {
    subject: 'subscription_payment',
    severity: 'medium',
    meaning:
      'Several transactions fit a payment and nothing tells them apart: a second charge, also one of the next night, or a purchase for the same amount. Payments that are alike in all and have one transaction each are no such case.',
    example:
      'Payment 2 of subscription 19961, 29.99 CAD: one charge 2 seconds after it was processed, one of the same amount and card 11 hours later.',
    advice:
      'Look at the transactions in Helcim. If all of them are right, accept this with a note; otherwise refund the one too many.',
  },
  times_billed_differs: {
    subject: 'subscription',
    severity: 'medium',
    meaning: 'Helcim counts other successful billings on a subscription than it lists approved payments.',
    example: 'Subscription 19970 says it was billed 7 times; 6 of its payments are approved.',
    advice: 'Compare the payments of the subscription in Helcim; a count that is too high can end a term too early.',
  },
  price_differs_from_plan: {
    subject: 'subscription',
    severity: 'info',
    meaning: 'The recurring amount of a subscription that is billed or paused is another one than that of its plan.',
    example: 'Subscription 19981 pays 29.49 CAD a month; its plan “Monthly” costs 29.99 CAD.',
    advice: 'Nothing, if it was agreed so; accept this with a note. Otherwise change the price in Helcim.',
  },
  card_expires_before_next_charge: {
    subject: 'subscription',
    severity: 'low',
    meaning: 'The default card of the customer ends before the next billing day of an active subscription.',
    example: 'Subscription 19990 bills on 12 November; the card of CST1044 is good until the end of October.',
    advice: 'Ask the customer for a new card before that day.',
  },
} as const satisfies Partial<Record<MismatchCode, Check>>

export type RecurringCode = keyof typeof RECURRING_CHECKS

/** One part of docs/checks.md, as it must stand there. */
export const describeChecks = (checks: Readonly<Record<string, Check>>): string =>
  Object.entries(checks)
    .map(
      ([code, { subject, severity, severityNote, meaning, example, advice }]) =>
        `### \`${code}\`\n\n${severity}${severityNote ? `, ${severityNote}` : ''} · ${subject}\n\n${meaning}\n\n` +
        `*For example:* ${example}\n\n*What to do:* ${advice}\n`,
    )
    .join('\n')
