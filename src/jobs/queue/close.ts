import { setTimeout as sleep } from 'node:timers/promises'
import type { Processor } from './process-job.ts'
import type { Store, StoredQueue, StoredWorker } from './store.ts'

interface Closing {
  readonly deadlineMs: number
  readonly queue: StoredQueue
  readonly worker: StoredWorker | undefined
  readonly processor: Processor
  readonly store: Store
}

/** Shares of the deadline: jobs may end by themselves, then are told to stop, then are put back as they are. */
const ABORT_AT = 0.5
const HAND_BACK_AT = 0.75
const CUT_AT = 0.9

/** Winds a queue down so that no job is left to stall. Never rejects, and never takes longer than its deadline. */
export async function closeWithin({ deadlineMs, queue, worker, processor, store }: Closing): Promise<void> {
  processor.refuse()
  const timers = [
    setTimeout(() => processor.abort(), deadlineMs * ABORT_AT),
    setTimeout(() => void processor.handBackAll(), deadlineMs * HAND_BACK_AT),
  ]
  await settledWithin(deadlineMs * CUT_AT, async () => {
    await worker?.close()
    await queue.close()
  })
  for (const timer of timers) clearTimeout(timer)
  // Closing twice is harmless; what BullMQ could not close in order is cut here.
  await settledWithin(deadlineMs * (1 - CUT_AT), async () => {
    await Promise.race([worker?.disconnect(), sleep(deadlineMs * (1 - CUT_AT) * 0.5)])
    await store.close()
  })
}

async function settledWithin(durationMs: number, work: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, durationMs)
  })
  await Promise.race([work().catch(() => {}), timeout])
  clearTimeout(timer)
}
