import { describe, expect, it } from 'vitest'
import { read } from './support.ts'
import { type Week, withWeek } from './week.ts'

const DAY_MS = 24 * 3_600_000
const LIST = '/card-batches'
const ALWAYS = Number.POSITIVE_INFINITY

const batches = (week: Week) => week.sandbox.state.merchant().batches()
const found = async (week: Week) => (await week.found()).map(({ code, key }) => `${code} ${key}`)
const hide = (week: Week, id: bigint, isHidden = true) => week.sandbox.state.merchant().alterBatch(id, { isHidden })

/** A closed and proved batch, by its place from the newest. */
async function proved({ query }: Week, fromNewest: number): Promise<bigint> {
  const [row] = await query(`select card_batch_id as id from helcim.card_batches
    join recon.batch_checks using (account_id, card_batch_id) where is_closed and is_final and state = 'tied'
    order by card_batch_id desc offset ${fromNewest} limit 1`)
  if (!row) throw new Error('there is no such batch')
  return BigInt(String(row.id))
}

/** What the list does not hold from now on, and the id returns all the same. */
function unlist({ sandbox }: Week, ids: readonly bigint[]): void {
  const merchant = sandbox.state.merchant()
  const show = (isHidden: boolean) => () => {
    for (const id of ids) merchant.alterBatch(id, { isHidden })
  }
  const act = { kind: 'hook' as const, before: show(true), after: show(false) }
  sandbox.faults.add({ match: { path: LIST, times: ALWAYS }, act })
}

describe('a batch that was closed and proved', () => {
  // Both statuses are documented for an id that is not there.
  it.each([404, 400] as const)(
    'and that neither the list nor its id (%i) returns any more is told, once, and withdrawn when it is back',
    async (unknownId) => {
      await withWeek({ switches: { unknownId } }, async (week) => {
        await week.comesDue('poll')
        const id = await proved(week, 5)
        expect(await week.comesDue('poll')).toBe(1)
        hide(week, id)
        expect(await week.comesDue('poll')).toBe(2)
        const gone = `record_disappeared card_batch ${id}`
        expect(await found(week)).toEqual([gone])
        const [row] = await week.query(`select severity from recon.mismatches where subject_id = '${id}'`)
        expect(row?.severity).toBe('high')
        // It is kept as it was, and no reading would tell more of it.
        expect(await week.query(`select state, is_final from recon.batch_checks where card_batch_id = ${id}`)).toEqual([
          { state: 'tied', is_final: true },
        ])
        expect(await week.comesDue('poll')).toBe(1)
        await week.reconcileFully()
        expect(await found(week)).toEqual([gone])
        hide(week, id, false)
        await week.comesDue('poll')
        expect(await found(week)).toEqual([])
        expect(await week.comesDue('poll')).toBe(1)
      })
    },
  )

  it('is not told because a list lacks it: it is asked for by its id, once, and a week later', async () => {
    await withWeek({}, async (week) => {
      await week.comesDue('poll')
      unlist(week, [await proved(week, 3), await proved(week, 7)])
      expect(await week.comesDue('poll')).toBe(3)
      expect(await week.comesDue('poll')).toBe(1)
      week.clock.advance(7 * DAY_MS + 60_000)
      await week.comesDue('poll')
      const countOf = (causes: string) =>
        week.query(`select count(*)::int as count from recon.pulls where cause like '${causes}'`)
      expect(await countOf('unlisted by %')).toEqual([{ count: 4 }])
      expect((await found(week)).filter((one) => one.startsWith('record_'))).toEqual([])
    })
  })

  it('is not told because a list comes empty, whose batches are asked for a few at a time', async () => {
    await withWeek({}, async (week) => {
      await week.comesDue('poll')
      week.sandbox.faults.add({ match: { path: LIST }, act: { kind: 'page', shows: 'empty' } })
      const countCalls = await week.comesDue('poll')
      expect(batches(week).length).toBeGreaterThan(10)
      expect(countCalls).toBeLessThanOrEqual(1 + 10 + 2)
      expect(await found(week)).toEqual([])
      expect(await week.query('select 1 from helcim.card_batches where vanished_at is not null')).toEqual([])
    })
  })

  it('is not missed within a list that is cut at 100, and beyond it nothing is asked nor told', async () => {
    const shop = { historyDays: 65, scenario: { startsOn: '2026-08-12', salesPerDay: 6 } }
    await withWeek({ ...shop, switches: { batchList: 'first-100', listOrder: 'newest-first' } }, async (week) => {
      await week.comesDue('poll')
      expect(batches(week).length).toBeGreaterThan(100)
      expect(await week.comesDue('poll')).toBe(1)
      // The newest hundred are listed, and those behind it were found by their transactions.
      hide(week, await proved(week, batches(week).length - 5))
      expect(await week.comesDue('poll')).toBe(1)
      expect(await found(week)).toEqual([])
      const id = await proved(week, 40)
      hide(week, id)
      await week.comesDue('poll')
      expect(await found(week)).toEqual([`record_disappeared card_batch ${id}`])
    })
  })
})

it('a terminal that the list does not return any more is told, as low, and withdrawn when it is back', async () => {
  await withWeek({}, async (week) => {
    const [kept, gone] = await week.query(
      'select terminal_id as id, raw::text as raw from helcim.card_terminals order by 1',
    )
    const readList = async (cause: string) => {
      await read(week, { cause, resource: 'card_terminal', window: { kind: 'all' } })
      await week.reconcileFully()
    }
    const act = { kind: 'answer' as const, status: 200, body: `[${kept?.raw}]` }
    week.sandbox.faults.add({ match: { path: '/card-terminals' }, act })
    await readList('without it')
    expect(await found(week)).toEqual([`record_disappeared card_terminal ${gone?.id}`])
    expect(await week.query('select severity from recon.mismatches')).toEqual([{ severity: 'low' }])
    await readList('with it')
    expect(await found(week)).toEqual([])
  })
})
