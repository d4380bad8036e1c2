import { expect, it } from 'vitest'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { sumsOf } from '../../src/domain/recurring/expectations.ts'
import { reportOf } from '../../src/exports/reports.ts'
import { verifyExports } from '../../src/exports/verify.ts'
import { writeExports } from '../../src/exports/write.ts'
import { chargedMinor } from '../../src/sandbox/records/recurring.ts'
import { addDays, createZone } from '../../src/sandbox/zone.ts'
import { createJumpingClock } from '../days/jumping-clock.ts'
import { withRuntime } from '../days/support.ts'
import { createReader } from '../reconcile/recurring-support.ts'
import { centsOf, readCsv, withFolder } from './support.ts'

const LAST_DAY = '2026-10-20'
const zone = createZone('America/Edmonton')

it('recurring has each payment that Helcim tells of once, with the charge that the merchant knows to be its own', async () => {
  const now = zone.at(LAST_DAY, '16:00')
  const options = {
    seed: 61,
    now: new Date(now).toISOString(),
    historyDays: 16,
    clock: createJumpingClock(toInstant(now)),
    switches: { subObjectsOnList: true },
    scenario: {
      startsOn: addDays(LAST_DAY, -16),
      customers: 30,
      salesPerDay: 3,
      billing: { subscriptions: 40, signUpsPerDay: 1, invoicesPerDay: 1 },
    },
  }
  await withRuntime(options, async (look) => {
    const reader = createReader(look)
    await reader.read('all')
    await reader.readPayments('payments')
    await reader.reconcile('full')
    const period = { from: toBusinessDate(addDays(LAST_DAY, -15)), to: toBusinessDate(addDays(LAST_DAY, -2)) }
    const { pool } = look.runtime.database
    const { accountId } = look.runtime.services.account
    const merchant = look.sandbox.state.merchant()
    const expected = merchant.records.subscriptions
      .all()
      .flatMap((row) =>
        row.payments.flatMap((payment) =>
          payment.dueOn >= period.from && payment.dueOn <= period.to ? [{ row, payment }] : [],
        ),
      )
    await withFolder(async (folder) => {
      const write = (format: 'csv' | 'jsonl') =>
        writeExports(pool, { accountId, period, reports: [reportOf('recurring')], format, directory: folder })
      const [file] = await write('csv')
      expect(file?.control.missing).toEqual([])
      const rows = await readCsv(file?.path ?? '')
      const keyOf = (id: unknown, number: unknown) => `${id}:${number}`
      expect(rows.map((row) => keyOf(row.subscription_id, row.payment_number)).sort()).toEqual(
        expected.map(({ row, payment }) => keyOf(row.id, payment.number)).sort(),
      )
      const byKey = new Map(rows.map((row) => [keyOf(row.subscription_id, row.payment_number), row]))
      let countPaid = 0
      let countDeclined = 0
      for (const { row, payment } of expected) {
        const cells = byKey.get(keyOf(row.id, payment.number))
        expect(cells).toMatchObject({
          status: payment.status,
          date_due: payment.dueOn,
          date_processed: payment.processedAt === null ? '' : zone.date(payment.processedAt),
          customer_code: row.customerCode,
          retries: String(payment.countRetries),
        })
        if (row.paymentMethod !== 'card') continue
        const charge = merchant.transaction(BigInt(cells?.transaction_id || 0))
        if (payment.status === 'approved') {
          countPaid += 1
          expect(charge).toMatchObject({ status: 'approved', customerCode: row.customerCode })
          expect(centsOf(cells?.expected ?? '')).toBe(chargedMinor(payment))
          expect(centsOf(cells?.actual ?? '')).toBe(charge?.amountMinor)
          expect(cells?.match_rule).toBe('amount_and_time')
        } else if (payment.status !== 'waiting') {
          countDeclined += 1
          expect(cells).toMatchObject({ actual: '', match_rule: 'declined_try' })
          expect(charge?.status).toBe('declined')
        }
      }
      expect(countPaid).toBeGreaterThan(10)
      expect(countDeclined).toBeGreaterThan(0)
      // The transactions say the same of themselves.
      const shown = new Map(
        (await look.query('select * from accounting.transactions')).map((row) => [String(row.transaction_id), row]),
      )
      const byCard = rows.filter((row) => row.transaction_id !== '' && !row.match_rule?.startsWith('ach_'))
      expect(byCard.length).toBeGreaterThan(countPaid / 2)
      for (const { transaction_id: id = '', subscription_id, payment_number, match_rule } of byCard) {
        const { subscription_id: of, payment_number: number, match_rule: rule } = shown.get(id) ?? {}
        expect([String(of), String(number), rule]).toEqual([subscription_id, payment_number, match_rule])
      }
      await write('jsonl')
      expect((await verifyExports(folder)).differences).toEqual([])
      // The same sums as those that matching goes by, of whatever parts a payment states.
      const told = await look.query(`select p.*, v.expected, v.actual from helcim.subscription_payments p
        join accounting.recurring v using (subscription_id, payment_number)`)
      const minor = (cell: unknown) => BigInt(String(cell ?? 0))
      for (const cells of told) {
        const { sumsMinor } = sumsOf({
          paymentNumber: 1,
          status: 'approved',
          dueOn: null,
          processedAt: null,
          amountMinor: minor(cells.amount_minor),
          setupMinor: minor(cells.setup_minor),
          recurringMinor: minor(cells.recurring_minor),
          addOnMinor: minor(cells.add_on_minor),
          addOnOnceMinor: 0n,
          taxMinor: minor(cells.tax_minor),
          countRetries: 0,
        })
        const actual = cells.actual === null ? null : centsOf(String(cells.actual))
        const own = actual !== null && sumsMinor.includes(actual) ? actual : (sumsMinor[0] ?? null)
        expect(cells.expected === null ? null : centsOf(String(cells.expected))).toBe(own)
      }
      expect(told.length).toBeGreaterThanOrEqual(rows.length)
    })
  })
})
