import { type Instant, toInstant } from '../../domain/clock.ts'
import type { Merchant } from '../merchant.ts'
import { createRandom } from '../random.ts'
import type { TransactionFacts, TransactionRow } from '../rows.ts'
import type { Customer } from './customers.ts'

/** What can be done with a card, each as one new row in the batch that is open then (API.md §5 to §7). */
export interface Payments {
  purchase(sale: Sale): TransactionRow
  /** A decline by the bank; it belongs to a batch and counts in it. */
  decline(sale: Sale): TransactionRow
  preauth(sale: Sale): TransactionRow
  verify(sale: Sale): TransactionRow
  /** Comes without card token, customer and invoice, as recorded. */
  capture(preauth: TransactionRow, amountMinor: bigint, at: Instant): TransactionRow
  /** Declined, in no batch, few keys. */
  suspectedDuplicate(of: TransactionRow, at: Instant): TransactionRow
  /** Only for a payment whose batch is closed; undefined otherwise. */
  refund(of: TransactionRow, amountMinor: bigint, at: Instant): TransactionRow | undefined
  /** The whole amount, only while the batch is open; undefined otherwise. */
  reverse(of: TransactionRow, at: Instant): TransactionRow | undefined
}

export interface Sale {
  readonly at: Instant
  readonly customer: Customer
  readonly amountMinor: bigint
  /** Default: a new one. */
  readonly invoiceNumber?: string
  readonly user?: string
  /** A sum that is owed: it is never bent so that it differs from the sale before. */
  readonly isExact?: boolean
}

const DECLINES = [
  'Transaction Declined: DECLINED - Do Not Honor',
  'Transaction Declined: EXPIRED CARD',
  'Transaction Declined: REQ. EXCEEDS BAL.',
  'Transaction Declined: DECLINE CVV2 - Do not honor due to CVV2 mismatch/failure',
]
const SUSPECTED_DUPLICATE = 'Transaction Declined: DECLINED - Suspected duplicate transaction in the last 5 minutes.'
export const USER_DEFAULT = 'Helcim System'
const CODE_ALPHABET = '0123456789ABCDEFGHJKLMNPQRSTUVWXYZ'
/** Two approved equal sales on one card closer than this look like a duplicate to anybody; ours keep their distance. */
const TWIN_DISTANCE_MS = 15 * 60_000

export function createPayments(merchant: Merchant, seed: number): Payments {
  let countMade = 0
  const saleLast = new Map<string, { at: Instant; amountMinor: bigint }>()

  const add = (terminalId: bigint, facts: Omit<TransactionFacts, 'batchId' | 'disguise' | 'isHidden'>) =>
    merchant.addTransaction({
      ...facts,
      batchId: facts.isSuspectedDuplicate ? 0n : merchant.ensureOpenBatch(terminalId, facts.createdAt).id,
      disguise: null,
      isHidden: false,
    })

  const charge = (type: string, { at, customer, amountMinor, invoiceNumber, user }: Sale, errors: string | null) => {
    countMade += 1
    const random = createRandom(seed, 'payment', countMade)
    return add(customer.terminalId, {
      createdAt: at,
      status: errors === null ? 'approved' : 'declined',
      type,
      amountMinor,
      currency: customer.currency,
      card: customer.card,
      user: user ?? USER_DEFAULT,
      avsResponse: random.pick(['X', 'Y', 'N', '']),
      cvvResponse: random.pick(['', 'M', 'P', 'U']),
      approvalCode: errors === null ? random.text(6, CODE_ALPHABET) : '',
      customerCode: customer.code,
      invoiceNumber: invoiceNumber ?? merchant.nextInvoiceNumber(),
      warning: random.chance(0.01) ? 'Failed to link customer to invoice' : '',
      errors,
      originalId: null,
      isSuspectedDuplicate: false,
    })
  }

  /** Refund, reverse and capture: the same card and sums, a new approval. */
  const follow = (type: string, of: TransactionRow, amountMinor: bigint, at: Instant) => {
    countMade += 1
    const random = createRandom(seed, 'payment', countMade)
    const batch = merchant.batch(of.batchId)
    if (!batch) throw new Error(`transaction ${of.id} is in no batch`)
    return add(batch.terminalId, {
      ...of,
      createdAt: at,
      type,
      amountMinor,
      approvalCode: random.text(6, CODE_ALPHABET),
      warning: '',
      originalId: of.id,
    })
  }

  return {
    purchase(sale) {
      const last = saleLast.get(sale.customer.code)
      const isTooAlike = last?.amountMinor === sale.amountMinor && sale.at - last.at < TWIN_DISTANCE_MS
      const amountMinor = isTooAlike && sale.isExact !== true ? sale.amountMinor + 101n : sale.amountMinor
      saleLast.set(sale.customer.code, { at: sale.at, amountMinor })
      return charge('purchase', { ...sale, amountMinor }, null)
    },
    decline(sale) {
      return charge('purchase', sale, createRandom(seed, 'decline', countMade).pick(DECLINES))
    },
    preauth: (sale) => charge('preauth', sale, null),
    verify: (sale) => charge('verify', sale, null),
    capture(preauth, amountMinor, at) {
      const bare = { ...preauth, customerCode: '', invoiceNumber: '', card: { ...preauth.card, token: '' } }
      return follow('capture', bare, amountMinor, at)
    },
    suspectedDuplicate: (of, at) =>
      merchant.addTransaction({
        ...of,
        createdAt: at,
        batchId: 0n,
        status: 'declined',
        avsResponse: '',
        cvvResponse: '',
        approvalCode: '',
        errors: SUSPECTED_DUPLICATE,
        originalId: null,
        isSuspectedDuplicate: true,
        disguise: null,
        isHidden: false,
      }),
    refund(of, amountMinor, at) {
      const batch = merchant.batch(of.batchId)
      return batch && batch.closedAt !== null ? follow('refund', of, amountMinor, at) : undefined
    },
    reverse(of, at) {
      const batch = merchant.batch(of.batchId)
      return batch && batch.closedAt === null ? follow('reverse', of, of.amountMinor, at) : undefined
    },
  }
}

/** `at` plus whole seconds: Helcim's texts know no fractions. */
export const secondsAfter = (at: Instant, seconds: number): Instant => toInstant(at + seconds * 1000)
