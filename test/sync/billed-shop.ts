import type { JobContext } from '../../src/context.ts'
import { listSubscriptionsToRead } from '../../src/db/needs.ts'
import { createPull, listPullsByCause, loadPull, type Pull } from '../../src/db/pulls.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { toInstant } from '../../src/domain/clock.ts'
import type { PullWindow } from '../../src/domain/pull.ts'
import { resourceOf } from '../../src/jobs/sync/resources.ts'
import type { Switches } from '../../src/sandbox/options.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { type Look, withRuntime } from '../days/support.ts'
import { deafContext } from '../support/deaf-context.ts'

const FIRST_DAY = '2026-10-06'
export const LAST_DAY = toBusinessDate('2026-10-14')
export const ALL = { kind: 'all' } as const
/** All days of the shop. */
export const DAYS = { kind: 'days', from: toBusinessDate(FIRST_DAY), to: LAST_DAY } as const
/** The days that are read again and again. */
export const RECENT = { kind: 'days', from: toBusinessDate('2026-10-12'), to: LAST_DAY } as const
/** Small pages make many of a short list. */
export const PAGE_SIZE = 7

export interface BilledShop {
  readonly look: Look
  /** A job's context as a process has it, without a queue: what is to follow is asked for by the test. */
  readonly context: JobContext
  close(): Promise<void>
}

/** A small shop with subscriptions, invoices and bank payments, which stands still, and the real runtime on it. */
export async function openBilledShop(switches: Partial<Switches> = {}): Promise<BilledShop> {
  const endsAt = createZone('America/Edmonton').at(LAST_DAY, '14:00')
  const scenario = {
    startsOn: FIRST_DAY,
    endsAt: toInstant(endsAt),
    customers: 12,
    salesPerDay: 4,
    billing: { subscriptions: 11, signUpsPerDay: 0, invoicesPerDay: 1 },
  }
  const options = {
    seed: 5,
    now: new Date(endsAt + 5_000).toISOString(),
    historyDays: 8,
    scenario,
    switches: { pageSizeMax: PAGE_SIZE, invoicePageSize: PAGE_SIZE, ...switches },
  }
  // The runtime is lent; whoever has the shop gives it back.
  let giveBack = () => {}
  const isOver = new Promise<void>((resolve) => {
    giveBack = resolve
  })
  let finished: Promise<void> = Promise.resolve()
  const look = await new Promise<Look>((resolve, reject) => {
    finished = withRuntime(options, (lent) => {
      resolve(lent)
      return isOver
    })
    finished.catch(reject)
  })
  const context = deafContext(look.runtime.services)
  return {
    look,
    context,
    async close() {
      giveBack()
      await finished
    },
  }
}

let countCauses = 0

/** Asks for a reading with a cause of its own. */
export async function begin({ context }: BilledShop, resource: string, window: PullWindow): Promise<Pull> {
  countCauses += 1
  const { accountId } = context.account
  const pageLimit = Math.min(resourceOf(resource).pageLimit, PAGE_SIZE)
  const asked = { accountId, resource, window, cause: `test ${countCauses}`, callClass: 'fresh' as const, pageLimit }
  return (await createPull(context.db, { ...asked, now: context.clock.now() })).pull
}

/** Reads pages of a pull and of what it is split into, to the end or so many. @returns the pull as it stands then */
export async function goOn({ context }: BilledShop, pull: Pull, pagesMax = 200): Promise<Pull> {
  for (let page = 0; page < pagesMax; page += 1) {
    const asked = await listPullsByCause(context.db, pull.accountId, pull.cause)
    const running = asked.find(({ state }) => state === 'running')
    if (!running) break
    await resourceOf(running.resource).readPage(context, running)
  }
  const ended = await loadPull(context.db, pull)
  if (!ended) throw new Error('the pull is gone')
  return ended
}

export const read = async (shop: BilledShop, resource: string, window: PullWindow): Promise<Pull> =>
  goOn(shop, await begin(shop, resource, window))

/** Reads the payments of each subscription of which they are wanted. @returns of how many */
export async function readDetails(shop: BilledShop): Promise<number> {
  const { db, account, clock } = shop.context
  const ids = await listSubscriptionsToRead(db, { accountId: account.accountId, now: clock.now(), limit: 1_000 })
  for (const id of ids) await read(shop, 'subscription', { kind: 'one', id })
  return ids.length
}
