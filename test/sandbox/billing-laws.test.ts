import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { dueDate, firstCycleDay } from '../../src/sandbox/history/billing/due-dates.ts'
import { chargedMinor, timesBilled } from '../../src/sandbox/records/recurring.ts'
import { addDays, createZone } from '../../src/sandbox/zone.ts'
import { BILLED_SHOP, type Client, SMALL_SHOP, start } from './support.ts'

const zone = createZone('America/Edmonton')
const SEEDS = [1, 2, 3]
/** A year and more: both changes of clocks, the end of every month, a leap day. */
const LONG = { ...SMALL_SHOP, startsOn: '2027-02-20', salesPerDay: 1, customers: 12 } as const
const LONG_NOW = '2028-03-25T20:00:00Z'
const longShop = (seed: number, options: Parameters<typeof start>[0] = {}) =>
  start({ seed, now: LONG_NOW, scenario: { ...LONG, billing: { subscriptions: 30, signUpsPerDay: 0 } }, ...options })

function stateOf({ sandbox }: Client) {
  const merchant = sandbox.state.merchant()
  const links = sandbox.state.billing?.subscriptions.links() ?? []
  return { merchant, links, ...merchant.records }
}

describe.each(SEEDS)('over a year of billing, seed %i', (seed) => {
  it('what subscriptions say was paid is what was charged, per customer', async () => {
    const { merchant, links, subscriptions, achTransactions } = stateOf(await longShop(seed))
    const expected = new Map<string, bigint>()
    const charged = new Map<string, bigint>()
    const add = (sums: Map<string, bigint>, code: string, minor: bigint) =>
      sums.set(code, (sums.get(code) ?? 0n) + minor)
    for (const row of subscriptions.all()) {
      for (const payment of row.payments.filter(({ status }) => status === 'approved')) {
        add(expected, row.customerCode, chargedMinor(payment))
      }
    }
    const failedAch = new Set<bigint>()
    for (const row of achTransactions.all()) {
      if (row.type === 'REVERSE') failedAch.add(row.originalId)
      const isBack = ['REJECTED', 'CONTESTED', 'RETURNED'].includes(row.statusClearing)
      if (isBack || row.statusAuth === 'DECLINED' || row.statusAuth === 'CANCELLED') failedAch.add(row.id)
    }
    for (const { via, transactionId } of links) {
      const row = via === 'card' ? merchant.transaction(transactionId) : achTransactions.get(transactionId)
      if (!row) throw new Error(`no transaction ${transactionId}`)
      const isMoney = 'status' in row ? row.status === 'approved' : !failedAch.has(row.id)
      if (isMoney) add(charged, row.customerCode, row.amountMinor)
    }
    expect([...charged].sort()).toEqual([...expected].sort())
    expect(expected.size).toBeGreaterThan(5)
  })

  it('each period is billed once, on its day, and every try leaves its row', async () => {
    const { merchant, links, subscriptions, plans } = stateOf(await longShop(seed))
    for (const row of subscriptions.all()) {
      const plan = plans.need(row.planId)
      const numbers = row.payments.map(({ number }) => number)
      expect(numbers).toEqual(numbers.map((_, place) => place + 1))
      const cycles = row.payments.filter(({ recurringMinor, status }) => recurringMinor > 0n || status === 'waiting')
      const dates = cycles.map(({ dueOn }) => dueOn)
      expect(new Set(dates).size).toBe(dates.length)
      const series = new Set(Array.from({ length: 420 }, (_, index) => dueDate(row.anchorOn, plan, index)))
      expect(dates.filter((date) => !series.has(date))).toEqual([])
      for (const payment of row.payments) {
        const tries = links.filter((link) => link.subscriptionId === row.id && link.paymentNumber === payment.number)
        if (payment.status === 'waiting') expect(tries).toEqual([])
        else expect(tries.map(({ attempt }) => attempt)).toEqual(tries.map((_, place) => place))
        if (payment.status !== 'waiting') expect(tries.length).toBe(payment.countRetries + 1)
        if (payment.countRetries === 0 && payment.processedAt !== null) {
          expect(zone.date(payment.processedAt)).toBe(payment.dueOn)
        }
        const card = tries.filter(({ via }) => via === 'card').map((each) => merchant.transaction(each.transactionId))
        expect(card.slice(0, -1).every((each) => each?.status === 'declined')).toBe(true)
        if (card.length > 0) expect(card.at(-1)?.status === 'approved').toBe(payment.status === 'approved')
      }
      if (row.status === 'cancelled' || row.status === 'term_ended') {
        expect(row.payments.every(({ status }) => status !== 'waiting')).toBe(true)
      } else expect(row.payments.at(-1)).toMatchObject({ status: 'waiting', dueOn: row.billsOn })
      if (row.cyclesMax > 0) expect(cycles.length).toBeLessThanOrEqual(row.cyclesMax)
      expect(timesBilled(row)).toBeLessThanOrEqual(row.payments.length)
    }
  })
})

describe('recurring charges', () => {
  it('come seconds after the payment was processed, by Helcim System, at the terminal of the plan', async () => {
    const { merchant, links, subscriptions, plans } = stateOf(await longShop(5))
    const numbers = new Set<string>()
    for (const { via, transactionId, subscriptionId, paymentNumber, attempt } of links) {
      const row = via === 'card' ? merchant.transaction(transactionId) : undefined
      const subscription = subscriptions.need(subscriptionId)
      const payment = subscription.payments[paymentNumber - 1]
      if (!row || !payment?.processedAt) continue
      expect(row).toMatchObject({ user: 'Helcim System', type: 'purchase', customerCode: subscription.customerCode })
      expect(merchant.batch(row.batchId)?.terminalId).toBe(plans.need(subscription.planId).terminalId)
      expect(numbers.has(row.invoiceNumber)).toBe(false)
      numbers.add(row.invoiceNumber)
      if (attempt !== payment.countRetries) continue
      const seconds = (row.createdAt - payment.processedAt) / 1000
      expect(seconds >= 1 && seconds <= 4).toBe(true)
    }
    expect(numbers.size).toBeGreaterThan(300)
  })

  it('come hours later, or not at all, as the switch has it', async () => {
    const late = stateOf(await longShop(5, { switches: { recurringCharge: 'hours-later' } }))
    const delays = late.links.flatMap(({ via, transactionId, subscriptionId, paymentNumber, attempt }) => {
      const payment = late.subscriptions.need(subscriptionId).payments[paymentNumber - 1]
      const row = via === 'card' ? late.merchant.transaction(transactionId) : undefined
      return row && payment?.processedAt && payment.countRetries === attempt
        ? [row.createdAt - payment.processedAt]
        : []
    })
    expect(delays.length).toBeGreaterThan(100)
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(2 * 3_600_000)
    const missing = stateOf(await longShop(5, { switches: { recurringCharge: 'missing' } }))
    expect(missing.links.filter(({ via }) => via === 'card')).toEqual([])
    expect(missing.subscriptions.all().some((row) => timesBilled(row) > 0)).toBe(true)
  })

  it('are tried again only where the merchant asked for it', async () => {
    const billing = { subscriptions: 30, signUpsPerDay: 0, retryAfterDays: [], declineShare: 0.5 }
    const { subscriptions } = stateOf(await longShop(6, { scenario: { ...LONG, billing } }))
    const card = subscriptions.all().filter(({ paymentMethod }) => paymentMethod === 'card')
    const payments = card.flatMap((row) => row.payments)
    expect(payments.every(({ countRetries }) => countRetries === 0)).toBe(true)
    expect(new Set(payments.map(({ status }) => status))).toEqual(new Set(['approved', 'declined', 'waiting']))
  })

  it('stop while paused and after the end, and a test can pause, cancel, and mark as paid', async () => {
    const billing = { subscriptions: 150, declineShare: 0.2 }
    const client = await start({ now: '2026-12-01T20:00:00Z', scenario: { ...SMALL_SHOP, salesPerDay: 1, billing } })
    const { sandbox } = client
    const { subscriptions, plans } = stateOf(client)
    const engine = sandbox.state.billing?.subscriptions
    const daily = subscriptions
      .all()
      .filter((row) => row.status === 'active' && plans.need(row.planId).period === 'daily')
    const [paused, cancelled] = daily
    if (!engine || !paused || !cancelled) throw new Error('no daily subscriptions')
    engine.pause(paused.id, client.clock.now(), 10)
    engine.cancel(cancelled.id, client.clock.now())
    client.clock.advance(9 * 86_400_000)
    sandbox.state.merchant()
    expect(subscriptions.need(paused.id)).toMatchObject({ status: 'paused' })
    expect(timesBilled(subscriptions.need(paused.id))).toBe(timesBilled(paused))
    client.clock.advance(5 * 86_400_000)
    sandbox.state.merchant()
    expect(subscriptions.need(paused.id).payments.length).toBeGreaterThan(paused.payments.length)
    expect(subscriptions.need(cancelled.id).payments).toHaveLength(cancelled.payments.length - 1)
    const failed = subscriptions.all().find((row) => row.payments.some(({ status }) => status === 'failed'))
    const number = failed?.payments.find(({ status }) => status === 'failed')?.number
    if (!failed || number === undefined) throw new Error('nothing has failed')
    expect(timesBilled(engine.markPaid(failed.id, number, client.clock.now()))).toBe(timesBilled(failed) + 1)
    expect(() => engine.markPaid(failed.id, number, client.clock.now())).toThrow(/is not declined/)
  })
})

describe('due dates', () => {
  it('from the 28th on fall on the end of each month, and short months shorten none after them', () => {
    const monthly = { period: 'monthly', increments: 1 } as const
    const from = (anchor: string) => [1, 2, 3, 13].map((index) => dueDate(anchor, monthly, index))
    expect(from('2027-01-31')).toEqual(['2027-02-28', '2027-03-31', '2027-04-30', '2028-02-29'])
    expect(from('2027-01-28')).toEqual(['2027-02-28', '2027-03-31', '2027-04-30', '2028-02-29'])
    expect(from('2027-01-27')).toEqual(['2027-02-27', '2027-03-27', '2027-04-27', '2028-02-27'])
    expect(dueDate('2028-02-29', { period: 'yearly', increments: 1 }, 1)).toBe('2029-02-28')
    expect(dueDate('2027-11-15', { period: 'monthly', increments: 3 }, 2)).toBe('2028-05-15')
    expect(dueDate('2027-03-10', { period: 'weekly', increments: 2 }, 1)).toBe('2027-03-24')
    expect(firstCycleDay({ billsOn: '31' }, '2027-02-03')).toBe('2027-02-28')
    expect(firstCycleDay({ billsOn: 'Monday' }, '2027-02-03')).toBe('2027-02-08')
  })

  it('fall on both changes of clocks, and are billed there once', async () => {
    const { subscriptions } = stateOf(await longShop(1))
    for (const date of ['2027-03-14', '2027-11-07', '2028-03-12', addDays('2028-02-28', 1)]) {
      const due = subscriptions.all().flatMap(({ payments }) => payments.filter((each) => each.dueOn === date))
      expect(due.length).toBeGreaterThan(0)
      const processed = due.filter(({ countRetries, processedAt }) => processedAt !== null && countRetries === 0)
      expect(processed.every((each) => each.processedAt !== null && zone.date(each.processedAt) === date)).toBe(true)
    }
  })
})

describe('all records are a function of seed and clock', () => {
  const PATHS = [
    '/customers?includeCards=yes',
    '/invoices',
    '/payment-plans',
    '/subscriptions',
    '/ach/transactions',
    '/ach/batches',
  ]
  const everything = async (client: Client) => {
    const texts = await Promise.all([...PATHS, '/card-transactions'].map(async (path) => (await client.get(path)).text))
    const undated = texts.map((each) => each.replace(/"timestamp":"[^"]*"/, ''))
    return createHash('sha256').update(undated.join('\n')).digest('hex')
  }

  it('a restart serves the same, however often one looked on the way; another seed does not', async () => {
    const once = await everything(await start({ scenario: BILLED_SHOP, now: '2026-11-12T20:00:00Z' }))
    const often = await start({ scenario: BILLED_SHOP, now: '2026-10-01T07:00:00Z' })
    while (often.clock.now() < Date.parse('2026-11-12T12:00:00Z')) {
      await often.get('/subscriptions')
      often.clock.advance(7 * 3_600_000)
    }
    often.clock.set('2026-11-12T20:00:00Z')
    expect(await everything(often)).toBe(once)
    expect(await everything(await start({ scenario: BILLED_SHOP, now: '2026-11-12T20:00:00Z', seed: 8 }))).not.toBe(
      once,
    )
  })
})
