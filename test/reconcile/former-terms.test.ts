import { expect, it } from 'vitest'
import { toInstant } from '../../src/domain/clock.ts'
import type { Look } from '../days/support.ts'
import { FIRST_DAY, matchesIn, openIn, withLivingShop } from './living-shop.ts'

/** A customer with one active subscription, and the charge that came last of it by card. */
function chargedByCard({ sandbox }: Look) {
  const { merchant, billing } = sandbox.state
  const subscriptions = merchant().records.subscriptions.all()
  for (const link of (billing?.subscriptions.links() ?? []).toReversed()) {
    const row = merchant().transaction(link.transactionId)
    const subscription = subscriptions.find(({ id }) => id === link.subscriptionId)
    const own = subscriptions.filter(({ customerCode }) => customerCode === subscription?.customerCode)
    if (link.via === 'card' && row?.status === 'approved' && subscription?.status === 'active' && own.length === 1) {
      return { row, subscription }
    }
  }
  throw new Error('nobody with one subscription was charged by card')
}

const ofSubscription = async (look: Look, id: bigint) =>
  (await matchesIn(look)).filter(({ subscription_id }) => subscription_id === String(id))

type Shop = Parameters<Parameters<typeof withLivingShop>[1]>[0]

async function readAll({ reader }: Shop, cause: string): Promise<void> {
  await reader.read(cause)
  await reader.readPayments(`payments ${cause}`)
  await reader.reconcile('marked')
}

it('past charges stay what they were when a subscription moves to a bank account and its plan to another terminal', async () => {
  await withLivingShop(55, async (shop) => {
    const { look, jumpTo } = shop
    const { records } = look.sandbox.state.merchant()
    await readAll(shop, 'before')
    const { subscription } = chargedByCard(look)
    const before = await matchesIn(look)
    const open = await openIn(look)
    expect((await ofSubscription(look, subscription.id)).length).toBeGreaterThan(0)
    jumpTo(FIRST_DAY, '18:00')
    const at = look.runtime.services.clock.now()
    records.subscriptions.alter(subscription.id, { paymentMethod: 'bank', editedAt: at, touchedAt: at })
    records.plans.alter(subscription.planId, { terminalId: 1n, updatedAt: at })
    await readAll(shop, 'after')
    expect(await matchesIn(look)).toEqual(before)
    expect(await openIn(look)).toEqual(open)
  })
})

it('a charge while a subscription was paused stays unexpected when it goes on, and when it is deleted', async () => {
  await withLivingShop(56, async (shop) => {
    const { look, jumpTo } = shop
    const merchant = look.sandbox.state.merchant()
    const { subscriptions } = merchant.records
    await readAll(shop, 'before')
    const { subscription, row } = chargedByCard(look)
    const edit = (hours: string, change: object) => {
      jumpTo(FIRST_DAY, hours)
      const at = look.runtime.services.clock.now()
      subscriptions.alter(subscription.id, { ...change, editedAt: at, touchedAt: at })
      return at
    }
    edit('17:00', { status: 'paused' })
    await readAll(shop, 'paused')
    jumpTo(FIRST_DAY, '18:00')
    const chargedAt = toInstant(look.runtime.services.clock.now() - 60_000)
    const taken = merchant.addTransaction({ ...row, createdAt: chargedAt, invoiceNumber: 'INV990001' })
    await readAll(shop, 'charged')
    const found = `charge_unexpected ${taken.id}`
    expect(await openIn(look)).toContain(found)
    edit('19:00', { status: 'active' })
    await readAll(shop, 'on again')
    expect(await openIn(look)).toContain(found)
    const matches = await ofSubscription(look, subscription.id)
    jumpTo(FIRST_DAY, '20:00')
    subscriptions.remove(subscription.id)
    await readAll(shop, 'deleted')
    expect(await openIn(look)).toContain(found)
    expect(await openIn(look)).toContain(`record_disappeared ${subscription.id}`)
    expect(await ofSubscription(look, subscription.id)).toEqual(matches)
    expect(await shop.reader.reconcile('full')).toMatchObject({ countOpened: 0, countReopened: 0, countResolved: 0 })
  })
})
