import type { Tx } from '../../db/client.ts'
import {
  listInvoicesNeverRead,
  listInvoicesToRead,
  listSubscriptionsToRead,
  listUnknownCustomers,
} from '../../db/needs.ts'
import { createPull, latestCompletePull, listPullsByCause, type Pull } from '../../db/pulls.ts'
import type { CallClass } from '../../domain/budget-class.ts'
import { addDays } from '../../domain/calendar.ts'
import { helcimDate } from '../../domain/helcim-time.ts'
import { isForOne, type PullWindow } from '../../domain/pull.ts'
import { type Ask, askForList } from './ask-for-lists.ts'
import { resourceOf } from './resources.ts'

/** Single readings of one cause: a fifth of what an hour allows. What is left waits for the next hour. */
const READS_MAX = 600
/** Asked for at once; the next ones follow when these have ended. */
const READS_AT_ONCE = 20
/** Days back from today whose transactions may name what we do not have. */
const LOOK_BACK_DAYS = 3

/** Resources that are read by need; `subscription` stands for the payments of single ones. */
export const NEEDED_RESOURCES = ['subscription', 'customer', 'invoice'] as const

/**
 * Spends single calls where our rows show that one is needed: payments of subscriptions that the list shows changed,
 * customers and invoices that a payment names and we do not have. Asked again once its pulls have ended, it goes on, until
 * nothing is needed or the share of one cause is spent.
 */
export async function askForNeeds(
  tx: Tx,
  ask: Ask,
  options: { readonly resources: readonly string[] } = { resources: NEEDED_RESOURCES },
): Promise<Pull[]> {
  const { accountId, now } = ask
  const asked = (await listPullsByCause(tx, accountId, ask.cause)).filter(({ window }) => isForOne(window))
  const limit = Math.min(READS_AT_ONCE, READS_MAX - asked.length)
  if (limit <= 0) return []
  const from = addDays(helcimDate(now), -LOOK_BACK_DAYS)
  const pulls: Pull[] = []
  for (const resource of NEEDED_RESOURCES.filter((one) => options.resources.includes(one))) {
    switch (resource) {
      case 'subscription': {
        const ids = await listSubscriptionsToRead(tx, { accountId, now, limit })
        pulls.push(...(await askForEach(tx, ask, resource, { callClass: 'detail', windows: ids.map(oneOf) })))
        break
      }
      case 'customer':
        pulls.push(...(await askForCustomers(tx, ask, await listUnknownCustomers(tx, { accountId, from, now, limit }))))
        break
      case 'invoice': {
        const numbers = new Set(await listInvoicesToRead(tx, { accountId, from, now, limit }))
        if (isLookedFarBack(asked)) {
          for (const number of await listInvoicesNeverRead(tx, { accountId, now, limit })) numbers.add(number)
        }
        const windows = [...numbers].slice(0, limit).map(codeOf)
        pulls.push(...(await askForEach(tx, ask, resource, { callClass: 'detail', windows })))
        break
      }
    }
  }
  return pulls
}

/**
 * Three months of transactions are looked at when a cause asks first, and on as long as invoices are found: thousands of
 * payments are asked for in dozens of steps, which tell nothing new about them.
 */
const isLookedFarBack = (asked: readonly Pull[]) =>
  asked.length === 0 || asked.some(({ resource }) => resource === 'invoice')

/** Where the whole list costs fewer calls than the codes that are missing, the list is read. */
async function askForCustomers(tx: Tx, ask: Ask, codes: readonly string[]): Promise<Pull[]> {
  const list = await latestCompletePull(tx, ask.accountId, 'customer')
  // Before the first reading of the list all of them are missing.
  if (list === null || codes.length === 0) return []
  if (codes.length > list.countCalls) return [await askForList(tx, ask, 'customer', 'detail')]
  return askForEach(tx, ask, 'customer', { callClass: 'detail', windows: codes.map(codeOf) })
}

async function askForEach(
  tx: Tx,
  { accountId, cause, now }: Ask,
  resource: string,
  { callClass, windows }: { callClass: CallClass; windows: readonly PullWindow[] },
): Promise<Pull[]> {
  const { pageLimit } = resourceOf(resource)
  const pulls: Pull[] = []
  for (const window of windows) {
    pulls.push((await createPull(tx, { accountId, resource, window, cause, callClass, pageLimit, now })).pull)
  }
  return pulls
}

const oneOf = (id: bigint): PullWindow => ({ kind: 'one', id })
const codeOf = (code: string): PullWindow => ({ kind: 'code', code })
