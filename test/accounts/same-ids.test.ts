import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { waitUntilQuiet } from '../../src/cli/settle-down.ts'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { helcimDate } from '../../src/domain/helcim-time.ts'
import { askForBatches, askForDays } from '../../src/jobs/sync/ask-for-lists.ts'
import { type Fleet, type Merchant, openFleet } from './fleet.ts'

const STARTS_AT = '2026-10-20T18:00:00Z'
const NAMES = ['north', 'south'] as const
type Name = (typeof NAMES)[number]

/** Of one seed: the same terminals, batches, customers and rows under the same ids. */
const twin = (name: string): Merchant => ({
  name,
  seed: 21,
  scenario: {
    startsOn: '2026-10-17',
    endsAt: toInstant(Date.parse('2026-10-20T17:00:00Z')),
    customers: 20,
    salesPerDay: 20,
  },
})

describe('fault 21: two accounts whose records have the same ids', () => {
  let fleet: Fleet
  beforeAll(async () => {
    const clock = createSimulatedClock(toInstant(Date.parse(STARTS_AT)), 1)
    const timing = { clock, clockText: `${STARTS_AT}@1`, historyDays: 4, syncCron: '0 0 1 1 *' }
    fleet = await openFleet(NAMES.map(twin), timing)
    // What is one amount here is another one there, in every row.
    const south = fleet.sandboxOf('south').state.merchant()
    for (const { id, amountMinor } of [...south.transactions()]) {
      south.alterTransaction(id, { amountMinor: amountMinor + 1_000_000n })
    }
    await fleet.start()
  })
  afterAll(() => fleet.close())

  const servicesOf = (name: Name) => {
    const work = fleet.runtime.accounts().find(({ settings }) => settings.name === name)
    if (!work) throw new Error(`${name} is not worked for`)
    return work.services
  }

  async function beQuiet(): Promise<void> {
    for (const name of NAMES) {
      const quieting = { ...fleet.runtime, services: servicesOf(name) }
      if (!(await waitUntilQuiet(quieting, { signal: AbortSignal.timeout(40_000) }))) throw new Error('no rest')
    }
  }

  /** Reads everything of both at the same time. */
  async function readBoth(cause: string): Promise<void> {
    for (const name of NAMES) {
      const { db, account, clock } = servicesOf(name)
      const ask = { accountId: account.accountId, cause, now: clock.now() }
      const range = { from: account.historyFrom, to: helcimDate(clock.now()), callClass: 'fresh' as const }
      const pulls = await db.transaction(async (tx) => [
        ...(await askForDays(tx, ask, range)),
        ...(await askForBatches(tx, ask)),
      ])
      for (const pull of pulls) await fleet.runtime.enqueue.pullPage(pull)
    }
    await beQuiet()
  }

  const served = (name: Name) =>
    fleet
      .sandboxOf(name)
      .state.merchant()
      .transactions()
      .map(({ id, amountMinor }) => `${id} ${amountMinor}`)

  const ofAccount = async (name: Name, statement: string): Promise<string[]> => {
    const { accountId } = servicesOf(name).account
    const rows = await fleet.database.rows(statement.replace('$account', String(accountId)))
    return rows.map(({ row }) => String(row))
  }
  const mirrored = (name: Name) =>
    ofAccount(
      name,
      `select transaction_id || ' ' || amount_minor as row from helcim.card_transactions
       where account_id = $account and vanished_at is null order by transaction_id`,
    )
  const mismatches = (name: Name) =>
    ofAccount(
      name,
      `select code || ' ' || subject_id as row from recon.mismatches where account_id = $account and state <> 'resolved' order by 1`,
    )

  async function countMixed(): Promise<number> {
    const counts = await Promise.all(
      NAMES.map(async (name) => {
        const rows = new Set(served(name))
        return (await mirrored(name)).filter((row) => !rows.has(row)).length
      }),
    )
    return counts.reduce((sum, count) => sum + count, 0)
  }

  test('mixed rows 0, and each has all of its own', async () => {
    await beQuiet()
    const [north, south] = [served('north'), served('south')]
    const idsOf = (rows: readonly string[]) => rows.map((row) => row.split(' ')[0])
    // The controls: the ids are the same, no row is.
    expect(idsOf(north)).toEqual(idsOf(south))
    expect(north.filter((row) => south.includes(row))).toEqual([])
    expect(north.length).toBeGreaterThan(50)
    expect(await mirrored('north')).toEqual(north)
    expect(await mirrored('south')).toEqual(south)
    for (const name of NAMES) expect(await mismatches(name)).toEqual([])
    console.info(`fault 21: ${north.length} ids in two accounts: mixed rows ${await countMixed()}`)
  })

  test('what changes, vanishes, is unreadable or does not tie out in one is so in that one alone', async () => {
    const { state } = fleet.sandboxOf('north')
    const before = await mirrored('south')
    for (const defect of ['record_changed', 'record_disappeared', 'record_undecodable'] as const) state.apply(defect)
    state.apply('card_batch_total_differs:sales')
    await readBoth('again')
    expect(await countMixed()).toBe(0)
    expect(await mirrored('south')).toEqual(before)
    expect(await mismatches('south')).toEqual([])
    expect((await mismatches('north')).length).toBeGreaterThanOrEqual(3)
    const elsewhere = [
      'helcim.card_transactions where vanished_at is not null and',
      'helcim.record_versions where',
      'helcim.undecoded_records where',
    ].map((rest) => `select '${rest.split(' ')[0]}' as row from ${rest} account_id = $account`)
    for (const statement of elsewhere) expect(await ofAccount('south', statement)).toEqual([])
    for (const statement of elsewhere) expect((await ofAccount('north', statement)).length).toBeGreaterThan(0)
    for (const name of NAMES) {
      const tokens = fleet
        .sandboxOf(name)
        .calls()
        .map(({ tokenName }) => tokenName)
      expect(new Set(tokens)).toEqual(new Set([name]))
    }
  })

  test('every key of the mirror and of what is derived from it begins with the account', async () => {
    const rows = await fleet.database.rows(`
      select format('%s (%s)', i.indrelid::regclass, string_agg(a.attname, ', ' order by k.place)) as row
      from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
      cross join lateral unnest(i.indkey::int[]) with ordinality as k(attnum, place)
      join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
      where i.indisunique and n.nspname in ('helcim', 'recon') and exists (
        select from pg_attribute o where o.attrelid = c.oid and o.attname = 'account_id')
      group by i.indexrelid, i.indrelid having (array_agg(a.attname order by k.place))[1] <> 'account_id' order by 1`)
    // Of its own name an account has one.
    expect(rows.map(({ row }) => row)).toEqual(['recon.accounts (name)'])
  })
})
