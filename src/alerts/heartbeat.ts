import type { Clock } from '../domain/clock.ts'
import type { Secret } from '../domain/secret.ts'
import type { Logger } from '../log.ts'
import { type Resolve, resolveAddresses } from './outgoing-address.ts'
import { sendOut } from './outgoing-request.ts'
import { SEND_DEADLINE_MS } from './settings.ts'

export interface HeartbeatSettings {
  readonly url: Secret
  readonly allowHosts: readonly string[]
  readonly clock: Clock
  readonly log: Logger
  /** False while this process does no work: then it is silent, and whoever listens sounds the alarm. */
  readonly isWorking: () => boolean | Promise<boolean>
  readonly resolve?: Resolve
  /** Real milliseconds for one beat. */
  readonly deadlineMs?: number
}

export interface Heartbeat {
  /** Beats at once, then each clock minute. */
  start(): void
  /** Ends it, a beat under way as well. There is no way back. */
  stop(): Promise<void>
}

const BEAT_EVERY_MS = 60_000

/**
 * Calls a URL each minute for as long as the daemon works: what tells that the worker itself is gone is its silence. A
 * beat that fails is told to the log alone, once, and once more when beats arrive again.
 */
export function createHeartbeat(settings: HeartbeatSettings): Heartbeat {
  const { url, allowHosts, clock, log, isWorking } = settings
  const { resolve = resolveAddresses, deadlineMs = SEND_DEADLINE_MS } = settings
  const stopping = new AbortController()
  const { signal } = stopping
  let beating: Promise<void> = Promise.resolve()
  let lastFailure: string | null = null

  async function beat(): Promise<void> {
    const target = new URL(url.reveal())
    const answer = await sendOut({ url: target, method: 'GET', allowHosts, resolve, deadlineMs, signal })
    if (signal.aborted) return
    const failure = failureOf(answer)
    if (failure === lastFailure) return
    if (failure === null) log.info('heartbeat.recovered')
    else log.warn({ reason: failure }, 'heartbeat.failed')
    lastFailure = failure
  }

  async function keepBeating(): Promise<void> {
    while (!signal.aborted) {
      if (await isWorking()) await beat()
      await clock.sleep(BEAT_EVERY_MS, signal)
    }
  }

  return {
    start() {
      beating = keepBeating()
    },
    async stop() {
      stopping.abort()
      await beating
    },
  }
}

function failureOf(answer: Awaited<ReturnType<typeof sendOut>>): string | null {
  if (answer.status === null) return answer.words
  return answer.status >= 200 && answer.status <= 299 ? null : `answered ${answer.status}`
}
