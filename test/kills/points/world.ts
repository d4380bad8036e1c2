import type pg from 'pg'
import { readConfig, tokenFingerprint } from '../../../src/config.ts'
import type { Services } from '../../../src/context.ts'
import { ensureAccount } from '../../../src/db/accounts.ts'
import { beginChannels } from '../../../src/db/alerts/outbox.ts'
import { openDatabase } from '../../../src/db/client.ts'
import type { AlertRules } from '../../../src/domain/alert-rules.ts'
import { helcimDate } from '../../../src/domain/helcim-time.ts'
import { createSecret, type Secret } from '../../../src/domain/secret.ts'
import type { SettlementPolicy } from '../../../src/domain/settlement-policy.ts'
import type { ScenarioOptions, Switches } from '../../../src/sandbox/options.ts'
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts'
import { createZone } from '../../../src/sandbox/zone.ts'
import { tellAll } from '../../alerts/support.ts'
import type { Named } from '../../days/support.ts'
import { createManualClock, type ManualClock, NO_LIMITS } from '../../sandbox/support.ts'
import { createTestDatabase } from '../../support/database.ts'
import { outcomeOf } from '../database.ts'
import { createListeners, EVENTS_TOLD, type Listeners, type Untold, untoldQuery } from './listeners.ts'

export const LIMITS = NO_LIMITS
const zone = createZone('America/Edmonton')
const FIRST_DAY = '2026-10-12'
const LAST_DAY = '2026-10-14'
export const HISTORY_DAYS = 8
const ENDS_AT = zone.at(LAST_DAY, '14:00')

/** All that outlives a process: the database, Helcim, who is told, and the time. */
export interface World {
  readonly url: string
  readonly sandbox: Sandbox
  readonly token: Secret
  /** Goes on by a millisecond whenever it is read, so that what comes later is later. */
  readonly clock: ManualClock
  /** Helcim's time stands unless it is moved: whatever a process does, the next one finds the same records. */
  readonly helcimClock: ManualClock
  readonly account: Services['account']
  readonly listeners: Listeners
  readonly settlePolicy: SettlementPolicy
  readonly alertRules: AlertRules
  isLastAttempt(): boolean
  untold(): Promise<Untold>
  query(statement: string): Promise<Record<string, unknown>[]>
  /** Keeps a copy of every table but the log of calls. @returns what brings it back, clock and all */
  save(): Promise<() => Promise<void>>
  /**
   * What was pulled, judged and told, how its pulls and due work ended, and what is left over; without times and ids of
   * ours.
   * @throws when something happened that a channel was not told exactly once
   */
  outcome(): Promise<Record<string, unknown>>
  found(): Promise<Named[]>
  /** Each table that `save` keeps, row by row to the letter, but for what is random or of the machine's own time. */
  contents(): Promise<Record<string, readonly string[]>>
  close(): Promise<void>
}

export interface Shop {
  readonly switches?: Partial<Switches>
  readonly scenario?: Partial<ScenarioOptions>
  readonly isLastAttempt?: boolean
  /** When it all begins; early afternoon of the last day unless said. */
  readonly now?: string
  readonly settlePolicy?: Partial<SettlementPolicy>
}

/** Three days of a tiny shop with one terminal, the last one until early afternoon, and an empty mirror of it. */
export async function createWorld({
  switches = {},
  scenario = {},
  isLastAttempt = false,
  ...shop
}: Shop): Promise<World> {
  const { now = new Date(ENDS_AT + 5_000).toISOString(), settlePolicy = {} } = shop
  const clock = tickingClock(now)
  const helcimClock = createManualClock(now)
  const sandbox = await startSandbox({
    clock: helcimClock,
    seed: 11,
    scenario: {
      startsOn: FIRST_DAY,
      customers: 10,
      salesPerDay: 4,
      terminals: [{ id: 54181, currency: 'CAD', batchNumberFirst: 559 }],
      ...scenario,
    },
    switches,
    limits: LIMITS,
    serviceTimeMs: 0,
  })
  const database = await createTestDatabase()
  // Processes die here, Postgres does not: nobody needs to wait for its disk.
  await database.rows(`alter database ${database.name} set synchronous_commit = off`)
  const own = openDatabase(database.url, { maxConnections: 1, onError: () => {} })
  const token = createSecret(sandbox.token)
  const fingerprint = tokenFingerprint(token)
  const account = await ensureAccount(own.db, {
    name: 'default',
    baseUrl: sandbox.url,
    tokenFingerprint: fingerprint,
    today: helcimDate(clock.now()),
    historyDays: HISTORY_DAYS,
  })
  const { accountId } = account
  const listeners = createListeners()
  const channels = listeners.channels.map(({ name }) => name)
  await beginChannels(own.db, { accountId, channels, now: clock.now() })
  const query = async (statement: string) => (await own.pool.query(statement)).rows
  const tables = await tablesOf(own.pool)
  // Each bringing back leaves dead rows: a run would come upon a table that has grown and that nobody has looked at.
  await query('analyze')
  let countSaved = 0
  return {
    url: database.url,
    sandbox,
    token,
    clock,
    helcimClock,
    account: { ...account, tokenFingerprint: fingerprint },
    listeners,
    alertRules: tellAll(channels),
    settlePolicy: { ...readConfig({}).settle.policy, mode: 'on', cron: '30 16 * * *', ...settlePolicy },
    isLastAttempt: () => isLastAttempt,
    async untold() {
      const [row] = await query(untoldQuery(clock.now()))
      return { ready: Number(row?.ready), claimed: Number(row?.claimed), later: Number(row?.later) }
    },
    query,
    async save() {
      countSaved += 1
      const copy = `saved_${countSaved}`
      const at = clock.now()
      const restoreListeners = listeners.save()
      await query(
        `create schema ${copy}; ${tables.map((table) => `create table ${copyOf(copy, table)} as table ${table};`).join(' ')}`,
      )
      const sequences = await query(`select format('%I.%I', schemaname, sequencename) as name, last_value
        from pg_sequences where schemaname in ('helcim', 'recon', 'books') and sequencename !~ '^call(s|_holders)_'`)
      const restore = [
        // The books refuse to be changed; this brings a whole database back.
        'set session_replication_role = replica;',
        ...tables.map((table) => `delete from ${table};`),
        ...tables.map((table) => `insert into ${table} overriding system value select * from ${copyOf(copy, table)};`),
        ...sequences.map(({ name, last_value }) =>
          last_value === null ? `select setval('${name}', 1, false);` : `select setval('${name}', ${last_value});`,
        ),
        'set session_replication_role = default;',
      ].join(' ')
      return async () => {
        await query(restore)
        // The slots of killed calls are the subject of test/budget; here hundreds of them would add up.
        await query('update recon.calls set occupied_until = permitted_at where released_at is null')
        // Helcim's minute stands with its clock and ours goes on: calls that left only ours would look like a stranger's.
        await query(`update recon.calls set counted_from = clock_timestamp()
          where counted_from < clock_timestamp() - interval '20 seconds'`)
        clock.set(at)
        restoreListeners()
      }
    },
    outcome: async () => ({
      ...(await outcomeOf({ ...database, rows: query })),
      pulls: await query(PULLS),
      due: await query('select kind, planned_at, outcome, reason from recon.due_work order by 1, 2'),
      versions: await query(
        'select resource, record_id, content_hash, changed::text from helcim.record_versions order by 1, 2, 3',
      ),
      events: await query(EVENTS),
      books: await query(BOOKS),
      told: listeners.told((await query(EVENTS_TOLD)).map(({ event }) => String(event)).sort()),
      rest: await query(REST),
    }),
    async found() {
      const rows = await query(`select code, subject_kind || ' ' || subject_id as key from recon.mismatches
        where state <> 'resolved' order by 1, 2`)
      return rows.map(({ code, key }) => ({ code: String(code), key: String(key), minors: null }))
    },
    async contents() {
      const rows = await query(tables.map(contentsOf).join(' union all '))
      return Object.fromEntries(rows.map(({ name, rows }) => [String(name), rows as string[]]))
    },
    async close() {
      await own.close()
      await sandbox.close()
      await database.drop()
    },
  }
}

/** Ids of mismatches and messages are random, also in what is told, and so is when a message that failed is sent again. */
const contentsOf = (table: string) => `select '${table}' as name, coalesce(array_agg(row order by row), '{}') as rows
  from (select regexp_replace(
    (to_jsonb(t) - 'mismatch_id' - 'message_id' - 'blocked_at' - 'next_attempt_at' - 'seen')::text,
    '"(mismatch_)?id": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"', '', 'g')
    -- Of the mismatches that a run saw, how many they were.
    || coalesce(jsonb_array_length(nullif(to_jsonb(t)->'seen', 'null'))::text, '') as row from ${table} t) r`

const copyOf = (copy: string, table: string) => `${copy}.${table.replace('.', '_')}`

/** Ids of pulls are no identity: one that was rolled back leaves a hole. */
const PULLS = `
  select p.resource, p.window_kind, p.subject, coalesce('list of ' || l.cause, p.cause) as cause, p.state, p.walk,
    p.count_rows, p.count_undecodable, p.fail_code
  from recon.pulls p left join recon.pulls l on p.cause = 'list-' || l.pull_id order by 1, 2, 3, 4`

/** What the journal says of each source, whatever was taken back on the way. */
const BOOKS = `
  select e.source_kind, e.source_id, e.currency, e.natural_on, p.account, sum(p.amount_minor) as minor
  from books.entries e join books.postings p using (account_id, entry_id)
  group by 1, 2, 3, 4, 5 having sum(p.amount_minor) <> 0 order by 1, 2, 3, 4, 5`

/** What happened to each mismatch, in order. */
const EVENTS = `
  select m.code, m.subject_kind, m.subject_id, m.period, array_agg(e.kind || coalesce(' ' || e.resolution, '')
    || coalesce(' ' || e.reminder, '') order by e.event_id) as kinds
  from recon.mismatch_events e join recon.mismatches m using (mismatch_id) group by 1, 2, 3, 4 order by 1, 2, 3, 4`

/** At rest nothing waits to be judged and no page is remembered; the rest is what the account has learned. */
const REST = `
  select (select count(*) from recon.marks) as marks, (select count(*) from recon.pull_pages) as pages,
    (select array_agg(endpoint) from recon.endpoint_blocks) as blocks,
    (select array_agg(bound_terminal_ids::text) from recon.accounts) as bound,
    (select array_agg(row_to_json(c)::jsonb - 'calibrated_at') from recon.calibrations c) as calibrations,
    (select count(*) from helcim.card_transactions where vanished_at is not null) as vanished,
    (select array_agg(terminal_id || ' ' || content_hash order by terminal_id) from helcim.card_terminals) as terminals,
    (select sum(count_reopened) from recon.mismatches) as reopened,
    (select count(*) from recon.batch_checks where final_fingerprint is not null) as fingerprints`

/** Helcim does not forget a call; were we made to, its answers would look as if somebody else used the quota. */
const NOT_BROUGHT_BACK = `('calls', 'call_holders', 'budgets', 'foreign_use')`

async function tablesOf(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(`select format('%I.%I', table_schema, table_name) as name
    from information_schema.tables where table_schema in ('helcim', 'recon', 'books') and table_type = 'BASE TABLE'
      and table_name not in ${NOT_BROUGHT_BACK} order by 1`)
  return rows.map(({ name }) => name)
}

function tickingClock(at: string): ManualClock {
  const clock = createManualClock(at)
  return {
    ...clock,
    now() {
      clock.advance(1)
      return clock.now()
    },
  }
}
