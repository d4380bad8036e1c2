import { lockBooks } from '../db/books/lock.ts'
import { listPeriodEvents, storePeriodEvent } from '../db/books/periods.ts'
import type { Db } from '../db/client.ts'
import type { Clock } from '../domain/clock.ts'
import type { Month } from '../domain/month.ts'
import { UsageError } from '../domain/operating-error.ts'
import { nextRevision, objectionToReopening } from '../domain/periods.ts'

/**
 * Opens a closed month again: from here on entries may be dated into it, and closing it makes the next revision. Those
 * there are stay as they are, and so do corrections that were dated into the month after it meanwhile.
 * @returns the revision that stays the last one until then
 * @throws UsageError with exit code 1 where the month cannot be reopened
 */
export function reopenPeriod(
  db: Db,
  { accountId, month, actor, reason }: { accountId: number; month: Month; actor: string; reason: string },
  clock: Clock,
): Promise<{ revision: number }> {
  return db.transaction(async (tx) => {
    await lockBooks(tx, accountId)
    const steps = await listPeriodEvents(tx, accountId)
    const objection = objectionToReopening(month, steps)
    if (objection !== null) throw new UsageError(objection, { exitCode: 1 })
    const revision = nextRevision(month, steps) - 1
    await storePeriodEvent(tx, accountId, { month, kind: 'reopened', revision, at: clock.now(), actor, reason })
    return { revision }
  })
}
