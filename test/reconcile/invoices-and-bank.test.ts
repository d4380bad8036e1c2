import { expect, it } from 'vitest'
import { compare, nameTruth, withRuntime } from '../days/support.ts'
import { isOfMoney, SETTINGS, SMALL, shopOf } from './money-shop.ts'
import { createReader } from './recurring-support.ts'

const SHOP = { ...SMALL, seed: 71, lastDay: '2026-10-14', switches: { subObjectsOnList: true } } as const
const isOfPaid = ({ code }: { code: string }) =>
  ['invoice_paid_twice', 'invoice_payment_differs', 'invoice_paid_without_payment'].includes(code)

it('without permission for bank payments what cards alone prove of an invoice is told, and nothing else', async () => {
  const names = ['invoice_paid_twice', 'invoice_payment_differs', 'invoice_paid_without_payment'] as const
  const tokens = [{ token: 'sandbox-token', name: 'default', refused: ['/ach/transactions', '/ach/batches'] }]
  await withRuntime({ ...shopOf(SHOP, names), tokens }, async (look) => {
    const reader = createReader(look, SETTINGS)
    await reader.read('first')
    await reader.readPayments('payments', ['subscription', 'invoice'])
    await reader.reconcile('marked')
    const truth = nameTruth(look.sandbox.truth().defects.filter(isOfMoney)).filter(isOfPaid)
    const found = (await look.found()).filter(isOfPaid)
    const byCard = ({ code }: { code: string }) => code !== 'invoice_paid_without_payment'
    expect(compare(truth.filter(byCard), found)).toEqual({ missed: [], extra: [], differing: [] })
    expect(new Set(found.map(({ code }) => code))).toEqual(new Set(['invoice_paid_twice', 'invoice_payment_differs']))
    // The control: something was there to be left unsaid.
    expect(truth.filter((one) => !byCard(one))).not.toEqual([])
  })
})

it('an invoice that was judged before any bank payment was read is judged again when they are', async () => {
  await withRuntime(shopOf(SHOP, ['invoice_paid_without_payment']), async (look) => {
    const reader = createReader(look, SETTINGS)
    const unpaid = async () => (await look.found()).filter(({ code }) => code === 'invoice_paid_without_payment')
    // As a first start does it: card data is judged when it has come, long before the last bank payments are read.
    await reader.read('first', [
      'card_terminal',
      'card_batch',
      'payment_plan',
      'add_on',
      'customer',
      'subscription',
      'card_transaction',
      'invoice',
    ])
    await reader.readPayments('payments', ['subscription', 'invoice'])
    await reader.reconcile('marked')
    expect(await unpaid()).toEqual([])
    await reader.reconcile('marked')
    await reader.read('bank payments', ['ach_batch', 'ach_transaction'])
    await reader.reconcile('marked')
    const found = await unpaid()
    expect(found).not.toEqual([])
    expect(await reader.reconcile('full')).toMatchObject({ countOpened: 0, countReopened: 0, countResolved: 0 })
    expect(await unpaid()).toEqual(found)
  })
})
