import { type Instant, toInstant } from '../../../domain/clock.ts'
import { createRandom, type Random } from '../../random.ts'
import { defaultCard } from '../../records/customer.ts'
import { type InvoiceDetail, type InvoiceRow, sumOfParts } from '../../records/invoice.ts'
import type { Customer } from '../customers.ts'
import type { BillingContext } from './billing.ts'
import type { Invoicing } from './invoicing.ts'

const DAY_MS = 86_400_000
const THINGS = ['Red Hat', 'Consulting, per hour', 'Yoga mat', 'Repair of a skate', 'Catering', 'Firewood, half a cord']

/** Invoices that the merchant writes and sends: with lines, taxes and fees, paid later, in part, or never. */
export function createSentInvoices(
  context: BillingContext,
  parts: { invoicing: Invoicing; payByBank: (customer: Customer, invoice: InvoiceRow, at: Instant) => void },
): (date: string, count: number) => void {
  const { seed, zone, merchant, customers, payments, schedule } = context
  const { records } = merchant

  const payByCard = (customer: Customer, number: string, amountMinor: bigint, at: Instant) => {
    const record = records.customers.by('code', customer.code).at(0)
    const card = record ? defaultCard(record).card : customer.card
    payments.purchase({ at, customer: { ...customer, card }, amountMinor, invoiceNumber: number, isExact: true })
  }

  const send = (customer: Customer, at: Instant, random: Random) => {
    const detail = drawDetail(random, at)
    const isQuote = random.chance(0.1)
    const invoice = parts.invoicing.issue({
      at,
      number: merchant.nextInvoiceNumber(),
      customerCode: customer.code,
      currency: customer.currency,
      amountMinor: sumOfParts(detail),
      detail,
      ...(isQuote ? { type: 'QUOTE', status: 'FOR_APPROVAL' } : {}),
    })
    const later = toInstant(at + random.integer(3600, 20 * 86_400) * 1000)
    const end = random.fraction()
    const whileDue = (run: (row: InvoiceRow) => void) =>
      schedule(later, () => {
        const now = records.invoices.get(invoice.id)
        if (now && now.dueMinor > 0n && now.status !== 'CANCELLED') run(now)
      })
    if (isQuote) whileDue(({ id }) => records.invoices.alter(id, { status: 'APPROVED', updatedAt: later }))
    else if (end < 0.55) whileDue((row) => payByCard(customer, row.number, row.dueMinor, later))
    else if (end < 0.75) whileDue((row) => parts.payByBank(customer, row, later))
    else if (end < 0.85) whileDue((row) => payByCard(customer, row.number, row.dueMinor / 2n + 1n, later))
    else if (end < 0.9) {
      whileDue(({ id }) => records.invoices.alter(id, { status: 'CANCELLED', dueMinor: 0n, updatedAt: later }))
    }
  }

  return (date, count) => {
    for (let place = 0; place < count; place += 1) {
      const random = createRandom(seed, 'sent-invoice', date, place)
      const at = toInstant(zone.at(date, '00:00') + random.integer(9 * 3600, 18 * 3600) * 1000)
      const customer = random.pick(customers)
      schedule(at, () => send(customer, at, random))
    }
  }
}

function drawDetail(random: Random, at: Instant): InvoiceDetail {
  const some = (share: number, max: number) => (random.chance(share) ? BigInt(random.integer(1, max)) : 0n)
  return {
    lines: Array.from({ length: random.integer(1, 4) }, (_, place) => ({
      description: random.pick(THINGS),
      quantityHundredths: BigInt(random.chance(0.8) ? random.integer(1, 6) * 100 : random.integer(25, 1250)),
      priceMinor: BigInt(random.integer(1055, 24_999)),
      taxMinor: some(0.3, 499),
      discountMinor: some(0.1, 500),
      sku: place === 0 ? `ITM${random.integer(1000, 1999)}` : '',
    })),
    taxMinor: some(0.5, 2999),
    discountMinor: some(0.15, 400),
    shippingMinor: some(0.3, 1999),
    tipMinor: some(0.1, 1500),
    depositMinor: some(0.05, 500),
    convenienceFeeMinor: some(0.1, 300),
    surchargingFeeMinor: some(0.05, 300),
    orderFields: random.chance(0.3) ? [{ displayName: 'Table Number', value: `${random.integer(1, 60)}B` }] : [],
    pickupAt: random.chance(0.1) ? toInstant(at + DAY_MS) : null,
    notes: random.chance(0.3) ? 'No vegetables please' : '',
  }
}
