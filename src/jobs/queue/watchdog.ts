import type { StoreState } from './store.ts'

export interface WatchdogSettings {
  /** Rejects when the store cannot be reached over a new connection. */
  readonly probe: () => Promise<StoreState>
  /** Hears at each look what a store that answers says about itself. */
  readonly onState: (state: StoreState) => void
  /** Puts a job into the queue that only this worker may finish. */
  readonly sendCanary: () => Promise<void>
  /** True while every place of the worker is taken: then it fetches nothing, and that is right. */
  readonly isBusy: () => boolean
  /** Called at most once. */
  readonly onDead: (reason: string) => void
  /** Real milliseconds without any proof of life, the store being reachable all the while. */
  readonly deadAfterMs: number
  /** Real milliseconds between two looks. */
  readonly intervalMs: number
}

export interface Watchdog {
  /** To be called for every job that reaches the worker. */
  proveAlive(): void
  /** Real milliseconds since the last proof of life. */
  ageMs(): number
  /** True while the store answers and takes jobs. */
  isStoreReachable(): boolean
  stop(): void
}

/**
 * Watches a worker from outside. BullMQ and ioredis had versions whose workers never fetched again after a few seconds
 * without Redis, with every connection looking sound; the only proof of life is a job that arrives. Where none came for
 * a while a canary is sent, and when that does not arrive either although the store answers, the worker is dead: the
 * process should exit and be started anew. In real time, whatever the injected clock says.
 */
export function startWatchdog(settings: WatchdogSettings): Watchdog {
  let provedAt = performance.now()
  let reachableSince: number | null = performance.now()
  let lookedAt = performance.now()
  let isStopped = false
  let timer = setTimeout(look, settings.intervalMs)

  async function look(): Promise<void> {
    const now = performance.now()
    // This process was itself stopped or starved for a while: nothing can be said about the worker.
    if (now - lookedAt > 3 * settings.intervalMs) provedAt = now
    lookedAt = now
    if (settings.isBusy()) provedAt = now

    const state = await settings.probe().catch(() => null)
    if (isStopped) return
    if (state !== null) settings.onState(state)
    // One that is full takes no canary either: its silence proves nothing against the worker.
    const isReachable = state !== null && state.refusal === null
    reachableSince = isReachable ? (reachableSince ?? performance.now()) : null

    if (reachableSince !== null) {
      const silenceMs = performance.now() - Math.max(provedAt, reachableSince)
      if (silenceMs > settings.deadAfterMs) {
        isStopped = true
        settings.onDead(
          `The queue's worker received no job for ${Math.round(silenceMs / 1000)} s although its store answers.`,
        )
        return
      }
      // Not awaited: the connection that would carry it may be the one that is dead.
      if (silenceMs >= settings.intervalMs) settings.sendCanary().catch(() => {})
    }
    lookedAt = performance.now()
    timer = setTimeout(look, settings.intervalMs)
  }

  return {
    proveAlive() {
      provedAt = performance.now()
    },
    ageMs: () => performance.now() - provedAt,
    isStoreReachable: () => reachableSince !== null,
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}
