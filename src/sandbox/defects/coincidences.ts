import type { ChargeLink } from '../history/billing/charges.ts'
import { USER_DEFAULT } from '../history/payments.ts'
import type { Merchant } from '../merchant.ts'
import type { Switches } from '../options.ts'
import { defaultCard } from '../records/customer.ts'
import { chargedMinor, type SubscriptionPayment, type SubscriptionRow } from '../records/recurring.ts'
import type { TransactionRow } from '../rows.ts'
import { cardTransactionSubject, type TruthEntry } from '../truth.ts'
import { subscriptionPaymentSubject } from './recurring-truth.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** What is known of subscriptions beside what is served, and how that is served. */
export interface ToldOfSubscriptions extends Pick<Switches, 'subscriptionAmount' | 'subscriptionDateUpdated'> {
  readonly links: () => readonly ChargeLink[]
}

/**
 * Purchases that happen to look like charges. A sale that equals a recurring amount cannot be told from a second charge
 * (CHECKS D): beside the charge of a payment it is ambiguous, and while the subscription is idle unexpected.
 */
export function coincidenceEntries(merchant: Merchant, told: ToldOfSubscriptions): TruthEntry[] {
  const links = told.links().filter(({ via }) => via === 'card')
  const charges = new Set(links.map(({ transactionId }) => transactionId))
  const { subscriptions } = merchant.records
  const paid = new Map<string, Paid[]>()
  for (const link of links) {
    const row = subscriptions.get(link.subscriptionId)
    const payment = row?.payments.find(({ number }) => number === link.paymentNumber)
    const charge = merchant.transaction(link.transactionId)
    if (!row || payment?.status !== 'approved' || charge?.status !== 'approved') continue
    const known = paid.get(row.customerCode)
    if (known) known.push({ row, payment, charge })
    else paid.set(row.customerCode, [{ row, payment, charge }])
  }
  return merchant.transactions().flatMap((sale) => {
    if (charges.has(sale.id) || !isLikeCharge(merchant, sale)) return []
    const own = subscriptions.by('customerCode', sale.customerCode)
    if (own.length === 0) return []
    const before = paid.get(sale.customerCode) ?? []
    const beside = chargesBeside(sale, before, WINDOW)
    const again = beside.length > 0 ? [] : chargesBeside(sale, before, NEXT_NIGHT)
    const entry =
      likeNearest(sale, beside) ?? whileIdle(merchant, sale, { own, paid: before }, told) ?? likeNearest(sale, again)
    return entry === null ? [] : [entry]
  })
}

interface Paid {
  readonly row: SubscriptionRow
  readonly payment: SubscriptionPayment
  readonly charge: TransactionRow
}

/** Nothing shows a person: no name, and no invoice that was there before. */
function isLikeCharge({ records }: Merchant, sale: TransactionRow): boolean {
  if (sale.type !== 'purchase' || sale.status !== 'approved' || sale.isHidden || sale.disguise !== null) return false
  const invoice = records.invoices.by('number', sale.invoiceNumber.toUpperCase()).at(0)
  return sale.user === USER_DEFAULT && !(invoice && invoice.createdAt < sale.createdAt - HOUR_MS)
}

/** From two hours before the processing to twelve after a charge may stand. */
const WINDOW = { fromMs: -2 * HOUR_MS, untilMs: 12 * HOUR_MS }
/** Until then a billing run may have run again. */
const NEXT_NIGHT = { fromMs: 12 * HOUR_MS, untilMs: 36 * HOUR_MS }

/** Charges of payments that were processed so long before a sale, and that it equals. */
const chargesBeside = (sale: TransactionRow, paid: readonly Paid[], { fromMs, untilMs }: typeof WINDOW): Paid[] =>
  paid.filter(({ payment: { processedAt }, charge }) => {
    const after = sale.createdAt - (processedAt ?? Number.POSITIVE_INFINITY)
    return (
      after >= fromMs &&
      after <= untilMs &&
      charge.amountMinor === sale.amountMinor &&
      charge.currency === sale.currency &&
      charge.card.number === sale.card.number
    )
  })

/** Within ten minutes of a charge it is a duplicate, which nobody takes for a purchase. */
function likeNearest(sale: TransactionRow, beside: readonly Paid[]): TruthEntry | null {
  const gap = ({ charge }: Paid) => Math.abs(charge.createdAt - sale.createdAt)
  const [nearest] = beside.filter((one) => gap(one) > 10 * MINUTE_MS).toSorted((a, b) => gap(a) - gap(b))
  return nearest ? ambiguous(nearest.row, nearest.payment.number, sale) : null
}

function whileIdle(
  merchant: Merchant,
  sale: TransactionRow,
  { own, paid }: { own: readonly SubscriptionRow[]; paid: readonly Paid[] },
  told: ToldOfSubscriptions,
): TruthEntry | null {
  const customer = merchant.records.customers.by('code', sale.customerCode).at(0)
  const numberDefault = customer && defaultCard(customer).card.number
  /** It charges the default card; on another one than that, and than it charged before, somebody bought something. */
  const isOnCardOf = (id: bigint) => {
    const before = paid.filter(({ row }) => row.id === id).map(({ charge }) => charge.card.number)
    return before.length === 0 || [numberDefault, ...before].includes(sale.card.number)
  }
  const idle = own
    .filter(({ id, status, planId }) => {
      const { currency, terminalId, paymentMethod } = merchant.records.plans.need(planId)
      const isHere = currency === sale.currency && terminalId === merchant.batch(sale.batchId)?.terminalId
      return status !== 'active' && status !== 'term_ending' && paymentMethod === 'card' && isHere && isOnCardOf(id)
    })
    .flatMap((row) => {
      const last = lastOf(row)
      const isAfter = last?.processedAt != null && sale.createdAt > last.processedAt + 10 * MINUTE_MS
      return last && isAfter && sumsOf(row, last, told).has(sale.amountMinor) ? [{ row, last }] : []
    })
    .toSorted((a, b) => (a.row.id < b.row.id ? -1 : 1))
  const stoppedAt = ({ editedAt, touchedAt }: SubscriptionRow) =>
    ({ edits: editedAt, everything: touchedAt, never: null })[told.subscriptionDateUpdated] ?? Number.POSITIVE_INFINITY
  const certain = idle.find(({ row }) => sale.createdAt > stoppedAt(row))
  if (certain) {
    return {
      code: 'charge_unexpected',
      subject: cardTransactionSubject(sale.id),
      currency: sale.currency,
      expectedMinor: 0n,
      actualMinor: sale.amountMinor,
      isConsequence: false,
      isUndecidable: true,
      note: `a purchase for what the idle subscription ${certain.row.id} takes`,
    }
  }
  const [open] = idle
  return open ? ambiguous(open.row, open.last.number, sale) : null
}

function lastOf({ payments }: SubscriptionRow): SubscriptionPayment | undefined {
  return payments
    .filter(({ processedAt }) => processedAt !== null)
    .toSorted((a, b) => (b.processedAt ?? 0) - (a.processedAt ?? 0))[0]
}

/** What a payment may come to by what is served of it (API.md §9): the last one once more, or the next of any. */
function sumsOf(row: SubscriptionRow, last: SubscriptionPayment, told: ToldOfSubscriptions): ReadonlySet<bigint> {
  const next = row.payments.map((payment) => {
    const once = row.addOns.filter((one) => one.frequency === 'one_time' && one.lastPaymentNumber === payment.number)
    const onceMinor = once.reduce((sum, { amountMinor, quantity }) => sum + amountMinor * BigInt(quantity), 0n)
    const parts = { ...payment, setupMinor: 0n, addOnMinor: payment.addOnMinor - onceMinor }
    const wholeMinor = chargedMinor(payment) - payment.taxMinor
    const leftMinor = parts.recurringMinor + parts.addOnMinor
    // Taxes are five of a hundred, rounded.
    return { ...parts, taxMinor: payment.taxMinor === 0n || wholeMinor === 0n ? 0n : (leftMinor * 5n + 50n) / 100n }
  })
  return new Set(
    [
      row.recurringMinor,
      ...[last, ...next].flatMap((payment) => {
        const whole = chargedMinor(payment)
        const { taxMinor, recurringMinor } = payment
        const stated = { charged: whole, 'before-tax': whole - taxMinor, recurring: recurringMinor }
        const amountMinor = stated[told.subscriptionAmount]
        return [whole, amountMinor, amountMinor + taxMinor]
      }),
    ].filter((minor) => minor > 0n),
  )
}

const ambiguous = ({ id }: SubscriptionRow, number: number, sale: TransactionRow): TruthEntry => ({
  code: 'charge_ambiguous',
  subject: subscriptionPaymentSubject(id, number),
  currency: sale.currency,
  isConsequence: false,
  isUndecidable: true,
  note: `nothing tells transaction ${sale.id} from a charge`,
})
