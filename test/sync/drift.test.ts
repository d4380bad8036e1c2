import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addDays, toBusinessDate } from '../../src/domain/calendar.ts'
import { DRIFTS, essence, type Row, renamed } from './drifts.ts'
import { countOf, mirrored, read, served } from './support.ts'
import { FIRST_DAY, LAST_DAY, openWeek } from './week.ts'

const LIST = '/card-transactions'
const LIMIT = 1_000
const days = (from: string, to: string) =>
  ({ kind: 'days', from: toBusinessDate(from), to: toBusinessDate(to) }) as const

describe('fault 20: an unknown value, and a new, missing, null or renamed field', () => {
  let week: Awaited<ReturnType<typeof openWeek>>
  beforeAll(async () => {
    week = await openWeek({ scenario: { salesPerDay: 26 } })
  })
  afterAll(() => week.close())

  /** The page that Helcim would give, as it is. */
  async function pageOf(from: string, to: string): Promise<Row[]> {
    const { url, token } = week.sandbox
    const address = `${url}${LIST}?dateFrom=${addDays(toBusinessDate(from), -1)}&dateTo=${addDays(toBusinessDate(to), 1)}&limit=${LIMIT}`
    const answer = await fetch(address, { headers: { 'api-token': token } })
    return (await answer.json()) as Row[]
  }

  /** Reads days as they would be if their records had drifted, and whatever batches are read on account of it. */
  async function readDrifted(window: ReturnType<typeof days>, honest: readonly Row[], drifted: readonly Row[]) {
    const answer = (rows: readonly Row[], query: Record<string, string>) => {
      const act = { kind: 'answer', status: 200, body: JSON.stringify(rows) } as const
      return week.sandbox.faults.add({ match: { path: LIST, query, times: Number.POSITIVE_INFINITY }, act })
    }
    const list = answer(drifted, { dateFrom: addDays(window.from, -1), page: '1' })
    const batches = [...new Set(honest.map(({ cardBatchId }) => String(cardBatchId)))].map((cardBatchId) => {
      const rows = drifted.filter((_, place) => String(honest[place]?.cardBatchId) === cardBatchId)
      return answer(rows, { cardBatchId })
    })
    const pull = await read(week, { cause: `drifted from ${window.from}`, window, pageLimit: LIMIT })
    expect(list.countStruck()).toBe(1)
    for (const rule of [list, ...batches]) rule.remove()
    return pull
  }

  /** Records that were received and are nowhere now. */
  async function lostOf(rows: readonly Row[]): Promise<string[]> {
    const kept = await week.query(
      'select raw::text from helcim.card_transactions union all select raw::text from helcim.undecoded_records',
    )
    const known = new Set(kept.map(({ raw }) => essence(JSON.parse(String(raw)))))
    return rows.map(essence).filter((row) => !known.has(row))
  }

  it('in one record each, for every key and way: records lost 0, and the honest answer mends all that has an id', async () => {
    const honest = await pageOf(FIRST_DAY, LAST_DAY)
    const keys = [...new Set(honest.flatMap((row) => Object.keys(row)))]
    const plan = keys.flatMap((key) => Object.values(DRIFTS).map((drift) => ({ key, drift })))
    expect(honest.length).toBeGreaterThan(plan.length)
    const drifted = honest.map((row, place) => {
      const step = plan[place]
      return step ? step.drift(row, step.key) : row
    })
    // The control: nothing of it is here yet.
    const fresh = (await lostOf(drifted)).length
    expect(fresh).toBeGreaterThan(plan.length / 2)
    const pull = await readDrifted(days(FIRST_DAY, LAST_DAY), honest, drifted)
    expect(pull).toMatchObject({ state: 'complete', countRows: honest.length })
    const countLost = (await lostOf(drifted)).length
    const countUnread = await countOf(week, 'helcim.undecoded_records')
    const countUnknown = await countOf(week, 'helcim.card_transactions where unknown_values is not null')
    console.info(
      `fault 20: ${plan.length} drifts of ${keys.length} keys in ${honest.length} records: records lost ${countLost}; ` +
        `${countUnread} kept unread, ${countUnknown} with values to look at`,
    )
    expect(countLost).toBe(0)
    expect(Math.min(countUnread, countUnknown)).toBeGreaterThan(0)
    expect(await countOf(week, 'helcim.card_transactions where vanished_at is not null')).toBe(0)

    await read(week, { cause: 'honest', window: days(FIRST_DAY, LAST_DAY), pageLimit: LIMIT })
    expect(await mirrored(week)).toEqual(served(week))
    expect(await countOf(week, `helcim.undecoded_records where record_key ~ '^[0-9]+$'`)).toBe(0)
    expect(await lostOf(honest)).toEqual([])
  })

  it('in the id of every record: two readings keep all of both, and nothing is said to have disappeared', async () => {
    const windows = [days(FIRST_DAY, '2026-10-08'), days('2026-10-11', LAST_DAY)]
    const all: Row[] = []
    for (const window of windows) {
      const honest = await pageOf(window.from, window.to)
      const rows = honest.map((row) => renamed(row, 'transactionId'))
      all.push(...rows)
      expect(await readDrifted(window, honest, rows)).toMatchObject({ state: 'complete', countRows: rows.length })
    }
    const countLost = (await lostOf(all)).length
    console.info(`fault 20: the id of ${all.length} records renamed in two readings: records lost ${countLost}`)
    expect(countLost).toBe(0)
    expect(await countOf(week, 'helcim.card_transactions where vanished_at is not null')).toBe(0)
    expect(await mirrored(week)).toEqual(served(week))
    const told = await week.found()
    expect(told.map(({ code }) => code)).toContain('record_undecodable')
    expect(told.map(({ code }) => code)).not.toContain('record_disappeared')
  })
})
