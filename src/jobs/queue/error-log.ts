import type { Logger } from 'pino'

const REPEAT_MS = 30_000
const KINDS_MAX = 50

/** Reports errors of the queue's connections. A store that is away yields hundreds a second: each kind is told rarely. */
export interface ErrorLog {
  report(error: Error): void
  /** Tells how many were kept back. */
  flush(): void
}

export function createErrorLog(log: Logger): ErrorLog {
  const kinds = new Map<string, { toldAt: number; countKept: number }>()
  const tell = (error: Error | undefined, countKept: number) =>
    log.warn({ ...(error && { err: error }), ...(countKept > 0 && { countSimilar: countKept }) }, 'queue.store_failed')
  return {
    report(error) {
      // Ids and addresses differ between errors of one kind.
      const kind = error.message.replace(/[0-9a-f-]{12,}|\d+/g, '#').slice(0, 200)
      const known = kinds.get(kind)
      if (known && performance.now() - known.toldAt < REPEAT_MS) {
        known.countKept++
        return
      }
      if (kinds.size >= KINDS_MAX) kinds.clear()
      kinds.set(kind, { toldAt: performance.now(), countKept: 0 })
      tell(error, known?.countKept ?? 0)
    },
    flush() {
      const countKept = [...kinds.values()].reduce((sum, kind) => sum + kind.countKept, 0)
      if (countKept > 0) tell(undefined, countKept)
      kinds.clear()
    },
  }
}
