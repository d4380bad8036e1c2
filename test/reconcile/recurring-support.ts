import { listPullsByCause } from '../../src/db/pulls.ts'
import { helcimDate } from '../../src/domain/helcim-time.ts'
import { askForDays, askForList } from '../../src/jobs/sync/ask-for-lists.ts'
import { askForNeeds } from '../../src/jobs/sync/ask-for-needs.ts'
import { resourceOf } from '../../src/jobs/sync/resources.ts'
import type { RunScope } from '../../src/reconcile/judge-batches.ts'
import { runReconcile } from '../../src/reconcile/run.ts'
import type { Look } from '../days/support.ts'
import { deafContext } from '../support/deaf-context.ts'

const LISTS = ['card_terminal', 'card_batch', 'payment_plan', 'add_on', 'customer', 'subscription', 'ach_batch']
const DAYS = ['card_transaction', 'invoice', 'ach_transaction']

export interface Reader {
  /** Reads these resources whole, one after the other, as the jobs do, without a queue. */
  read(cause: string, resources?: readonly string[]): Promise<void>
  /** Reads the payments of subscriptions that the list did not show with them, and what else single rows ask for. */
  readPayments(cause: string, resources?: readonly string[]): Promise<void>
  reconcile(scope: RunScope): ReturnType<typeof runReconcile>
}

/** @param settings those of the runtime unless said */
export function createReader({ runtime }: Look, settings = runtime.services.settings): Reader {
  const { db, account, clock } = runtime.services
  const { accountId, historyFrom } = account
  const context = deafContext(runtime.services)
  const readToEnd = async (cause: string) => {
    for (;;) {
      const running = (await listPullsByCause(db, accountId, cause)).find(({ state }) => state === 'running')
      if (!running) return
      await resourceOf(running.resource).readPage(context, running)
    }
  }
  return {
    async read(cause, resources = [...LISTS, ...DAYS]) {
      const asked = { accountId, cause, now: clock.now() }
      const days = { from: historyFrom, to: helcimDate(clock.now()), callClass: 'fresh' } as const
      for (const resource of resources) {
        // By the week, as the jobs do: one walk over all days would sort them all for each of its pages.
        if (DAYS.includes(resource)) await askForDays(db, asked, days, resource)
        else await askForList(db, asked, resource)
        await readToEnd(cause)
      }
    },
    async readPayments(cause, resources = ['subscription']) {
      for (;;) {
        const asked = { accountId, cause, now: clock.now() }
        const pulls = await db.transaction((tx) => askForNeeds(tx, asked, { resources }))
        if (pulls.length === 0) return
        await readToEnd(cause)
      }
    },
    reconcile: (scope) => runReconcile(db, { accountId, historyFrom, scope, settings, clock }),
  }
}
