import { addDays, type BusinessDate, toBusinessDate } from '../../../src/domain/calendar.ts'
import type { Instant } from '../../../src/domain/clock.ts'
import { createReadBetween } from '../../../src/domain/days-read.ts'
import { parseHelcimTime } from '../../../src/domain/helcim-time.ts'
import { type InvoiceJudgement, judgeInvoice } from '../../../src/domain/invoices/judge.ts'
import type { InvoiceFacts, InvoiceMoney, InvoiceSide, PaymentReading } from '../../../src/domain/invoices/sides.ts'
import { DEFAULT_CHECK_SETTINGS } from '../../../src/reconcile/settings.ts'

export const SETTINGS = DEFAULT_CHECK_SETTINGS.invoices
export const NOW = mountain('2026-10-20 12:00:00')
const FIRST_DAY = toBusinessDate('2026-09-01')

/** What Helcim's clock showed, as an instant. */
export function mountain(text: string): Instant {
  const instant = parseHelcimTime(text)?.instant
  if (instant === null || instant === undefined) throw new Error(`${text} is no time`)
  return instant
}

/** All days since the first of September, read completely at this instant. */
function daysReadAt(until: Instant): ReadonlyMap<BusinessDate, Instant> {
  const days = new Map<BusinessDate, Instant>()
  const last = toBusinessDate(new Date(until).toISOString().slice(0, 10))
  for (let day = FIRST_DAY; day <= last; day = addDays(day, 1)) days.set(day, until)
  return days
}

const readAll = createReadBetween(daysReadAt(NOW))
const readNone = () => false

/** Which payments were read: all of them until a moment ago, or none of them yet; bank payments may be out of reach. */
export function readingOf({
  card,
  bank,
}: {
  card: 'read' | 'unread'
  bank: 'read' | 'unread' | 'never'
}): PaymentReading {
  return {
    now: NOW,
    from: FIRST_DAY,
    isCardRead: card === 'read' ? readAll : readNone,
    isAchRead: bank === 'read' ? readAll : readNone,
    isAchReadable: bank !== 'never',
  }
}

export const ALL_READ = readingOf({ card: 'read', bank: 'read' })
export const CARDS_READ = readingOf({ card: 'read', bank: 'unread' })
/** A token that may not read bank payments. */
export const CARDS_ONLY = readingOf({ card: 'read', bank: 'never' })

/** An invoice over 100.00 that was made on the fifth, paid in full two hours later, and read this morning. */
export const invoice = (facts: Partial<InvoiceFacts> = {}): InvoiceFacts => ({
  invoiceId: 7_001n,
  invoiceNumber: 'INV7001',
  status: 'PAID',
  currency: 'CAD',
  amountMinor: 10_000n,
  paidMinor: 10_000n,
  dueMinor: 0n,
  createdAt: mountain('2026-10-05 10:00:00'),
  createdOn: toBusinessDate('2026-10-05'),
  issuedAt: mountain('2026-10-05 10:00:00'),
  updatedAt: mountain('2026-10-05 12:00:00'),
  paidAt: mountain('2026-10-05 12:00:00'),
  readAt: mountain('2026-10-20 08:00:00'),
  lines: null,
  taxMinor: 0n,
  discountMinor: 0n,
  shippingMinor: 0n,
  tipMinor: 0n,
  depositMinor: 0n,
  convenienceFeeMinor: 0n,
  surchargingFeeMinor: 0n,
  ...facts,
})

const money = (transactionId: number, amountMinor: bigint, facts: Partial<InvoiceMoney>): InvoiceMoney => ({
  via: 'card',
  transactionId: BigInt(transactionId),
  createdAt: mountain('2026-10-05 12:00:00'),
  amountMinor,
  isPayment: true,
  changesMinor: [amountMinor],
  observedAt: mountain('2026-10-05 12:05:00'),
  readAt: mountain('2026-10-05 12:05:00'),
  ...facts,
})

export const sale = (id: number, minor: bigint): InvoiceMoney => money(id, minor, {})
export const refund = (id: number, minor: bigint): InvoiceMoney =>
  money(id, minor, { isPayment: false, changesMinor: [-minor], createdAt: mountain('2026-10-07 09:00:00') })
/** A reverse of which nothing tells what it voided. */
export const reverse = (id: number, minor: bigint): InvoiceMoney =>
  money(id, minor, { isPayment: false, changesMinor: [-minor, minor, 0n], createdAt: mountain('2026-10-05 15:00:00') })
const bank = (id: number, minor: bigint, facts: Partial<InvoiceMoney>): InvoiceMoney =>
  money(id, minor, { via: 'ach', readAt: mountain('2026-10-20 07:00:00'), ...facts })
export const withdrawal = (id: number, minor: bigint): InvoiceMoney => bank(id, minor, {})
/** Approved, and not cleared yet. */
export const openWithdrawal = (id: number, minor: bigint): InvoiceMoney =>
  bank(id, minor, { changesMinor: [0n, minor] })
/** Rejected or returned. */
export const lostWithdrawal = (id: number, minor: bigint): InvoiceMoney =>
  bank(id, minor, { isPayment: false, changesMinor: [] })
export const bankRefund = (id: number, minor: bigint): InvoiceMoney =>
  bank(id, minor, { isPayment: false, changesMinor: [-minor] })

export const side = (
  facts: Partial<InvoiceFacts>,
  named: readonly InvoiceMoney[] = [],
  unnamed: readonly InvoiceMoney[] = [],
): InvoiceSide => ({ invoice: invoice(facts), named, unnamed })

export const judge = (one: InvoiceSide, reading: PaymentReading = ALL_READ): InvoiceJudgement =>
  judgeInvoice(one, reading, SETTINGS)

/** What an accountant reads: codes that were found, codes that wait, and whether a reading is awaited that will come. */
export const told = ({ findings, waiting, dueAt }: InvoiceJudgement): string[] => [
  ...findings.map(({ code }) => code),
  ...(waiting.length > 0 ? ['waits'] : []),
  ...(dueAt === null ? [] : ['due']),
]
