import { Registry } from 'prom-client'
import { type AccountFacts, createAccountMetrics } from './account-metrics.ts'
import { createProcessMetrics, type ProcessFacts } from './process-metrics.ts'

export interface MetricsOptions {
  readonly process: ProcessFacts
  /** Rejects, or answers late, when the database does not answer. */
  readonly loadAccounts: () => Promise<readonly AccountFacts[]>
  /** Jobs of all replicas by state; rejects, or answers late, when the queue does not answer. */
  readonly countJobs: () => Promise<Readonly<Record<string, number>>>
}

export interface CallFacts {
  readonly callClass: string
  readonly endpoint: string
  /** Helcim's status, else `aborted` or `unsent`. */
  readonly outcome: string
}

export interface Metrics {
  readonly contentType: string
  /** The page in Prometheus' text format. Never rejects because the database or the queue is away. */
  render(): Promise<string>
  countRequest(request: { route: string; status: number }): void
  countCall(call: CallFacts): void
  close(): void
}

/** Real milliseconds: however many scrape, the database is asked once in so long, and given up after so long. */
const RENDER_EVERY_MS = 5_000
const LOAD_MS_MAX = 5_000

/**
 * All metrics, in a registry of their own. What the process does itself is counted here, so that replicas add up. What
 * lies in the database is the same for all replicas: it is read when asked for, and labelled by account. A figure that
 * cannot be read is left out; a former one would look like news.
 */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry()
  const own = createProcessMetrics(registry, options.process)
  const ofAccount = createAccountMetrics(registry)
  let rendering: Promise<string> = Promise.resolve('')
  let renderedAt = Number.NEGATIVE_INFINITY

  async function renderAnew(): Promise<string> {
    const [facts, jobs] = await Promise.all([within(options.loadAccounts()), within(options.countJobs())])
    own.observe({ isDatabaseAnswering: facts !== null, isQueueAnswering: jobs !== null })
    ofAccount.show(facts, jobs)
    return registry.metrics()
  }

  return {
    contentType: registry.contentType,
    render() {
      const now = performance.now()
      if (now - renderedAt >= RENDER_EVERY_MS) {
        renderedAt = now
        rendering = renderAnew()
      }
      return rendering
    },
    countRequest: own.countRequest,
    countCall: own.countCall,
    close: own.close,
  }
}

/** @returns null when it failed or took too long */
async function within<T>(loading: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), LOAD_MS_MAX)
  })
  return Promise.race([loading.catch(() => null), late]).finally(() => clearTimeout(timer))
}
