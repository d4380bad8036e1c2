import { waitUntilQuiet } from '../../src/cli/settle-down.ts'
import { createPull, loadPull, type Pull } from '../../src/db/pulls.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { toInstant } from '../../src/domain/clock.ts'
import type { PullWindow } from '../../src/domain/pull.ts'
import type { Switches } from '../../src/sandbox/options.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { type Look, withRuntime } from '../days/support.ts'

const FIRST_DAY = '2026-10-12'
const LAST_DAY = '2026-10-14'
/** Small pages make many of a short history. */
export const PAGE_LIMIT = 13
export const DAYS = { kind: 'days', from: toBusinessDate(FIRST_DAY), to: toBusinessDate(LAST_DAY) } as const

/** Three days of a small shop, the last one until early afternoon, and the real runtime on it. */
export function withShop(
  { switches = {}, salesPerDay = 22 }: { switches?: Partial<Switches>; salesPerDay?: number },
  body: (look: Look) => Promise<void>,
): Promise<void> {
  const endsAt = createZone('America/Edmonton').at(LAST_DAY, '14:00')
  const scenario = { startsOn: FIRST_DAY, endsAt: toInstant(endsAt), customers: 30, salesPerDay }
  const now = new Date(endsAt + 5_000).toISOString()
  return withRuntime({ seed: 11, now, historyDays: 2, scenario, switches }, body)
}

export interface Wanted {
  readonly cause: string
  readonly resource?: string
  readonly window?: PullWindow
  readonly pageLimit?: number
}

/** Asks for a reading without giving it to the queue. */
export async function ask({ runtime }: Look, wanted: Wanted): Promise<Pull> {
  const { cause, resource = 'card_transaction', window = DAYS, pageLimit = PAGE_LIMIT } = wanted
  const { db, clock, account } = runtime.services
  const { accountId } = account
  const now = clock.now()
  return (await createPull(db, { accountId, resource, window, cause, callClass: 'fresh', pageLimit, now })).pull
}

/** Reads a window to its end, all that follows from it included, and says how it ended. */
export async function read(look: Look, wanted: Wanted): Promise<Pull> {
  const pull = await ask(look, wanted)
  await look.runtime.enqueue.pullPage(pull)
  await rest(look)
  const ended = await loadPull(look.runtime.services.db, pull)
  if (!ended) throw new Error('the pull is gone')
  return ended
}

export const readBatches = (look: Look, cause: string) =>
  read(look, { cause, resource: 'card_batch', window: { kind: 'all' }, pageLimit: 1_000 })

export async function rest({ runtime }: Look): Promise<void> {
  if (!(await waitUntilQuiet(runtime, { signal: AbortSignal.timeout(40_000) })))
    throw new Error('it did not come to rest')
}

/** `id amount` of all rows that the sandbox would show, and of all that the mirror holds as present. */
export const served = ({ sandbox }: Look): string[] =>
  sandbox.state
    .merchant()
    .transactions()
    .filter((row) => !row.isHidden)
    .map((row) => `${row.id} ${row.amountMinor}`)

export async function mirrored(look: Look): Promise<string[]> {
  const rows = await look.query(
    'select transaction_id, amount_minor from helcim.card_transactions where vanished_at is null order by transaction_id',
  )
  return rows.map((row) => `${row.transaction_id} ${row.amount_minor}`)
}

export async function missed(look: Look): Promise<string[]> {
  const known = new Set(await mirrored(look))
  return served(look).filter((row) => !known.has(row))
}

export async function wrong(look: Look): Promise<string[]> {
  const known = new Set(served(look))
  return (await mirrored(look)).filter((row) => !known.has(row))
}

/** States of all readings of whole days. */
export async function states({ query }: Look): Promise<string[]> {
  const rows = await query(`select distinct state from recon.pulls where window_kind = 'days' order by 1`)
  return rows.map((row) => String(row.state))
}

export const countOf = async ({ query }: Look, what: string): Promise<number> =>
  Number((await query(`select count(*) as count from ${what}`))[0]?.count)
