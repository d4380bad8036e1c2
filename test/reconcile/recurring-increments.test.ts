import { expect, it } from 'vitest'
import { loadCustomerSides } from '../../src/db/recurring-sides.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { addDays } from '../../src/sandbox/zone.ts'
import { FIRST_DAY, matchesIn, openIn, withLivingShop, zone } from './living-shop.ts'

it('days of marked runs leave what one full run finds, and a full run after each finds nothing new', async () => {
  await withLivingShop(51, async ({ look, reader, jumpTo }) => {
    await reader.read('day 0')
    await reader.reconcile('marked')
    const countsBefore = (await matchesIn(look)).length
    for (let day = 1; day <= 3; day += 1) {
      jumpTo(addDays(FIRST_DAY, day), '16:00')
      if (day === 2) look.sandbox.state.apply('times_billed_differs')
      if (day === 2) look.sandbox.state.apply('charge_overdue')
      await reader.read(`day ${day}`)
      await reader.readPayments(`payments of day ${day}`)
      await reader.reconcile('marked')
      const said = { open: await openIn(look), matches: await matchesIn(look) }
      const { countOpened, countReopened, countResolved } = await reader.reconcile('full')
      expect({ countOpened, countReopened, countResolved }).toEqual({
        countOpened: 0,
        countReopened: 0,
        countResolved: 0,
      })
      expect({ open: await openIn(look), matches: await matchesIn(look) }).toEqual(said)
    }
    expect((await matchesIn(look)).length).toBeGreaterThan(countsBefore)
    expect(await openIn(look)).toContainEqual(expect.stringMatching(/^times_billed_differs /))
    // From nothing, one full run says the same.
    const said = {
      open: await openIn(look),
      matches: (await matchesIn(look)).map(({ matched_at: _, ...match }) => match),
    }
    await look.query(
      'delete from recon.mismatch_events; delete from recon.mismatches; delete from recon.matches; delete from recon.recurring_checks',
    )
    await reader.reconcile('full')
    expect({
      open: await openIn(look),
      matches: (await matchesIn(look)).map(({ matched_at: _, ...match }) => match),
    }).toEqual(said)
    // And where nothing changed and nothing is due, nobody is judged.
    expect(await reader.reconcile('marked')).toMatchObject({ countOpened: 0, recurring: [] })
  })
})

it('a charge is missing when its grace ends, without a change, and no longer when it comes', async () => {
  await withLivingShop(52, async ({ look, reader, jumpTo }) => {
    const { merchant, billing } = look.sandbox.state
    const today = zone.at(FIRST_DAY, '00:00')
    const rows = merchant()
    const links = billing?.subscriptions.links() ?? []
    const lost = links
      .filter(({ via, attempt }) => via === 'card' && attempt === 0)
      .flatMap((link) => rows.transaction(link.transactionId) ?? [])
      .find((row) => row.createdAt > today && row.status === 'approved')
    if (!lost) throw new Error('nothing was charged today')
    const link = links.find(({ transactionId }) => transactionId === lost.id)
    const missing = `charge_missing ${link?.subscriptionId}:${link?.paymentNumber}`
    merchant().removeTransaction(lost.id)
    await reader.read('without it')
    await reader.reconcile('marked')
    expect(await openIn(look)).not.toContain(missing)
    jumpTo(addDays(FIRST_DAY, 1), '04:00')
    await reader.reconcile('marked')
    expect(await openIn(look)).toContain(missing)
    merchant().addTransaction(lost, lost.id)
    await reader.read('with it', ['card_transaction'])
    await reader.reconcile('marked')
    expect(await openIn(look)).not.toContain(missing)
  })
})

it('a run on data that stopped coming opens nothing that only absence would prove', async () => {
  await withLivingShop(53, async ({ look, reader, jumpTo }) => {
    await reader.read('once')
    await reader.reconcile('marked')
    const open = await openIn(look)
    jumpTo(addDays(FIRST_DAY, 9), '16:00')
    const late = await reader.reconcile('marked')
    expect((await openIn(look)).filter((one) => /^charge_|^times_/.test(one))).toEqual(
      open.filter((one) => /^charge_|^times_/.test(one)),
    )
    // It says so,
    expect(late.evidence.staleResources).toContain('card_transaction')
    // and knows that they are due.
    expect(late.recurring.reduce((sum, { counts }) => sum + counts.waiting, 0)).toBeGreaterThan(0)
  })
})

it('a withdrawal that was voided in its batch is none that brought money, whatever its status says', async () => {
  await withLivingShop(54, async ({ look, reader }) => {
    const { achTransactions } = look.sandbox.state.merchant().records
    const withdrawals = achTransactions
      .all()
      .filter(
        ({ type, statusAuth, statusClearing }) =>
          type === 'WITHDRAWAL' && `${statusAuth} ${statusClearing}` === 'APPROVED CLEARED',
      )
    const [voided, kept] = withdrawals
    if (!voided || !kept) throw new Error('nobody paid by bank')
    const { db, account } = look.runtime.services
    const outcomesOf = async () => {
      const codes = [...new Set([voided.customerCode, kept.customerCode])]
      const asked = { accountId: account.accountId, codes, chargesFrom: toInstant(0) }
      const sides = await db.transaction((tx) => loadCustomerSides(tx, asked))
      const charges = sides.flatMap((one) => one.charges.filter(({ via }) => via === 'ach'))
      return [voided, kept].map(({ id }) => charges.find(({ transactionId }) => transactionId === id)?.outcome)
    }
    await reader.read('before')
    expect(await outcomesOf()).toEqual(['approved', 'approved'])
    achTransactions.add((id) => ({
      ...voided,
      id,
      createdAt: toInstant(voided.createdAt + 60_000),
      type: 'REVERSE',
      originalId: voided.id,
    }))
    await reader.read('after')
    expect(await outcomesOf()).toEqual(['undone', 'approved'])
  })
})
