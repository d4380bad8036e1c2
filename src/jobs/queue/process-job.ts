import { DelayedError, UnrecoverableError, WaitingError } from 'bullmq'
import type { Logger } from 'pino'
import { asDatabaseTrouble } from '../../db/trouble.ts'
import type { Clock } from '../../domain/clock.ts'
import { OperatingError, type Retry } from '../../domain/operating-error.ts'
import { withoutParameters } from '../../domain/secret.ts'
import type { AnyJob, JobRun } from '../define-job.ts'
import { CANARY_NAME, type Canary } from './canary.ts'
import type { Lanes } from './lanes.ts'
import { ATTEMPTS_MAX, jitter, machineClock } from './settings.ts'
import type { StoredJob } from './store.ts'

export interface ProcessorSettings<Context> {
  readonly jobs: ReadonlyMap<string, AnyJob<Context>>
  /** Null for work of an account that is not among this process's. */
  readonly contextFor: (run: JobRun, payload: unknown) => Context | null
  /** True where an error says that what the job needs from outside is away. */
  readonly isTrouble: (error: unknown) => boolean
  readonly clock: Clock
  readonly log: Logger
  readonly lanes: Lanes
  readonly canary: Canary
  readonly onArrival: () => void
}

/** Runs what the store hands to this worker, and turns how it ended into one of the store's verbs. */
export interface Processor {
  process(job: StoredJob, token: string): Promise<void>
  countRunning(): number
  /** From now on nothing new is begun: what arrives goes back at once. */
  refuse(): void
  /** Fires the signal of all running jobs. */
  abort(): void
  /** Puts the running jobs back although they have not ended, so that others need not wait until they stall. */
  handBackAll(): Promise<void>
}

/** A job name that this version does not know may belong to a newer one that is just being rolled out. */
const UNKNOWN_NAME_DELAY_MS = 10_000
const UNKNOWN_NAME_AGE_MS_MAX = 86_400_000
/** Another replica may have read the new accounts a moment earlier, or has still the old ones. */
const ABSENT_ACCOUNT_DELAY_MS = 5_000
const ABSENT_ACCOUNT_AGE_MS_MAX = 10 * 60_000

export function createProcessor<Context>(settings: ProcessorSettings<Context>): Processor {
  const { jobs, contextFor, clock, lanes, canary } = settings
  const running = new Map<string, { job: StoredJob; token: string }>()
  const abortController = new AbortController()
  const signal = abortController.signal
  let isRefusing = false

  async function process(job: StoredJob, token: string): Promise<void> {
    settings.onArrival()
    if (isRefusing) return handBack(job, token)
    if (job.name === CANARY_NAME) {
      const delayMs = canary.receive(job)
      return delayMs === undefined ? undefined : putBack(job, token, delayMs)
    }
    if (!job.name) return refuseDamaged(job)
    const definition = jobs.get(job.name)
    const log = settings.log.child({ job: job.name, jobId: job.id, attempt: job.attemptsMade + 1 })
    if (definition === undefined) return refuseUnknown(job, token, log)

    const payload = decode(definition, job, log)
    const context = contextFor(describeRun(job, log), payload)
    if (context === null) return refuseAbsent(job, token, log)
    const shared = definition.lanes?.(payload) ?? []
    const admission = lanes.enter(shared, job.id ?? '')
    if (!admission.isAdmitted) return putBack(job, token, admission.delayMs)
    running.set(token, { job, token })
    let isInTrouble = false
    try {
      await definition.run(payload, context)
    } catch (caught) {
      isInTrouble = settings.isTrouble(caught)
      // What the queue and the log are told is kept there.
      const error = withoutParameters(caught)
      if (signal.aborted) {
        log.info({ reason: wordsOf(error) }, 'job.handed_back')
        return handBack(job, token)
      }
      return await settle(job, token, asDatabaseTrouble(error), log)
    } finally {
      running.delete(token)
      lanes.leave(shared, isInTrouble)
    }
  }

  function describeRun(job: StoredJob, log: Logger): JobRun {
    const attempt = job.attemptsMade + 1
    const isLastAttempt = attempt >= (job.opts.attempts ?? ATTEMPTS_MAX)
    return { jobId: job.id ?? '', jobName: job.name, attempt, isLastAttempt, signal, log }
  }

  /** Errors and where they go, see STYLE.md: wait, try again, or stop and call a person. */
  async function settle(job: StoredJob, token: string, error: unknown, log: Logger): Promise<void> {
    const retry: Retry = error instanceof OperatingError ? error.retry : { kind: 'never' }
    const facts = { err: error, ...(error instanceof OperatingError && { code: error.code }) }
    if (retry.kind === 'after') {
      // Spread a little, so that jobs which were told the same instant do not return as one.
      const delayMs = Math.ceil(clock.realMs(retry.delayMs)) + jitter(100)
      log.debug({ ...facts, delayMs }, 'job.postponed')
      return putBack(job, token, delayMs)
    }
    if (retry.kind === 'backoff') {
      const isLast = describeRun(job, log).isLastAttempt
      if (isLast) log.error(facts, 'job.gave_up')
      else log.warn(facts, 'job.failed_once')
      throw toError(error)
    }
    log.error(facts, error instanceof OperatingError ? 'job.stopped' : 'job.crashed')
    throw unrecoverable(error)
  }

  /**
   * A Redis that evicts may lose the record of a job that stands in its lists. What is left is thrown away at once,
   * because it holds the id under which the job will be asked for again.
   */
  function refuseDamaged(job: StoredJob): never {
    settings.log.warn({ jobId: job.id }, 'job.lost_its_content')
    job.opts.removeOnFail = true
    throw new UnrecoverableError('the record of this job is gone from the queue')
  }

  function refuseUnknown(job: StoredJob, token: string, log: Logger): Promise<void> {
    if (machineClock.now() - job.timestamp > UNKNOWN_NAME_AGE_MS_MAX) {
      log.error('job.unknown')
      throw new UnrecoverableError(`no version of tieout has known the job "${job.name}" for a day`)
    }
    log.warn('job.unknown_to_this_version')
    return putBack(job, token, jitter(UNKNOWN_NAME_DELAY_MS))
  }

  /** Its account may be on its way into our settings, or just out of them; what is owed to it stands in Postgres. */
  function refuseAbsent(job: StoredJob, token: string, log: Logger): Promise<void> | undefined {
    if (machineClock.now() - job.timestamp <= ABSENT_ACCOUNT_AGE_MS_MAX) {
      return putBack(job, token, jitter(ABSENT_ACCOUNT_DELAY_MS))
    }
    log.info('job.dropped_with_its_account')
    return undefined
  }

  return {
    process,
    countRunning: () => running.size,
    refuse() {
      isRefusing = true
    },
    abort() {
      isRefusing = true
      abortController.abort(
        new OperatingError('SHUTDOWN', 'The process is shutting down.', { retry: { kind: 'backoff' } }),
      )
    },
    async handBackAll() {
      const all = [...running.values()]
      await Promise.all(all.map(({ job, token }) => handBack(job, token).catch(() => {})))
    },
  }
}

function decode<Context>(definition: AnyJob<Context>, job: StoredJob, log: Logger): unknown {
  try {
    return definition.decodePayload(job.data)
  } catch (error) {
    log.error({ err: error }, 'job.payload_refused')
    throw unrecoverable(error)
  }
}

/**
 * To the delayed jobs, no attempt spent. Always throws what tells BullMQ that the job is no longer ours. That is also
 * right when the move fails: either the lock was lost and somebody else has the job, or the store is away and the job
 * comes back once its lock ran out.
 */
async function putBack(job: StoredJob, token: string, delayMs: number): Promise<never> {
  await job.moveToDelayed(machineClock.now() + delayMs, token).catch(() => {})
  throw new DelayedError()
}

/** To the front of the waiting jobs, no attempt spent; throws as `putBack` does. */
async function handBack(job: StoredJob, token: string): Promise<never> {
  await job.moveToWait(token).catch(() => {})
  throw new WaitingError()
}

/** Fails at once whatever attempts are left. */
const unrecoverable = (error: unknown): Error =>
  Object.assign(new UnrecoverableError(wordsOf(error)), { cause: error, stack: toError(error).stack ?? '' })

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

const wordsOf = (error: unknown): string => toError(error).message
