import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { CallFacts } from './metrics.ts'

/** What a process knows about itself. */
export interface ProcessFacts {
  /** Version and surroundings, as labels. */
  readonly build: Readonly<Record<string, string>>
  /** Runs of jobs since the start. */
  readonly tallyJobs: () => readonly { readonly job: string; readonly outcome: string; readonly count: number }[]
  readonly worker: () => {
    readonly isWorking: boolean
    readonly countRunning: number
    /** Real milliseconds. */
    readonly silenceMs: number | null
  }
}

/** The samples come this far apart; what a sample is later than that is the delay. */
const RESOLUTION_MS = 20
const QUANTILES = [0.5, 0.99, 1] as const

export function createProcessMetrics(registry: Registry, { build, tallyJobs, worker }: ProcessFacts) {
  const registers = [registry]
  const gauge = <Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge({ name: `tieout_${name}`, help, labelNames, registers })
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name: `tieout_${name}`, help, labelNames, registers })

  gauge('build_info', 'Always 1; the labels say which version runs on what.', Object.keys(build)).set(build, 1)
  gauge('process_start_time_seconds', 'When this process started, since the Unix epoch.').set(
    Math.round(performance.timeOrigin) / 1_000,
  )
  const database = gauge('database_answering', '1 when the database gave the figures of this page within 5 s, else 0.')
  const queue = gauge('queue_answering', '1 when the queue gave its counts within 5 s, else 0.')
  const working = gauge('worker_working', '1 while the worker of this process takes jobs, else 0.')
  const running = gauge('worker_jobs_running', 'Jobs that run in this process now.')
  const silence = gauge('worker_silence_seconds', 'Since a job or a canary last reached the worker of this process.')
  const memory = gauge('process_memory_bytes', 'Memory of this process.', ['kind'])
  const delay = gauge(
    'event_loop_delay_seconds',
    'How late the event loop was since the last page, by quantile; 1 is the longest.',
    ['quantile'],
  )
  const cpu = counter('process_cpu_seconds_total', 'Processor time of this process.', ['mode'])
  // Not `job`: Prometheus gives what it scrapes a label of that name.
  const jobs = counter(
    'job_runs_total',
    'Runs of jobs that ended in this process. put_back: waits for a call or its turn, with no try spent.',
    ['job_name', 'outcome'],
  )
  const calls = counter(
    'calls_total',
    "Calls to Helcim made by this process. outcome: Helcim's status, aborted or unsent.",
    ['class', 'endpoint', 'outcome'],
  )
  const pages = counter('pages_read_total', 'Pages and single records that Helcim gave this process.', ['endpoint'])
  const requests = counter('http_requests_total', 'Requests that this server answered.', ['route', 'status'])
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()

  return {
    /** Takes the values that have to be asked for. */
    observe(answers: { isDatabaseAnswering: boolean; isQueueAnswering: boolean }) {
      database.set(answers.isDatabaseAnswering ? 1 : 0)
      queue.set(answers.isQueueAnswering ? 1 : 0)
      const { isWorking, countRunning, silenceMs } = worker()
      working.set(isWorking ? 1 : 0)
      running.set(countRunning)
      silence.set((silenceMs ?? 0) / 1_000)
      const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
      for (const [kind, bytes] of Object.entries({ resident: rss, heap_used: heapUsed, heap: heapTotal, external })) {
        memory.set({ kind }, bytes)
      }
      for (const quantile of QUANTILES) {
        const ns = histogram.count === 0 ? 0 : histogram.percentile(quantile * 100)
        delay.set({ quantile: String(quantile) }, Math.max(0, ns / 1e9 - RESOLUTION_MS / 1_000))
      }
      histogram.reset()
      const { user, system } = process.cpuUsage()
      // These totals are kept elsewhere: the counter is put to where they stand.
      cpu.reset()
      cpu.inc({ mode: 'user' }, user / 1e6)
      cpu.inc({ mode: 'system' }, system / 1e6)
      jobs.reset()
      for (const { job, outcome, count } of tallyJobs()) jobs.inc({ job_name: job, outcome }, count)
    },
    countRequest: ({ route, status }: { route: string; status: number }) => requests.inc({ route, status }),
    countCall({ callClass, endpoint, outcome }: CallFacts) {
      calls.inc({ class: callClass, endpoint, outcome })
      if (outcome === '200') pages.inc({ endpoint })
    },
    close: () => void histogram.disable(),
  }
}
