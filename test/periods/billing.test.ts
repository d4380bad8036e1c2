import { describe, expect, it } from 'vitest'
import { DEFAULT_BOOKS_SETTINGS } from '../../src/domain/journal/chart.ts'
import { toMonth } from '../../src/domain/month.ts'
import type { Certificate } from '../../src/periods/certificate.ts'
import { certificateText } from '../../src/periods/certificate-text.ts'
import { closePeriod } from '../../src/periods/close.ts'
import { reopenPeriod } from '../../src/periods/reopen.ts'
import { createJumpingClock } from '../days/jumping-clock.ts'
import { shopUntil } from '../days/scenarios.ts'
import { type Look, withRuntime } from '../days/support.ts'

const NOW = '2026-11-03T22:00:00Z'
const month = toMonth('2026-10')

/** A shop with subscribers, invoices and bank payments. */
const shop = (seed: number) => {
  const { scenario, ...rest } = shopUntil('2026-11-03')
  const billing = { subscriptions: 30, signUpsPerDay: 1, invoicesPerDay: 2 }
  const clock = createJumpingClock(Date.parse(NOW))
  return { ...rest, scenario: { ...scenario, billing }, historyDays: 40, now: NOW, seed, clock }
}

type Shop = ReturnType<typeof shop>

/** What a close says: what is missing, or else the certificate, and the month is open again. */
function closing({ runtime }: Look, { clock }: Shop) {
  const { database, services } = runtime
  const { account } = services
  const close = async (): Promise<Certificate | readonly string[]> => {
    clock.advance(60_000)
    const request = { account, month, actor: 'ann', forcedReason: null, books: DEFAULT_BOOKS_SETTINGS, version: 'test' }
    const result = await closePeriod(database, request, clock)
    if (result.kind === 'lacking') return result.lacking
    clock.advance(60_000)
    await reopenPeriod(database.db, { accountId: account.accountId, month, actor: 'ann', reason: 'a test' }, clock)
    return result.certificate
  }
  return { accountId: account.accountId, close }
}

const COMPLETE = expect.objectContaining({ lacking: [], reservations: expect.toSatisfy(areOfPayouts) })

function areOfPayouts(reservations: readonly string[]): boolean {
  return reservations.every((one) =>
    /^\d+ ACH payouts? of \S+ \w+ in suspense: Helcim does not tell what for$/.test(one),
  )
}

/** What was read, which is whatever the daemon reads by itself. */
async function readAll(look: Look): Promise<void> {
  await look.pullMissing()
  await look.pullLists()
  await look.reconcileFully()
}

describe.concurrent('a month with bank payments and invoices', () => {
  it('is not complete before their days were read, and is when the schedule has read them', async () => {
    const one = shop(81)
    await withRuntime(one, async (look) => {
      const { close } = closing(look, one)
      await look.pullMissing()
      await look.reconcileFully()
      expect(await close()).toEqual([
        'ACH transactions not read completely since the period ended: 2026-09-24 to 2026-10-31',
        'invoices not read completely after their days were over: 2026-09-24 to 2026-10-31',
        expect.stringMatching(/^invoices that payments name and that were not read: \w+, .*, and \d+ more$/),
      ])
      await look.pullLists()
      await look.reconcileFully()
      const certificate = await close()
      expect(certificate).toEqual(COMPLETE)
      expect(await look.query(`select count(*) > 5 as some from helcim.ach_transactions`)).toEqual([{ some: true }])
      const { coverage } = certificate as Certificate
      for (const resource of ['ach_transaction', 'invoice'])
        expect(coverage.find((of) => of.resource === resource)).toMatchObject({
          readBy: 'days',
          firstDay: '2026-09-24',
          unreadDays: [],
          isPermitted: true,
        })
    })
  })

  it('is not complete while anything of theirs is unread, undecoded, undecided or on its way', async () => {
    const one = shop(82)
    await withRuntime(one, async (look) => {
      const { accountId, close } = closing(look, one)
      await readAll(look)
      expect(await close()).toEqual(COMPLETE)
      // Forgotten as after five weeks: what they proved stays, and can be altered below.
      await look.query(
        `delete from recon.pulls where resource in ('ach_transaction', 'invoice') and window_kind = 'days'`,
      )
      const [named] = await look.query(`select transaction_id as id, invoice_number as number
        from helcim.card_transactions where type = 'purchase' and outcome = 'approved' and invoice_number is not null
          and created_at between '2026-10-25' and '2026-10-28' order by 1 limit 1`)
      const pull = (resource: string, kind: string, of: { from?: string; to?: string; subject?: string }) =>
        `insert into recon.pulls (account_id, resource, window_kind, from_date, to_date, subject, cause, call_class,
            started_at, walk_started_at, page_limit, progress_at)
          values (${accountId}, '${resource}', '${kind}', ${of.from ? `'${of.from}'` : 'null'}, ${of.to ? `'${of.to}'` : 'null'},
            '${of.subject ?? ''}', 'a test', 'detail', '${NOW}', '${NOW}', 0, '${NOW}')`
      const noPull = `delete from recon.pulls where cause = 'a test'`
      const undecoded = (resource: string, at: string) =>
        `insert into helcim.undecoded_records (account_id, resource, record_key, raw, reason, first_seen_at, last_seen_at)
          values (${accountId}, '${resource}', '77', '{}', 'x', '${at}', '${at}')`
      const noUndecoded = 'delete from helcim.undecoded_records'
      let achId = 990
      const ach = (type: string, orderId = 'null') =>
        `insert into helcim.ach_transactions (account_id, ach_transaction_id, status_auth, status_clearing, type, amount_minor,
            currency, batch_status, order_id, is_test, created_at, created_at_text, created_on, closed_at_text, raw, content_hash,
            observed_at, first_seen_at)
          values (${accountId}, ${++achId}, 'APPROVED', 'CLEARED', '${type}', 123456, 'CAD', 'OPENED', ${orderId}, false,
            '2026-10-20T18:00Z', '', '2026-10-20', '', '{}', '00000000-0000-0000-0000-000000000000', '2026-10-20', '2026-10-20')`
      // A row that went away is as if it had never come.
      const noAch = `update helcim.ach_transactions set vanished_at = '${NOW}' where ach_transaction_id > 990 and ach_transaction_id < 1000`
      const readAt = (resource: string, day: string, at: string) =>
        `update recon.covered_days set read_at = '${at}' where resource = '${resource}' and day = '${day}'`
      const reading = ['ACH transactions or invoices are being read just now: try again in a moment']
      const cases: readonly [string, readonly string[], string][] = [
        // Read before the period was over: what cleared or was paid out since is not here.
        [
          readAt('ach_transaction', '2026-10-20', '2026-10-30T12:00Z'),
          ['ACH transactions not read completely since the period ended: 2026-10-20'],
          readAt('ach_transaction', '2026-10-20', NOW),
        ],
        // A month after its day, nothing is expected any more.
        [
          readAt('ach_transaction', '2026-09-24', '2026-10-26T12:00Z'),
          [],
          readAt('ach_transaction', '2026-09-24', NOW),
        ],
        [
          readAt('invoice', '2026-10-20', '2026-10-20T20:00Z'),
          ['invoices not read completely after their days were over: 2026-10-20'],
          readAt('invoice', '2026-10-20', NOW),
        ],
        [readAt('invoice', '2026-10-20', '2026-10-22T20:00Z'), [], readAt('invoice', '2026-10-20', NOW)],
        [
          undecoded('ach_transaction', '2026-10-20'),
          ['1 ACH record that could not be read may belong to it'],
          noUndecoded,
        ],
        [undecoded('invoice', '2026-10-20'), ['1 invoice that could not be read may belong to it'], noUndecoded],
        [undecoded('ach_transaction', '2026-09-20'), [], noUndecoded],
        [undecoded('customer', '2026-10-20'), [], noUndecoded],
        [ach('REVERSE'), ['whether 1 ACH transaction of 1234.56 CAD came or went cannot be told'], noAch],
        [ach('DEPOSIT'), [], noAch],
        [
          ach('WITHDRAWAL', '12345'),
          [
            expect.stringMatching(
              /^invoices that bank payments name by id and that were not read: 12345; if they are older/,
            ),
          ],
          noAch,
        ],
        [ach('WITHDRAWAL', '(select min(invoice_id) from helcim.invoices)'), [], noAch],
        [pull('ach_transaction', 'days', { from: '2026-10-28', to: '2026-11-03' }), reading, noPull],
        [pull('ach_transaction', 'days', { from: '2026-11-02', to: '2026-11-03' }), [], noPull],
        [pull('invoice', 'days', { from: '2026-10-30', to: '2026-10-31' }), reading, noPull],
        [pull('invoice', 'code', { subject: String(named?.number) }), reading, noPull],
        [pull('invoice', 'code', { subject: 'NOBODY' }), [], noPull],
      ]
      const payouts = async () => ((await close()) as Certificate).reservations.join()
      await look.query(ach('DEPOSIT'))
      const withPayout = await payouts()
      await look.query(noAch)
      expect(await payouts()).not.toBe(withPayout)
      for (const [mar, lacking, mend] of cases) {
        await look.query(mar)
        const said = await close()
        await look.query(mend)
        expect(said, mar).toEqual(lacking.length === 0 ? COMPLETE : lacking)
      }

      // A payment for an invoice from before the history: the schedule asks for its number, and Helcim has none.
      await look.query(
        `update helcim.card_transactions set invoice_number = 'OLD1' where transaction_id = ${named?.id}`,
      )
      expect(await close()).toEqual(['invoices that payments name and that were not read: OLD1'])
      await look.query(pull('invoice', 'code', { subject: 'OLD1' }))
      await look.query(`update recon.pulls set state = 'incomplete', started_at = '2026-11-01' where cause = 'a test'`)
      // And an absence: what was read before it was read too early, and no daily reading comes back to these days.
      await look.query(readAt('invoice', '2026-10-20', '2026-10-20T20:00Z'))
      await look.query(readAt('ach_transaction', '2026-09-26', '2026-10-10T20:00Z'))
      expect(await close()).toHaveLength(3)
      await look.pullLists()
      await look.reconcileFully()
      expect(
        await look.query(`select state, count_rows from recon.pulls where subject = 'OLD1' and cause <> 'a test'`),
      ).toEqual([{ state: 'complete', count_rows: 0 }])
      expect(await close()).toEqual(COMPLETE)
    })
  })

  it('closes without what the token may not read, and says so; what was taken from it is missing', async () => {
    const one = shop(83)
    const tokens = [{ token: 'sandbox-token', name: 'default', refused: ['/ach/transactions'] }]
    await withRuntime({ ...one, tokens }, async (look) => {
      const { close } = closing(look, one)
      await readAll(look)
      const certificate = (await close()) as Certificate
      const words = expect.stringMatching(/^this token may not read ACH transactions( \(.*\))?: none are in it$/)
      expect(certificate).toMatchObject({ lacking: [], reservations: [words] })
      const text = certificateText(certificate)
      expect(text).toMatch(/^Reservation {2}this token may not read ACH transactions/m)
      expect(text).toMatch(/^ {2}ach_transaction +0 {2}no day was read +not permitted$/m)
      expect(text).toMatch(/^ {2}invoice +\d+ {2}2026-09-24 to 2026-11-03 +2026-11-03T/m)
      await look.query(
        `insert into recon.covered_days (account_id, resource, day, read_at, pull_id)
          select account_id, 'ach_transaction', '2026-10-20', '${NOW}', 1 from recon.accounts`,
      )
      expect(await close()).toEqual([
        expect.stringMatching(
          /^ACH transactions not read completely since the period ended: 2026-09-24 to 2026-10-19, 2026-10-21 to 2026-10-31; this token may not read them any more/,
        ),
      ])
    })
  })
})
