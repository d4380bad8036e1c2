import { insertDue } from '../../src/db/due-work.ts'
import { toInstant } from '../../src/domain/clock.ts'
import type { DueKind } from '../../src/jobs/due.ts'
import type { ScenarioOptions, Switches } from '../../src/sandbox/options.ts'
import type { TransactionFacts, TransactionRow } from '../../src/sandbox/rows.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { createJumpingClock } from '../days/jumping-clock.ts'
import { type Look, withRuntime } from '../days/support.ts'
import type { ManualClock } from '../sandbox/support.ts'
import { rest } from './support.ts'

export const FIRST_DAY = '2026-10-05'
export const LAST_DAY = '2026-10-14'
export const DAY_MS = 24 * 3_600_000
const HISTORY_DAYS = 9

/** A shop that has been read and judged until now, and what its daemon does when something comes due. */
export interface Week extends Look {
  readonly clock: ManualClock
  /** Does what the calendar plans for now, to its end with all that follows. @returns calls that it took */
  comesDue(kind: DueKind): Promise<number>
  /** A row of the shop's own, by its place from the newest. */
  row(fromNewest: number): TransactionRow
  /** A row like that of one of the shop's, under the next id. */
  add(like: TransactionRow, change: Partial<TransactionFacts>): TransactionRow
  /** A sale now, as its terminal's open batch takes it. */
  sell(amountMinor: bigint): TransactionRow
}

/** Ten days of a small shop, the last one until early afternoon, all of it read once; time stands unless moved. */
export function withWeek(
  options: {
    readonly switches?: Partial<Switches>
    readonly scenario?: Partial<ScenarioOptions>
    readonly historyDays?: number
    readonly env?: Readonly<Record<string, string>>
  },
  body: (week: Week) => Promise<void>,
): Promise<void> {
  const { switches = {}, historyDays = HISTORY_DAYS, env = {} } = options
  const endsAt = toInstant(createZone('America/Edmonton').at(LAST_DAY, '14:00'))
  const scenario = { startsOn: FIRST_DAY, endsAt, customers: 30, salesPerDay: 8, ...options.scenario }
  const clock = createJumpingClock(endsAt + 5_000)
  const now = new Date(endsAt + 5_000).toISOString()
  return withRuntime({ seed: 19, now, historyDays, scenario, switches, clock, env }, async (look) => {
    await look.pullMissing()
    await body(createWeek(look, clock))
  })
}

/** The same for all tests of a group, one after the other, to be closed by the last. */
export function openWeek(options: Parameters<typeof withWeek>[0]): Promise<Week & { close(): Promise<void> }> {
  let close = () => {}
  const closing = new Promise<void>((resolve) => {
    close = resolve
  })
  return new Promise((resolve, reject) => {
    const lent = withWeek(options, (week) => {
      resolve({
        ...week,
        close() {
          close()
          return lent
        },
      })
      return closing
    })
    lent.catch(reject)
  })
}

function createWeek(look: Look, clock: ManualClock): Week {
  const { sandbox, runtime } = look
  const { db, account } = runtime.services
  const merchant = () => sandbox.state.merchant()
  return {
    ...look,
    clock,
    async comesDue(kind) {
      const { accountId } = account
      const countBefore = sandbox.calls().length
      const plannedAt = clock.now()
      await insertDue(db, { accountId, kind, plannedAts: [plannedAt] })
      await runtime.enqueue.due({ accountId, kind, plannedAt })
      await rest(look)
      return sandbox.calls().length - countBefore
    },
    row(fromNewest) {
      const row = merchant()
        .transactions()
        .at(-1 - fromNewest)
      if (!row) throw new Error(`the shop has no row ${fromNewest}`)
      return row
    },
    add: (like, change) => merchant().addTransaction({ ...like, ...change }),
    sell(amountMinor) {
      const [customer] = sandbox.state.customers
      if (!customer) throw new Error('the shop has no customer')
      return sandbox.state.payments.purchase({ at: clock.now(), customer, amountMinor })
    },
  }
}

/** From now on the column is stored empty: for controls. */
export async function forget({ query }: Week, table: string, column: string): Promise<void> {
  await query(`create function recon.forget() returns trigger language plpgsql as
    'begin new.${column} = null; return new; end'`)
  await query(`create trigger forget before insert or update on ${table} for each row execute function recon.forget()`)
}

/** What differs between Helcim and the mirror: rows that one side alone holds, with amount and batch. */
export async function differences(week: Week): Promise<string[]> {
  const rows =
    await week.query(`select transaction_id || ' ' || amount_minor || ' ' || coalesce(card_batch_id, 0) as row
    from helcim.card_transactions where vanished_at is null`)
  const ours = new Set(rows.map(({ row }) => String(row)))
  const theirs = new Set(
    week.sandbox.state
      .merchant()
      .transactions()
      .filter(({ isHidden, visibleAt }) => !isHidden && visibleAt <= week.clock.now())
      .map(({ id, amountMinor, batchId }) => `${id} ${amountMinor} ${batchId}`),
  )
  return [...ours].filter((row) => !theirs.has(row)).concat([...theirs].filter((row) => !ours.has(row)))
}
