import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runReconcileCommand } from '../../src/cli/reconcile.ts'
import { readConfig } from '../../src/config.ts'
import { addDays, type BusinessDate } from '../../src/domain/calendar.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { helcimDate } from '../../src/domain/helcim-time.ts'
import { INPUT_OUTCOMES, type InputOutcome, type InputPart, sumInputs } from '../../src/domain/run-evidence.ts'
import { runReconcile } from '../../src/reconcile/run.ts'
import type { AchTransactionRow } from '../../src/sandbox/records/ach.ts'
import { printed } from '../support/printed.ts'
import { openWeek, type Week } from '../sync/week.ts'

const HOUR_MS = 3_600_000

let week: Awaited<ReturnType<typeof openWeek>>
beforeAll(async () => {
  week = await openWeek({
    scenario: { salesPerDay: 3, billing: { subscriptions: 30, signUpsPerDay: 1, invoicesPerDay: 1 } },
  })
  await week.pullLists()
})
afterAll(() => week?.close())

describe('every bank payment of the ACH batches of the history ends once, by currency', () => {
  it('as its batch does, and waits where it has not cleared', async () => {
    expect(new Set(await endAs(waitsOrTies))).toEqual(new Set(['matched', 'waiting']))
  })

  it('found where it came back, or its batch states other figures; by itself where it is in none', async () => {
    const { achTransactions, achBatches } = records()
    for (const { id } of approved().filter((row) => !isOpen(row)))
      achTransactions.alter(id, { statusClearing: 'CLEARED' })
    const judged = approved().filter((row) => !isOpen(row) && isJudged(row))
    const [returned, inDiffering] = judged
    if (!returned || !inDiffering || inDiffering.batchId === returned.batchId) throw new Error('too few bank payments')
    achTransactions.alter(returned.id, { statusClearing: 'RETURNED' })
    achBatches.alter(inDiffering.batchId, { lie: { minor: { Withdrawals: 1500n }, count: {} } })
    const unbatched = achTransactions.add((id) => ({ ...returned, id, batchId: 0n, statusClearing: 'CLEARED' }))
    week.clock.advance(25 * HOUR_MS)
    await week.pullLists()

    await week.reconcileFully()
    const named = await namedInMismatches()
    expect(named).toContain(`ach_transaction:${returned.id}`)
    const outcomes = await endAs((row) => {
      if (row.id === unbatched.id) return 'unbatched'
      if (row.batchId === inDiffering.batchId || named.includes(`ach_transaction:${row.id}`)) return 'found'
      return waitsOrTies(row)
    })
    expect(new Set(outcomes)).toEqual(new Set(INPUT_OUTCOMES))
  })

  it('is stored and printed beside the cards', async () => {
    const { ach } = await runFully()
    const [stored] = await week.query('select evidence from recon.runs order by run_id desc limit 1')
    expect(stored?.evidence).toMatchObject({
      ach: ach.map(({ currency, minor, minors, counts }) => ({
        currency,
        minor: String(minor),
        foundMinor: String(minors.found),
        counts,
      })),
    })
    const text = await shown()
    for (const { currency, count, counts } of ach) {
      const inNone = counts.unbatched > 0 ? String.raw` \+ [\d.]+ in no batch \(${counts.unbatched}\)` : ''
      const ends = String.raw`= [\d.]+ matched \(${counts.matched}\) \+ [\d.]+ found \(${counts.found}\) \+ [\d.]+ waiting \(${counts.waiting}\)`
      expect(text).toMatch(
        new RegExp(String.raw`^  ACH ${currency}: [\d.]+ approved \(${count}\) ${ends}${inNone}$`, 'm'),
      )
    }
    expect(JSON.parse(await shown(true)).ach).toHaveLength(ach.length)
  })
})

describe('every approved card transaction of the history is among the inputs', () => {
  it('those in no batch as a part of their own, unless a finding names them', async () => {
    const merchant = week.sandbox.state.merchant()
    const like = merchant.transactions().findLast(({ type, status }) => type === 'purchase' && status === 'approved')
    if (!like) throw new Error('nothing was sold')
    const createdAt = toInstant(week.clock.now() - 5_000)
    const lone = week.add(like, { createdAt, batchId: 0n, customerCode: '', invoiceNumber: '', amountMinor: 4_321n })
    const changed = week.add(lone, { amountMinor: 777n })
    await week.comesDue('recent')
    await cardsEnd({ unbatched: [4_321n, 777n], found: [] })
    expect(await shown()).toMatch(/^ {2}cards \w+: .* waiting \(\d+\) \+ [\d.]+ in no batch \(2\)$/m)

    merchant.alterTransaction(changed.id, { amountMinor: 888n })
    week.clock.advance(HOUR_MS)
    await week.comesDue('recent')
    expect(await namedInMismatches()).toContain(`card_transaction:${changed.id}`)
    await cardsEnd({ unbatched: [4_321n], found: [888n] })

    // A run on marks tells of the batches that it judged, and of no others.
    const { db, account, settings, clock } = week.runtime.services
    const { accountId, historyFrom } = account
    const { evidence } = await runReconcile(db, { accountId, historyFrom, scope: 'marked', settings, clock })
    expect(evidence.cards.reduce((sum, { counts }) => sum + counts.unbatched, 0)).toBe(0)
  })
})

const records = () => week.sandbox.state.merchant().records
const approved = () =>
  records()
    .achTransactions.all()
    .filter(({ statusAuth }) => statusAuth === 'APPROVED')
const batchOf = ({ batchId }: AchTransactionRow) =>
  records()
    .achBatches.all()
    .find(({ id }) => id === batchId)
const isOpen = (row: AchTransactionRow) => batchOf(row)?.closedAt === null
const waitsOrTies = (row: AchTransactionRow) => (isOpen(row) || row.statusClearing === 'OPENED' ? 'waiting' : 'matched')

/** Of a closed batch that was opened in the first two days of the history, rows may lie before it. */
function isJudged(row: AchTransactionRow): boolean {
  const batch = batchOf(row)
  const { historyFrom } = week.runtime.services.account
  return batch === undefined || isOpen(row) || addDays(helcimDate(batch.createdAt) as BusinessDate, -2) >= historyFrom
}

/** Holds the sums of a full run against what is expected of each row. @returns the outcomes that were expected */
async function endAs(outcomeOf: (row: AchTransactionRow) => InputOutcome): Promise<InputOutcome[]> {
  const parts: InputPart[] = approved()
    .filter(isJudged)
    .map((row) => ({ currency: row.currency, count: 1, minor: row.amountMinor, outcome: outcomeOf(row) }))
  expect(parts.length).toBeGreaterThan(5)
  expect((await runFully()).ach).toEqual(sumInputs(parts))
  return parts.map(({ outcome }) => outcome)
}

/** What is in no batch ends so, and all that is approved went in. */
async function cardsEnd(expected: Readonly<Record<'unbatched' | 'found', readonly bigint[]>>) {
  const { cards } = await runFully()
  expect(cards.map(({ currency, minor, count }) => ({ currency, minor, count }))).toEqual(await approvedCards())
  for (const { minor, count, minors, counts } of cards) {
    expect(INPUT_OUTCOMES.reduce((sum, one) => sum + minors[one], 0n)).toBe(minor)
    expect(INPUT_OUTCOMES.reduce((sum, one) => sum + counts[one], 0)).toBe(count)
  }
  const sumOf = (outcome: InputOutcome) => cards.reduce((sum, { minors }) => sum + minors[outcome], 0n)
  const addUp = (minors: readonly bigint[]) => minors.reduce((sum, minor) => sum + minor, 0n)
  expect([sumOf('unbatched'), sumOf('found')]).toEqual([addUp(expected.unbatched), addUp(expected.found)])
}

const runFully = async () => (await week.reconcileFully()).evidence

async function approvedCards() {
  const rows = await week.query(`select currency, sum(amount_minor) as minor, count(*) as count
    from helcim.card_transactions where outcome = 'approved' and vanished_at is null
      and type in ('purchase', 'capture', 'refund', 'reverse') group by 1 order by 1`)
  return rows.map(({ currency, minor, count }) => ({
    currency,
    minor: BigInt(String(minor)),
    count: Number(count),
  }))
}

async function namedInMismatches(): Promise<string[]> {
  const rows = await week.query(`select evidence from recon.mismatches where state = 'open'`)
  return rows.flatMap(({ evidence }) => evidence as string[])
}

function shown(json = false): Promise<string> {
  const { runtime, sandbox, clock }: Week = week
  const config = readConfig({
    DATABASE_URL: runtime.database.url,
    HELCIM_BASE_URL: sandbox.url,
    TIEOUT_CLOCK: `${new Date(clock.now()).toISOString()}@1`,
    LOG_LEVEL: 'silent',
  })
  return printed(() => runReconcileCommand(config, { json }))
}
