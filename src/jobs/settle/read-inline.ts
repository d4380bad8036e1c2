import type { JobContext } from '../../context.ts'
import { createPull, loadPull } from '../../db/pulls.ts'
import type { PullWindow } from '../../domain/pull.ts'
import { resourceOf } from '../sync/resources.ts'

/** Reads a pull to its end without the queue. Every pull ends: its pages and walks are counted. */
export async function readInline(
  context: JobContext,
  { accountId, pullId }: { accountId: number; pullId: bigint },
): Promise<boolean> {
  // What would be asked of the queue is read right here.
  const inline = { ...context, enqueue: { ...context.enqueue, pullPage: async () => {} } }
  for (;;) {
    const pull = await loadPull(context.db, { accountId, pullId })
    if (pull?.state !== 'running') return pull?.state === 'complete'
    await resourceOf(pull.resource).readPage(inline, pull)
  }
}

/**
 * Reads a window now, page by page within this job. Should it be killed, the pull is taken up like any other.
 * @returns false when it could not be read completely
 */
export async function readWindow(
  context: JobContext,
  { resource, window, cause }: { resource: string; window: PullWindow; cause: string },
): Promise<boolean> {
  const { db, account, clock } = context
  const { pageLimit } = resourceOf(resource)
  const asked = { accountId: account.accountId, resource, window, cause, callClass: 'settle' as const, pageLimit }
  const { pull } = await createPull(db, { ...asked, now: clock.now() })
  return readInline(context, pull)
}
