import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { postBooks } from '../../src/books/post.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { DEFAULT_BOOKS_SETTINGS } from '../../src/domain/journal/chart.ts'
import { booksTotalsOf } from '../../src/exports/journals/books-totals.ts'
import { JOURNALS } from '../../src/exports/journals/formats.ts'
import { writeJournals } from '../../src/exports/journals/write.ts'
import { verifyExports } from '../../src/exports/verify.ts'
import { askForDueLists } from '../../src/jobs/sync/ask-for-due-lists.ts'
import type { TransactionRow } from '../../src/sandbox/rows.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { type Look, withRuntime } from '../days/support.ts'
import { withFolder } from '../exports/support.ts'
import { isLong } from '../support/long.ts'
import {
  balancesByBeancount,
  balancesByHledger,
  checkBeancount,
  checkHledger,
  hasJudges,
  readByOfxparse,
} from './judges.ts'

const SEEDS = isLong ? Array.from({ length: 20 }, (_, index) => index + 1) : [61]
const PERIOD = { from: toBusinessDate('2026-10-01'), to: toBusinessDate('2026-10-31') }
const zone = createZone('America/Edmonton')
const { clearing, deposits_in_transit: deposits } = DEFAULT_BOOKS_SETTINGS.chart

/** October (of it the last days in the usual run) whose last batches close in November; bills by card and bank. */
const october = () => {
  const endsAt = zone.at('2026-11-03', '14:00')
  const startsOn = isLong ? '2026-09-28' : '2026-10-20'
  const billing = { subscriptions: 40, signUpsPerDay: 1, invoicesPerDay: 2 }
  const sales = { customers: 40, salesPerDay: { min: 5, max: 10 } }
  return {
    now: new Date(endsAt + 5_000).toISOString(),
    historyDays: isLong ? 36 : 14,
    scenario: { startsOn, endsAt, ...sales, defects: 'none' as const, billing },
  }
}

/** Invoices and bank payments, which the first look leaves to a later one. */
async function readBilling(look: Look): Promise<void> {
  const { db, account, clock } = look.runtime.services
  const ask = { accountId: account.accountId, cause: 'billing', now: clock.now() }
  for (const pull of await db.transaction((tx) => askForDueLists(tx, ask, account.historyFrom))) {
    await look.runtime.enqueue.pullPage(pull)
  }
  await look.pullAgain()
}

/** What a row moved, which the merchant knows and the API does not tell. */
function movedMinor(look: Look, { status, type, originalId, amountMinor }: TransactionRow): bigint {
  if (status !== 'approved') return 0n
  if (type === 'purchase' || type === 'capture') return amountMinor
  if (type === 'refund') return -amountMinor
  const voided = originalId === null ? undefined : look.sandbox.state.merchant().transaction(originalId)
  if (type !== 'reverse' || voided === undefined || voided.type === 'preauth') return 0n
  return voided.type === 'refund' ? amountMinor : -amountMinor
}

const sum = (minors: readonly bigint[]) => minors.reduce((total, minor) => total + minor, 0n)

describe.concurrent('a month of the sandbox, read and posted by the daemon', () => {
  it.each(SEEDS)('is accepted by every program, and says what the merchant knows, seed %i', async (seed) => {
    await withRuntime({ seed, ...october() }, async (look) => {
      await look.pullMissing()
      await readBilling(look)
      const { pool, db } = look.runtime.database
      const { accountId } = look.runtime.services.account
      const settings = DEFAULT_BOOKS_SETTINGS
      const facts = { accountId, settings, clock: look.runtime.clock }
      // The jobs have posted all there is: what was done step by step is what one posting of everything says.
      expect(await postBooks(db, { ...facts, scope: 'full' })).toEqual({ countPosted: 0, countReversed: 0 })
      await look.reconcileFully()
      expect((await look.found()).filter(({ code }) => code === 'books_differ_from_mirror')).toEqual([])
      const entries = await look.query(`select kind, is_recurring, source_id::text as id from books.entries`)
      const kinds = new Set(
        entries.map(
          ({ kind, is_recurring: isRecurring }) => `${kind}${isRecurring && kind === 'sale' ? ' recurring' : ''}`,
        ),
      )
      const expected = ['ach_sale', 'refund', 'sale', 'sale recurring', 'settlement']
      expect([...kinds]).toEqual(expect.arrayContaining(expected))
      const undecided = new Set(entries.flatMap(({ kind, id }) => (kind === 'reverse_undecided' ? [String(id)] : [])))

      await withFolder(async (folder) => {
        const request = {
          accountId,
          period: PERIOD,
          journals: JOURNALS,
          detail: 'day',
          settings,
          directory: folder,
        } as const
        await writeJournals(pool, request)
        const verified = await verifyExports(folder, { withBooks: (work) => work(booksTotalsOf(db, () => settings)) })
        expect(verified.differences).toEqual([])
        expect(verified.countWithBooks).toBe(JOURNALS.length)

        // What nothing decides is in suspense, and not in clearing.
        const rows = look.sandbox.state
          .merchant()
          .transactions()
          .filter(({ id }) => !undecided.has(String(id)))
        const closedOn = ({ batchId }: TransactionRow): string => {
          const closedAt = look.sandbox.state.merchant().batch(batchId)?.closedAt ?? null
          return closedAt === null ? '9999' : zone.date(closedAt)
        }
        for (const currency of ['CAD', 'USD']) {
          const made = rows.filter((row) => row.currency === currency && zone.date(row.createdAt) <= PERIOD.to)
          const open = sum(made.filter((row) => closedOn(row) > PERIOD.to).map((row) => movedMinor(look, row)))
          const closing =
            verified.journals.find((one) => one.journal === 'hledger')?.closing[currency]?.clearing ?? '0.00'
          expect(BigInt(closing.replace('.', ''))).toBe(open)
          if (!hasJudges) continue
          const path = join(folder, `ofx-${currency}-2026-10.ofx`)
          if ((await readdir(folder)).includes(`ofx-${currency}-2026-10.ofx`))
            expect((await readByOfxparse(path)).balance).toBe(open)
        }

        if (!hasJudges) return
        const [ledger, beans] = [join(folder, 'hledger-2026-10.journal'), join(folder, 'beancount-2026-10.beancount')]
        expect(await checkHledger(ledger)).toBe('')
        expect(await checkBeancount(beans)).toBe('')
        const balances = await balancesByHledger(ledger)
        expect(await balancesByBeancount(beans)).toEqual(balances)
        expect(balances[`CAD ${clearing.ledger}`]).not.toBe(0n)
        expect(balances[`CAD ${deposits.ledger}`]).toBeGreaterThan(0n)
      })
    })
  })
})
