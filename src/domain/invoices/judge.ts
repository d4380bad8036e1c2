import { type Instant, toInstant } from '../clock.ts'
import { findPaid, isCertainByCard, type PaidFinding } from './paid.ts'
import type { InvoiceFacts, InvoiceMoney, InvoiceSide, PaymentReading } from './sides.ts'
import { differingTotal } from './total.ts'

export type InvoiceFinding =
  | PaidFinding
  | { readonly code: 'invoice_total_differs'; readonly invoice: InvoiceFacts; readonly summedMinor: bigint }
  | { readonly code: 'invoice_overdue'; readonly invoice: InvoiceFacts; readonly dueMinor: bigint }

export interface InvoiceSettings {
  /** After its date of issue an invoice is owed for so long; Helcim names no day on which it is due. */
  readonly overdueAfterMs: number
  /** What a payment does to its invoice may show so much later. */
  readonly lagMs: number
}

export interface InvoiceJudgement {
  readonly findings: readonly InvoiceFinding[]
  /** Codes of which more reading would tell: what was said of them stays. */
  readonly waiting: readonly InvoiceFinding['code'][]
  /** When time or a reading can change what is said; null: only a change can. */
  readonly dueAt: Instant | null
}

const PAYMENT_CODES = ['invoice_paid_without_payment', 'invoice_payment_differs', 'invoice_paid_twice'] as const

/** Judges one invoice against the payments that name it. Nothing is found before what could explain it was read. */
export function judgeInvoice(given: InvoiceSide, reading: PaymentReading, settings: InvoiceSettings): InvoiceJudgement {
  const side = inOrder(given)
  const { invoice } = side
  const summedMinor = differingTotal(invoice)
  const findings: InvoiceFinding[] =
    summedMinor === null ? [] : [{ code: 'invoice_total_differs', invoice, summedMinor }]
  const waiting: InvoiceFinding['code'][] = []
  const dueAts: Instant[] = []
  const paid = findPaid(side)
  if (paid) {
    const proof = proofOf(paid, side, reading, settings)
    if (proof === 'read') findings.push(paid)
    else waiting.push(...PAYMENT_CODES)
    if (proof === 'unread') dueAts.push(reading.now)
  }
  const overdue = findOverdue(invoice, reading, settings)
  if (overdue.state === 'found') findings.push(overdue.finding)
  else if (overdue.state === 'unread') waiting.push('invoice_overdue')
  if (overdue.state === 'later' || overdue.state === 'unread') dueAts.push(overdue.at)
  return { findings, waiting, dueAt: dueAts.length === 0 ? null : toInstant(Math.min(...dueAts)) }
}

/** Each row once, cards first, by their ids; what names the invoice is none of the others. */
function inOrder({ invoice, named, unnamed }: InvoiceSide): InvoiceSide {
  const key = ({ via, transactionId }: InvoiceMoney) => `${via} ${transactionId}`
  const once = (rows: readonly InvoiceMoney[]) =>
    [...new Map(rows.map((row) => [key(row), row])).values()].toSorted(
      (a, b) => b.via.localeCompare(a.via) || Number(a.transactionId - b.transactionId),
    )
  const own = new Set(named.map(key))
  return { invoice, named: once(named), unnamed: once(unnamed.filter((row) => !own.has(key(row)))) }
}

/** `unread`: a reading that will come decides; `never`: what would prove it is out of reach. */
type Proof = 'read' | 'unread' | 'never'

/** Whether invoice and payments were read so that what was found can be told; of banks only where they can change it. */
function proofOf(found: PaidFinding, side: InvoiceSide, reading: PaymentReading, settings: InvoiceSettings): Proof {
  const ofCard = cardProofOf(side, reading, settings)
  if (ofCard === 'never' || isCertainByCard(found, side)) return ofCard
  const ofBank = bankProofOf(side, reading, settings)
  return ofBank === 'never' ? ofBank : ofCard === 'unread' ? ofCard : ofBank
}

/** Whether the invoice was read after all card payments, and these until after all that made it what it is. */
function cardProofOf(
  { invoice, named, unnamed }: InvoiceSide,
  reading: PaymentReading,
  { lagMs }: InvoiceSettings,
): Proof {
  const { createdOn, createdAt, readAt } = invoice
  if (createdOn === null || createdAt === null || createdOn < reading.from) return 'never'
  const until = changedUntil(invoice, lagMs)
  if (until > reading.now) return 'unread'
  const cards = [...named, ...unnamed].filter(({ via }) => via === 'card')
  const isInvoiceNewer = cards.every(({ createdAt: at }) => at + lagMs <= readAt)
  return isInvoiceNewer && reading.isCardRead(createdOn, until) ? 'read' : 'unread'
}

/** The same of bank payments, which change for weeks. */
function bankProofOf({ invoice, named }: InvoiceSide, reading: PaymentReading, { lagMs }: InvoiceSettings): Proof {
  const { createdOn, readAt } = invoice
  if (createdOn === null || !reading.isAchReadable) return 'never'
  const until = changedUntil(invoice, lagMs)
  const bank = named.filter(({ via }) => via === 'ach')
  const isBetween = bank.every(({ observedAt, readAt: at }) => observedAt <= readAt && at >= until)
  return isBetween && reading.isAchRead(createdOn, until) ? 'read' : 'unread'
}

/** By then all had happened that made the invoice what it is. */
const changedUntil = ({ createdAt, updatedAt, paidAt, readAt }: InvoiceFacts, lagMs: number): Instant =>
  toInstant(Math.max(updatedAt ?? readAt, paidAt ?? 0, createdAt ?? 0) + lagMs)

type Overdue =
  | { readonly state: 'none' }
  | { readonly state: 'later' | 'unread'; readonly at: Instant }
  | { readonly state: 'found'; readonly finding: InvoiceFinding }

function findOverdue(invoice: InvoiceFacts, { now }: PaymentReading, { overdueAfterMs }: InvoiceSettings): Overdue {
  const { status, dueMinor, amountMinor, paidMinor, issuedAt, createdAt, readAt } = invoice
  if (status !== 'DUE' && status !== 'OVERDUE') return { state: 'none' }
  const owedMinor = dueMinor ?? amountMinor - (paidMinor ?? 0n)
  if (owedMinor <= 0n) return { state: 'none' }
  const finding: InvoiceFinding = { code: 'invoice_overdue', invoice, dueMinor: owedMinor }
  if (status === 'OVERDUE') return { state: 'found', finding }
  const since = issuedAt ?? createdAt
  if (since === null) return { state: 'none' }
  const at = toInstant(since + overdueAfterMs)
  if (now < at) return { state: 'later', at }
  // It may have been paid since: only a reading tells that it was not.
  return readAt >= at ? { state: 'found', finding } : { state: 'unread', at }
}
