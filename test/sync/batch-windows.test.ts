import { describe, expect, it } from 'vitest'
import type { Named } from '../days/support.ts'
import { read } from './support.ts'
import { type Week, withWeek } from './week.ts'

const HOUR_MS = 3_600_000
/** A refusal is not tried again by its job, only by the next poll. */
const REFUSAL = { kind: 'answer', status: 400, body: JSON.stringify({ errors: 'No' }) } as const

const toldOf = async (week: Week, code: string) =>
  (await week.found()).filter((one: Named) => one.code === code).map(({ key }) => key)

async function poll(week: Week, afterHours: number): Promise<void> {
  week.clock.advance(afterHours * HOUR_MS)
  await week.comesDue('poll')
}

/** Figures of an open batch that its rows will never explain: it is judged by reading all of them. @returns the batch */
function spoil({ sandbox }: Week): bigint {
  sandbox.state.apply('card_batch_total_differs:net')
  const [defect] = sandbox.truth().defects
  return BigInt(defect?.subject.id.split(':')[0] ?? 0)
}

describe('a filter that is ignored', () => {
  it('by the rows of a batch is told with the first reading, until a later one holds it', () =>
    withWeek({}, async (week) => {
      const strike = week.sandbox.state.apply('filter_ignored')
      if (strike === null) throw new Error('it strikes later')
      week.sell(12_345n)
      await poll(week, 1)
      expect(await toldOf(week, 'filter_ignored')).toEqual(['resource card_transaction'])
      const [told] = await week.query(`select summary from recon.mismatches where code = 'filter_ignored'`)
      expect(told?.summary).toMatch(/ rows lie outside card batch \d+/)
      // Days are read by another filter, and another failure shows nothing about this one.
      expect(await week.comesDue('recent')).toBeGreaterThan(0)
      const { batchId: cardBatchId } = week.row(0)
      week.sandbox.faults.add({ match: { path: '/card-transactions' }, act: REFUSAL })
      const window = { kind: 'card_batch', cardBatchId } as const
      expect(await read(week, { cause: 'refused', window })).toMatchObject({ state: 'incomplete' })
      expect(await toldOf(week, 'filter_ignored')).toEqual(['resource card_transaction'])

      week.sandbox.state.heal(strike)
      expect(await read(week, { cause: 'healed', window })).toMatchObject({ state: 'complete' })
      expect(await toldOf(week, 'filter_ignored')).toEqual([])
    }))

  it.each([
    ['customer', { kind: 'code', code: 'NOBODY' }, '/customers'],
    ['invoice', { kind: 'code', code: 'NONE' }, '/invoices'],
    ['card_batch', { kind: 'batch_number', terminalId: 54181n, batchNumber: 1n }, '/card-batches'],
  ] as const)('by the list of one %s is told as well', (resource, window, path) =>
    withWeek({ scenario: { billing: { subscriptions: 3, signUpsPerDay: 0, invoicesPerDay: 1 } } }, async (week) => {
      const body = await answerOf(week, path)
      week.sandbox.faults.add({ match: { path }, act: { kind: 'answer', status: 200, body } })
      expect(await read(week, { cause: 'ignored', resource, window })).toMatchObject({ failCode: 'FILTER_IGNORED' })
      await week.reconcileFully()
      expect(await toldOf(week, 'filter_ignored')).toEqual([`resource ${resource}`])
      expect(await read(week, { cause: 'held', resource, window })).toMatchObject({ state: 'complete' })
      await week.reconcileFully()
      expect(await toldOf(week, 'filter_ignored')).toEqual([])
    }),
  )
})

describe('rows of a batch that cannot be read', () => {
  it('are told as incomplete 6 h after they were asked for, until the batch is judged', () =>
    withWeek({}, async (week) => {
      const batch = spoil(week)
      const query = { cardBatchId: String(batch) }
      const forEver = { path: '/card-transactions', query, times: Number.POSITIVE_INFINITY }
      week.sandbox.faults.add({ match: forEver, act: REFUSAL })
      await poll(week, 1)
      await poll(week, 5.5)
      expect(await week.found()).toEqual([])
      await poll(week, 1)
      expect(await week.found()).toMatchObject([
        { code: 'pull_incomplete', key: `resource card_transaction card batch ${batch}` },
      ])
      week.sandbox.faults.clear()
      await poll(week, 1)
      expect(await toldOf(week, 'pull_incomplete')).toEqual([])
      expect(await toldOf(week, 'card_batch_total_differs')).toEqual([`card_batch ${batch}:net`])
    }))

  it('are no alarm once the batch is judged by other readings, nor for what failed before it waited', () =>
    withWeek({}, async (week) => {
      // Of the evening: the batch stays open.
      await poll(week, 4)
      const { batchId: cardBatchId } = week.sell(54_321n)
      await poll(week, 0)
      week.sandbox.faults.add({ match: { path: '/card-transactions' }, act: REFUSAL })
      await read(week, { cause: 'early', window: { kind: 'card_batch', cardBatchId } })
      await poll(week, 7)
      expect(await week.found()).toEqual([])
      // It waits again since a moment ago.
      const { batchId } = week.sell(12_345n)
      const forEver = { path: '/card-transactions', times: Number.POSITIVE_INFINITY }
      const rule = week.sandbox.faults.add({ match: forEver, act: REFUSAL })
      await poll(week, 0)
      expect({ batchId, isAsked: rule.countStruck() > 0 }).toEqual({ batchId: cardBatchId, isAsked: true })
      expect(await toldOf(week, 'pull_incomplete')).toEqual([])
    }))
})

it('a number that cannot be asked for is told likewise, until it is known that there is no such batch', () =>
  withWeek({}, async (week) => {
    const { batchId } = week.sell(54_321n)
    await poll(week, 0)
    const [sold] = await week.query(
      `select terminal_id::int as id from helcim.card_batches where card_batch_id = ${batchId}`,
    )
    const terminalId = Number(sold?.id)
    week.sandbox.state.apply({ name: 'card_batch_number_gap', terminalId })
    const query = { terminalId: String(terminalId) }
    week.sandbox.faults.add({ match: { path: '/card-batches', query, times: Number.POSITIVE_INFINITY }, act: REFUSAL })
    // That batch is closed, and the next one is open.
    await poll(week, 24)
    week.sell(12_345n)
    await poll(week, 0)
    await poll(week, 5)
    expect(await toldOf(week, 'pull_incomplete')).toEqual([])
    await poll(week, 1.5)
    expect(await toldOf(week, 'pull_incomplete')).toMatchObject([
      expect.stringMatching(`^resource card_batch batch no. \\d+ of terminal ${terminalId}$`),
    ])
    week.sandbox.faults.clear()
    await poll(week, 1)
    expect(await toldOf(week, 'pull_incomplete')).toEqual([])
    expect(await toldOf(week, 'card_batch_number_gap')).toHaveLength(1)
  }))

/** What the list says without a filter. */
async function answerOf({ sandbox }: Week, path: string): Promise<string> {
  const answer = await fetch(`${sandbox.url}${path}`, { headers: { 'api-token': sandbox.token } })
  return answer.text()
}
