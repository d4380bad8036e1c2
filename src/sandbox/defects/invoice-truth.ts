import type { Instant } from '../../domain/clock.ts'
import type { Merchant } from '../merchant.ts'
import type { Switches } from '../options.ts'
import type { AchTransactionRow } from '../records/ach.ts'
import { type InvoiceRow, sumOfParts } from '../records/invoice.ts'
import type { TransactionRow } from '../rows.ts'
import { cardTransactionSubject, type TruthEntry } from '../truth.ts'

export const invoiceSubject = (id: bigint) => ({ kind: 'invoice', id: String(id) }) as const

const OVERDUE_AFTER_MS = 30 * 86_400_000

/** What invoices and payments disagree about, as both are served: one rule behind defects and all that follows from others. */
export function invoiceEntries(
  merchant: Merchant,
  now: Instant,
  { refundRow, readingOf }: { refundRow: Switches['refundRow']; readingOf: (instant: Instant) => Instant },
): TruthEntry[] {
  const { invoices, achTransactions } = merchant.records
  const all = invoices.visible(invoices.all(), now)
  if (all.length === 0) return []
  const served = merchant.transactions().filter((row) => row.visibleAt <= now)
  const rows = served.filter(isRead)
  const byNumber = new Map<string, Linked[]>()
  for (const row of rows) {
    const linked = linkOf(merchant, row, refundRow)
    if (linked) byNumber.set(linked.number, [...(byNumber.get(linked.number) ?? []), linked])
  }
  const achByOrder = new Map<bigint, AchTransactionRow[]>()
  for (const row of achTransactions.visible(achTransactions.all(), now)) {
    achByOrder.set(row.orderId, [...(achByOrder.get(row.orderId) ?? []), row])
  }
  const spoiled = findSpoiled(all, served)
  const known = new Set(all.map(({ number }) => number))
  return [
    ...all.flatMap((invoice) => [
      ...moneyEntries(invoice, byNumber.get(invoice.number) ?? [], achByOrder.get(invoice.id) ?? []).map((entry) => ({
        ...entry,
        isConsequence: spoiled.has(invoice.number),
      })),
      ...ownEntries(invoice, now, readingOf),
    ]),
    ...rows
      .filter(({ type, invoiceNumber }) => isPayment(type) && invoiceNumber !== '' && !known.has(invoiceNumber))
      .map(lone),
  ]
}

const isRead = ({ isHidden, disguise, status }: TransactionRow) =>
  !isHidden && disguise === null && status === 'approved'
/** Numbers of invoices of which a payment is not what it was: what these then lack is no defect of their own. */
function findSpoiled(invoices: readonly InvoiceRow[], rows: readonly TransactionRow[]): ReadonlySet<string> {
  const currencyOf = new Map(invoices.map(({ number, currency }) => [number, currency]))
  const isSpoiled = ({ isHidden, disguise, currency, invoiceNumber }: TransactionRow) =>
    isHidden || disguise !== null || currency !== currencyOf.get(invoiceNumber)
  return new Set(rows.filter(isSpoiled).map(({ invoiceNumber }) => invoiceNumber))
}
const isPayment = (type: string) => type === 'purchase' || type === 'capture'

interface Linked {
  readonly number: string
  readonly row: TransactionRow
  readonly isNamed: boolean
  readonly changeMinor: bigint
}

/** The invoice that a row concerns, where a reader can tell it: by its number, or by the card of a row that has it. */
function linkOf(merchant: Merchant, row: TransactionRow, refundRow: Switches['refundRow']): Linked | null {
  const isFollower = row.type === 'refund' || row.type === 'reverse'
  const original = row.originalId === null ? undefined : merchant.transaction(row.originalId)
  const changeMinor = changeOf(row, original)
  const served = isFollower && refundRow === 'empty' ? '' : row.invoiceNumber
  if (served !== '') return { number: served, row, isNamed: true, changeMinor }
  const first = original?.originalId == null ? original : (merchant.transaction(original.originalId) ?? original)
  if (!first || first.invoiceNumber === '' || first.card.number !== row.card.number) return null
  return { number: first.invoiceNumber, row, isNamed: false, changeMinor }
}

function changeOf({ type, amountMinor }: TransactionRow, original: TransactionRow | undefined): bigint {
  if (isPayment(type)) return amountMinor
  if (type === 'refund') return -amountMinor
  if (type !== 'reverse' || original?.type === 'preauth') return 0n
  return original?.type === 'refund' ? amountMinor : -amountMinor
}

function moneyEntries(invoice: InvoiceRow, linked: readonly Linked[], ach: readonly AchTransactionRow[]): TruthEntry[] {
  const { id, currency, amountMinor, paidMinor, status } = invoice
  const own = linked.filter(({ row }) => row.currency === currency)
  const bank = ach.map((row) => ({ row, changes: achChanges(row) })).filter(({ changes }) => changes.length > 0)
  const payments = [
    ...own.filter(({ row, isNamed }) => isNamed && isPayment(row.type)).map(({ row }) => row.amountMinor),
    ...bank
      .filter(({ row }) => row.type === 'WITHDRAWAL')
      .map(({ row, changes }) => (changes[0] === 0n ? 0n : row.amountMinor)),
  ]
  const cardMinor = own.reduce((sum, { changeMinor }) => sum + changeMinor, 0n)
  let sums = [cardMinor]
  for (const { changes } of bank) sums = sums.flatMap((sum) => changes.map((change) => sum + change))
  const [plainMinor = 0n] = sums
  const entry = (code: TruthEntry['code'], expectedMinor: bigint, actualMinor: bigint, note: string): TruthEntry[] => [
    { code, subject: invoiceSubject(id), currency, expectedMinor, actualMinor, isConsequence: false, note },
  ]
  const countFull = payments.filter((minor) => minor > 0n && minor >= amountMinor).length
  const isGivenBack = paidMinor < 2n * amountMinor && sums.includes(paidMinor)
  if (amountMinor > 0n && countFull >= 2 && plainMinor >= 2n * amountMinor && !isGivenBack) {
    return entry('invoice_paid_twice', amountMinor, plainMinor, 'two payments cover all of it')
  }
  if (sums.includes(paidMinor)) return []
  if (status === 'PAID' && payments.length === 0) {
    return entry('invoice_paid_without_payment', paidMinor, 0n, 'no payment that can be read names it')
  }
  const namedMinor = plainMinor - own.filter(({ isNamed }) => !isNamed).reduce((sum, one) => sum + one.changeMinor, 0n)
  return entry('invoice_payment_differs', paidMinor, namedMinor, 'its payments come to another sum')
}

function achChanges({ type, statusAuth, statusClearing, amountMinor }: AchTransactionRow): bigint[] {
  if (statusAuth !== 'APPROVED' || ['REJECTED', 'CONTESTED', 'RETURNED'].includes(statusClearing)) return []
  const signed = type === 'WITHDRAWAL' ? amountMinor : type === 'REVERSE' || type === 'REFUND' ? -amountMinor : 0n
  return statusClearing === 'CLEARED' ? [signed] : [0n, signed]
}

function ownEntries(invoice: InvoiceRow, now: Instant, readingOf: (instant: Instant) => Instant): TruthEntry[] {
  const { id, status, currency, amountMinor, dueMinor, createdAt, detail } = invoice
  const common = { subject: invoiceSubject(id), currency, isConsequence: false }
  const entries: TruthEntry[] = []
  if (detail && detail.lines.length > 0 && sumOfParts(detail) !== amountMinor) {
    const note = 'its parts come to another sum than its amount'
    const sides = { expectedMinor: sumOfParts(detail), actualMinor: amountMinor }
    entries.push({ code: 'invoice_total_differs', ...common, ...sides, note })
  }
  const isOverdue = status === 'OVERDUE' || (status === 'DUE' && now >= readingOf(createdAt) + OVERDUE_AFTER_MS)
  if (isOverdue && dueMinor > 0n) {
    const sides = { expectedMinor: dueMinor, actualMinor: 0n }
    entries.push({ code: 'invoice_overdue', ...common, ...sides, note: 'it has been owed for 30 days' })
  }
  return entries
}

const lone = ({ id, invoiceNumber, currency, amountMinor }: TransactionRow): TruthEntry => ({
  code: 'payment_without_invoice',
  subject: cardTransactionSubject(id),
  currency,
  expectedMinor: 0n,
  actualMinor: amountMinor,
  isConsequence: false,
  note: `there is no invoice ${invoiceNumber}`,
})
