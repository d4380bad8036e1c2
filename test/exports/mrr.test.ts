import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addDays, toBusinessDate } from '../../src/domain/calendar.ts'
import { monthlyMinor } from '../../src/domain/mrr.ts'
import { reportOf } from '../../src/exports/reports.ts'
import { verifyExports } from '../../src/exports/verify.ts'
import { writeExports } from '../../src/exports/write.ts'
import { createRandom, type Random } from '../../src/sandbox/random.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { createDatabase, type TestDatabase } from '../mismatches/support.ts'
import { isLong } from '../support/long.ts'
import { centsOf, type Row, readCsv, withFolder } from './support.ts'

const YEAR = { from: toBusinessDate('2026-01-01'), to: toBusinessDate('2026-12-31') }
const zone = createZone('America/Edmonton')
const instant = (day: string, time = '12:00') => new Date(zone.at(day, time)).toISOString()
/** The first subscription is seen on the 12th of January, so February is the first month observed in full. */
const FIRST_SEEN = instant('2026-01-12')
const LAST_READ = instant('2026-07-05')
const MONTHS = ['2026-02', '2026-03', '2026-04', '2026-05', '2026-06']

interface State {
  readonly from: string
  readonly until: string | null
  readonly customer: string
  readonly plan: number
  readonly status: string
  readonly minor: number
  readonly activatedOn: string
  readonly trialDays: number
}

const PLANS = [
  { id: 1, currency: 'CAD', period: 'monthly', increments: 1 },
  { id: 2, currency: 'CAD', period: 'yearly', increments: 1 },
  { id: 3, currency: 'USD', period: 'weekly', increments: 2 },
  { id: 4, currency: 'USD', period: 'daily', increments: 1 },
] as const

let database: TestDatabase

beforeAll(async () => {
  database = await createDatabase()
})

afterAll(() => database.drop())

/** What each subscription was seen to be, state after state. */
function randomLives(random: Random): State[][] {
  return Array.from({ length: 14 }, (_, index) => {
    const plan = random.integer(0, PLANS.length - 1)
    const fixed = {
      customer: `CST${random.integer(1, 6)}`,
      plan,
      activatedOn: addDays(toBusinessDate('2026-01-01'), random.integer(0, 150)),
      trialDays: random.integer(0, 3) === 0 ? 30 : 0,
    }
    const days = Array.from({ length: random.integer(1, 5) }, () => random.integer(0, 170))
    const starts = [index === 0 ? 0 : random.integer(0, 120), ...days].sort((a, b) => a - b)
    const distinct = [...new Set(starts)]
    return distinct.map((day, place) => {
      const next = distinct[place + 1]
      const at = (offset: number) => instant(addDays(toBusinessDate('2026-01-12'), offset))
      return {
        ...fixed,
        from: at(day),
        until: next === undefined ? null : at(next),
        status:
          ['active', 'active', 'active', 'paused', 'cancelled', 'term_ending', 'term_ended'][random.integer(0, 6)] ??
          '',
        minor: [999, 1_000, 4_999, 12_345][random.integer(0, 3)] ?? 0,
      }
    })
  })
}

async function store(accountId: number, lives: readonly (readonly State[])[]): Promise<void> {
  const { pool } = database
  await pool.query('update recon.accounts set created_at = $2, versions_since = $2 where account_id = $1', [
    accountId,
    instant('2026-01-10'),
  ])
  await pool.query(
    `insert into recon.pulls (account_id, resource, window_kind, cause, call_class, state, started_at, finished_at,
       walk_started_at, page_limit, progress_at)
     values ($1, 'subscription', 'all', 'test', 'fresh', 'complete', $2, $2, $2, 100, $2)`,
    [accountId, LAST_READ],
  )
  const common = {
    account_id: accountId,
    raw: {},
    content_hash: '00000000-0000-0000-0000-000000000000',
    created_at_text: '',
    updated_at_text: '',
  }
  const plans = PLANS.map(({ id, currency, period, increments }) => ({
    ...common,
    payment_plan_id: id,
    type: 'subscription',
    status: 'active',
    currency,
    recurring_minor: 1,
    billing_period: period,
    billing_period_increments: increments,
    observed_at: FIRST_SEEN,
    first_seen_at: FIRST_SEEN,
  }))
  const insert = (table: string, rows: unknown) =>
    pool.query(`insert into ${table} select * from json_populate_recordset(null::${table}, $1)`, [JSON.stringify(rows)])
  await insert('helcim.payment_plans', plans)
  const rowOf = (state: State, id: number, firstSeen: string) => ({
    ...common,
    subscription_id: id,
    status: state.status,
    payment_plan_id: PLANS[state.plan]?.id,
    customer_code: state.customer,
    times_billed: 0,
    recurring_minor: state.minor,
    free_trial_days: state.trialDays,
    has_failed_payments: false,
    activated_on: state.activatedOn,
    observed_at: state.from,
    first_seen_at: firstSeen,
  })
  const rows = lives.flatMap((life, index) =>
    life.map((state) => ({ state, row: rowOf(state, index + 1, life[0]?.from ?? '') })),
  )
  await insert(
    'helcim.subscriptions',
    rows.filter(({ state }) => state.until === null).map(({ row }) => row),
  )
  await insert(
    'helcim.record_versions',
    rows
      .filter(({ state }) => state.until !== null)
      .map(({ state, row }) => ({
        ...common,
        resource: 'subscription',
        record_id: row.subscription_id,
        observed_from: state.from,
        observed_until: state.until,
        typed: row,
      })),
  )
}

/** The rules once more, customer by customer and month by month, without any SQL. */
function expectedRows(lives: readonly (readonly State[])[]): Row[] {
  const bounds = [...MONTHS, '2026-07'].map((month) => `${month}-01`)
  const levelAt = (bound: string, customer: string, currency: string): bigint => {
    const at = new Date(zone.at(bound, '00:00')).toISOString()
    const states = lives.flat().filter((state) => state.from <= at && (state.until === null || state.until > at))
    return states.reduce((total, state) => {
      const plan = PLANS[state.plan]
      const isCounted =
        plan?.currency === currency &&
        state.customer === customer &&
        (state.status === 'active' || state.status === 'term_ending') &&
        addDays(toBusinessDate(state.activatedOn), state.trialDays) < bound
      return isCounted ? total + (monthlyMinor(BigInt(state.minor), plan.period, plan.increments) ?? 0n) : total
    }, 0n)
  }
  const customers = [...new Set(lives.flat().map(({ customer }) => customer))]
  return MONTHS.flatMap((month, index) =>
    ['CAD', 'USD'].flatMap((currency) => {
      const sums: Record<string, bigint> = {
        opening: 0n,
        new: 0n,
        expansion: 0n,
        contraction: 0n,
        churn: 0n,
        reactivation: 0n,
        closing: 0n,
      }
      const add = (name: string, minor: bigint) => {
        sums[name] = (sums[name] ?? 0n) + minor
      }
      for (const customer of customers) {
        const levels = bounds.map((bound) => levelAt(bound, customer, currency))
        const [opening = 0n, closing = 0n] = [levels[index], levels[index + 1]]
        const wasThere = levels.slice(0, index + 1).some((level) => level > 0n)
        add('opening', opening)
        add('closing', closing)
        if (opening === 0n) add(wasThere ? 'reactivation' : 'new', closing)
        else if (closing === 0n) add('churn', opening)
        else if (closing > opening) add('expansion', closing - opening)
        else add('contraction', opening - closing)
      }
      if (sums.opening === 0n && sums.closing === 0n) return []
      const cells = Object.entries(sums).map(([name, minor]) => [name, String(minor)])
      return [{ month, currency, ...Object.fromEntries(cells) }]
    }),
  )
}

const minorRow = (row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([name, cell]) => [
      name,
      name === 'month' || name === 'currency' ? cell : String(centsOf(cell)),
    ]),
  )

const write = (accountId: number, directory: string, period = YEAR) =>
  writeExports(database.pool, { accountId, period, reports: [reportOf('mrr')], format: 'csv', directory })

describe('mrr', () => {
  it.each(isLong ? Array.from({ length: 40 }, (_, index) => 100 + index) : [101, 102, 103])(
    'of random lives is what the rules say, rolls forward, and does not depend on the order of rows, seed %i',
    async (seed) => {
      const random = createRandom(seed, 'mrr')
      const lives = randomLives(random)
      const [books, turned] = [await database.openBooks(), await database.openBooks()]
      await store(books.accountId, lives)
      // The same subscriptions under other ids, so that they lie in another order.
      await store(turned.accountId, lives.toReversed())
      const expected = expectedRows(lives)
      expect(expected.length).toBeGreaterThan(4)
      for (const { accountId } of [books, turned]) {
        await withFolder(async (folder) => {
          const [file] = await write(accountId, folder)
          expect(file?.control.missing).toEqual(
            expect.arrayContaining([expect.stringMatching(/^the first month observed in full is 2026-02$/)]),
          )
          const read = await readCsv(file?.path ?? '')
          expect(read.map(minorRow)).toEqual(expected)
          // verify holds the roll-forward within rows and between them.
          expect((await verifyExports(folder)).differences).toEqual([])
          const { rows } = await database.pool.query(
            `select month, currency, opening::text, new::text, expansion::text, contraction::text, churn::text,
               reactivation::text, closing::text
             from accounting.mrr m join recon.accounts a on a.name = m.account where a.account_id = $1 order by 1, 2`,
            [accountId],
          )
          expect(rows).toEqual(read)
        })
      }
    },
  )

  it('has one month where one is asked for, and none that still runs', async () => {
    const { accountId } = await database.openBooks()
    await store(accountId, randomLives(createRandom(104, 'mrr')))
    await withFolder(async (folder) => {
      const april = { from: toBusinessDate('2026-04-01'), to: toBusinessDate('2026-04-30') }
      const [file] = await write(accountId, folder, april)
      expect(file?.control.isComplete).toBe(true)
      expect(new Set((await readCsv(file?.path ?? '')).map(({ month }) => month))).toEqual(new Set(['2026-04']))
      const july = { from: toBusinessDate('2026-07-01'), to: toBusinessDate('2026-07-31') }
      const [running] = await write(accountId, folder, july)
      expect(running?.control).toMatchObject({
        rows: 0,
        missing: ['the list of subscriptions was not read since the period ended'],
      })
    })
  })
})
