import { type Instant, toInstant } from '../clock.ts'
import type { InvoiceFacts, InvoiceMoney, InvoiceSide, PaymentReading } from './sides.ts'
import { differingTotal } from './total.ts'

export type InvoiceFinding =
  | { readonly code: 'invoice_paid_without_payment'; readonly invoice: InvoiceFacts }
  | {
      readonly code: 'invoice_payment_differs'
      readonly invoice: InvoiceFacts
      readonly paidMinor: bigint
      readonly summedMinor: bigint
      readonly rows: readonly InvoiceMoney[]
    }
  | {
      readonly code: 'invoice_paid_twice'
      readonly invoice: InvoiceFacts
      readonly summedMinor: bigint
      readonly rows: readonly InvoiceMoney[]
    }
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
export function judgeInvoice(side: InvoiceSide, reading: PaymentReading, settings: InvoiceSettings): InvoiceJudgement {
  const { invoice } = side
  const summedMinor = differingTotal(invoice)
  const findings: InvoiceFinding[] =
    summedMinor === null ? [] : [{ code: 'invoice_total_differs', invoice, summedMinor }]
  const waiting: InvoiceFinding['code'][] = []
  const dueAts: Instant[] = []
  const paid = findPaid(side)
  if (paid) {
    const proof = proofOf(side, reading, settings)
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

/** What is wrong with what was paid, if anything, judged by what we have. */
function findPaid({ invoice, named, unnamed }: InvoiceSide): InvoiceFinding | null {
  const { amountMinor, paidMinor, status } = invoice
  const payments = named.filter(({ isPayment }) => isPayment)
  const statedMinor = paidMinor ?? (status === 'PAID' ? amountMinor : 0n)
  const summedMinor = named.reduce((sum, { changesMinor }) => sum + (changesMinor[0] ?? 0n), 0n)
  const isExplained = isReachable(statedMinor, named, unnamed)
  const full = payments.filter(
    ({ amountMinor: minor, changesMinor }) => minor >= amountMinor && (changesMinor[0] ?? 0n) > 0n,
  )
  const isTwice = amountMinor > 0n && full.length >= 2 && summedMinor >= 2n * amountMinor
  // Helcim itself says that less was kept, and a refund that names no invoice explains it.
  const isReturned = statedMinor < 2n * amountMinor && isExplained
  if (isTwice && !isReturned) return { code: 'invoice_paid_twice', invoice, summedMinor, rows: named }
  if (isExplained) return null
  if (status === 'PAID' && payments.length === 0) return { code: 'invoice_paid_without_payment', invoice }
  if (paidMinor === null) return null
  return { code: 'invoice_payment_differs', invoice, paidMinor, summedMinor, rows: named }
}

/** More sums than these are not searched: beyond them everything counts as explained. */
const SUMS_MAX = 4_096

/** Whether what is stated is what the rows can have come to: those that name the invoice, and any of the others. */
function isReachable(statedMinor: bigint, named: readonly InvoiceMoney[], unnamed: readonly InvoiceMoney[]): boolean {
  let sums = new Set([0n])
  const choices = [
    ...named.map(({ changesMinor }) => changesMinor),
    ...unnamed.map(({ changesMinor }) => [0n, ...changesMinor]),
  ]
  for (const changes of choices) {
    if (changes.length === 0) continue
    const next = new Set<bigint>()
    for (const sum of sums) for (const change of changes) next.add(sum + change)
    if (next.size > SUMS_MAX) return true
    sums = next
  }
  return sums.has(statedMinor)
}

/**
 * `read`: invoice and payments were read so that they can be compared; `unread`: a reading that will come decides;
 * `never`: what would prove it is out of reach.
 */
function proofOf(
  { invoice, named, unnamed }: InvoiceSide,
  reading: PaymentReading,
  { lagMs }: InvoiceSettings,
): 'read' | 'unread' | 'never' {
  const { createdOn, createdAt, updatedAt, paidAt, readAt } = invoice
  if (createdOn === null || createdAt === null || createdOn < reading.from) return 'never'
  if (!reading.isAchReadable) return 'never'
  // All that made it what it is happened by then.
  const until = toInstant(Math.max(updatedAt ?? readAt, paidAt ?? 0, createdAt) + lagMs)
  if (until > reading.now) return 'unread'
  const isInvoiceNewer = [...named, ...unnamed].every(
    ({ via, createdAt: at, observedAt }) => (via === 'ach' ? observedAt : at + lagMs) <= readAt,
  )
  const isAchNewer = named.every(({ via, readAt: at }) => via === 'card' || at >= until)
  const isRead = reading.isCardRead(createdOn, until) && reading.isAchRead(createdOn, until)
  return isInvoiceNewer && isAchNewer && isRead ? 'read' : 'unread'
}

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
