import { expect, it } from 'vitest'
import { toInstant } from '../../src/domain/clock.ts'
import type { Switches } from '../../src/sandbox/options.ts'
import type { TransactionRow } from '../../src/sandbox/rows.ts'
import { BILLED_SHOP, type Client, start } from './support.ts'

const HOUR_MS = 3_600_000
const NOW = '2026-10-20T20:00:00Z'
const shop = (switches: Partial<Switches> = {}) => start({ seed: 5, now: NOW, scenario: BILLED_SHOP, switches })

const saidIn = ({ sandbox }: Client, pattern: RegExp) =>
  sandbox
    .truth()
    .defects.filter(({ code }) => pattern.test(code))
    .map(({ code, subject, isUndecidable }) => `${code} ${subject.id}${isUndecidable ? ' undecidable' : ''}`)

/** A payment that was charged at its first try, of a subscription of that status, with its charge. */
function chargeOf({ sandbox }: Client, isOf: (status: string) => boolean) {
  const merchant = sandbox.state.merchant()
  for (const link of sandbox.state.billing?.subscriptions.links() ?? []) {
    const row = merchant.records.subscriptions.need(link.subscriptionId)
    const payment = row.payments.findLast(({ processedAt }) => processedAt !== null)
    const isLast = payment?.number === link.paymentNumber && payment.status === 'approved'
    const charge = link.via === 'card' ? merchant.transaction(link.transactionId) : undefined
    if (isLast && charge?.status === 'approved' && isOf(row.status)) return { merchant, row, payment, charge }
  }
  throw new Error('no such payment')
}

it.each([9, 25])(
  'a sale on the same card and for the same sum is ambiguous %i h after a charge, and none by a person or another card',
  async (hours) => {
    const client = await shop()
    const { merchant, row, payment, charge } = chargeOf(client, (status) => status === 'active')
    const before = saidIn(client, /ambiguous/)
    const sell = (facts: Partial<TransactionRow>) =>
      merchant.addTransaction({
        ...charge,
        createdAt: toInstant(charge.createdAt + hours * HOUR_MS),
        invoiceNumber: merchant.nextInvoiceNumber(),
        ...facts,
      })
    sell({ user: 'Till One' })
    sell({ card: { ...charge.card, number: '5454540007' } })
    sell({ amountMinor: charge.amountMinor + 1n })
    sell({ createdAt: toInstant(charge.createdAt + 37 * HOUR_MS) })
    expect(saidIn(client, /ambiguous/)).toEqual(before)
    sell({})
    expect(saidIn(client, /ambiguous/)).toEqual([...before, `charge_ambiguous ${row.id}:${payment.number} undecidable`])
  },
)

it.each([
  ['edits', 'charge_unexpected'],
  ['never', 'charge_ambiguous'],
] as const)('where changes are told by %s, a sale for what an idle subscription takes is %s', async (told, code) => {
  const client = await shop({ subscriptionDateUpdated: told })
  const { merchant, row, payment, charge } = chargeOf(client, (status) => status === 'active')
  const at = toInstant(Date.parse(NOW) - 2 * HOUR_MS)
  client.sandbox.state.billing?.subscriptions.cancel(row.id, toInstant(at - HOUR_MS))
  const before = saidIn(client, /ambiguous|unexpected/)
  const sale = merchant.addTransaction({ ...charge, createdAt: at, invoiceNumber: merchant.nextInvoiceNumber() })
  const subject = told === 'edits' ? sale.id : `${row.id}:${payment.number}`
  expect(saidIn(client, /ambiguous|unexpected/)).toEqual([...before, `${code} ${subject} undecidable`])
})

it.each([
  ['original-invoice', false],
  ['empty', true],
] as const)(
  'where a refund names %s, a repetition that was refunded beside an equal sale stays: %s',
  async (refundRow, isLeft) => {
    const client = await shop({ refundRow })
    const { sandbox } = client
    const merchant = sandbox.state.merchant()
    sandbox.state.apply('charge_duplicated')
    const [said] = sandbox.truth().defects.filter(({ code }) => code === 'transaction_duplicated')
    const second = merchant.transaction(BigInt(said?.subject.id ?? 0))
    if (!second) throw new Error('nothing was repeated')
    const told = () => saidIn(client, /^transaction_duplicated/)
    expect(told()).toEqual([`transaction_duplicated ${second.id}`])
    const closed = merchant.batches().find(({ closedAt }) => closedAt !== null && closedAt < second.createdAt)
    merchant.addTransaction({
      ...second,
      createdAt: toInstant(second.createdAt - 60 * HOUR_MS),
      batchId: closed?.id ?? 0n,
      invoiceNumber: merchant.nextInvoiceNumber(),
    })
    merchant.addTransaction({
      ...second,
      createdAt: toInstant(second.createdAt + 40 * HOUR_MS),
      type: 'refund',
      originalId: second.id,
    })
    expect(told()).toEqual(isLeft ? [`transaction_duplicated ${second.id} undecidable`] : [])
  },
)
