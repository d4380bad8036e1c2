import { Socket } from 'node:net'
import { Writable } from 'node:stream'
import type pg from 'pg'
import pino from 'pino'
import type { AlertChannel } from '../../../src/alerts/channel.ts'
import type { Enqueue, JobContext } from '../../../src/context.ts'
import { createCallBudget } from '../../../src/db/call-budget.ts'
import { type Database, openDatabase } from '../../../src/db/client.ts'
import { batchSlug } from '../../../src/domain/batch-key.ts'
import type { Clock, Instant } from '../../../src/domain/clock.ts'
import { HELCIM_ZONE } from '../../../src/domain/helcim-time.ts'
import { DEFAULT_BOOKS_SETTINGS } from '../../../src/domain/journal/chart.ts'
import type { CallPermits } from '../../../src/domain/permits.ts'
import { isSettleKind } from '../../../src/domain/settlement-cut-offs.ts'
import { createHelcimClient } from '../../../src/helcim/client.ts'
import { alert } from '../../../src/jobs/alert.ts'
import { due } from '../../../src/jobs/due.ts'
import { postBooksJob } from '../../../src/jobs/post-books.ts'
import { pullPage } from '../../../src/jobs/pull-page.ts'
import { reconcile } from '../../../src/jobs/reconcile.ts'
import {
  confirmAchAttempt,
  confirmAttempt,
  settleAchBatch,
  settleBatch,
  settleDue,
} from '../../../src/jobs/settle/jobs.ts'
import { DEFAULT_CHECK_SETTINGS } from '../../../src/reconcile/settings.ts'
import { jobOf, type PointQueue, type Queued } from './point-queue.ts'
import { LIMITS, type World } from './world.ts'

/**
 * Something awaited that happened outside the process: a statement, an answer of Helcim's, a job given to the queue, a
 * message that was heard.
 */
export interface Step {
  readonly label: string
  /** False for what leaves nothing behind by itself: reading, or writing in a transaction that is not committed yet. */
  readonly isLasting: boolean
}

export interface Doom {
  /** The process dies once so many steps took effect, before it hears of the last one. Not given: it lives. */
  readonly dieAfter?: number
  /** The last step, a commit, is under way when the process dies, and takes effect when `late.land` is called. */
  readonly isLate?: boolean
  /** Statements that are committed by themselves, out of their transaction: how a worse program would behave. */
  readonly isTornOut?: (text: string) => boolean
}

/**
 * One process: its connections, its clock and its ways to ask for work. A dead one never hears of anything again, nor
 * does it move the world's clock, which goes on by being read.
 */
export interface Life {
  readonly context: JobContext
  readonly steps: readonly Step[]
  run(job: Queued): Promise<'ended' | 'died'>
  /** The commit that was under way when this process died; null when there is none. */
  readonly late: Late | null
  onStatement(listener: (text: string) => void): void
  end(): Promise<void>
}

export interface Late {
  /** What was sent before it in its transaction. */
  readonly texts: readonly string[]
  land(): void
}

/** A promise that nobody keeps: code that awaits it has stopped for good, as that of a killed process. */
const NEVER = new Promise<never>(() => {})

export function createLife(world: World, queue: PointQueue, doom: Doom = {}): Life {
  const steps: Step[] = []
  const sockets = new Set<Socket>()
  const listeners: ((text: string) => void)[] = []
  let isDead = false
  let late: Late | null = null
  let tellDeath = (_: 'died') => {}
  const died = new Promise<'died'>((resolve) => {
    tellDeath = resolve
  })

  function die(keep?: Socket): void {
    isDead = true
    for (const socket of sockets) if (socket !== keep) socket.destroy()
    tellDeath('died')
  }

  /** @returns false when the process does not live to see it */
  function take(label: string, isLasting: boolean): boolean {
    if (isDead) return false
    steps.push({ label, isLasting })
    if (steps.length === doom.dieAfter) die()
    return !isDead
  }

  // One is enough: no job asks for a second connection while it holds one.
  const database = openDatabase(world.url, { maxConnections: 1, onError: () => {} })
  let newest: Socket | undefined
  Object.assign(database.pool.options, {
    stream: () => {
      newest = new Socket()
      sockets.add(newest)
      return newest
    },
  })
  const beside = doom.isTornOut ? openDatabase(world.url, { maxConnections: 1, onError: () => {} }) : null
  database.pool.on('connect', (client) => watch(client, newest))

  function watch(client: pg.PoolClient, socket: Socket | undefined): void {
    const send: (...args: unknown[]) => unknown = Reflect.get(client, 'query').bind(client)
    let texts: string[] | null = null
    client.on('error', () => {})
    Reflect.set(client, 'query', (...args: unknown[]) => {
      const [statement] = args
      const text = textOf(statement)
      const isCopy = isObject(statement) && typeof statement.submit === 'function'
      if (isDead) return isCopy ? new Writable({ write() {} }) : NEVER
      for (const listener of listeners) listener(text)
      const isEnd = /^(commit|rollback)/i.test(text)
      const isLasting = isEnd || (texts === null && !/^(begin|select)/i.test(text))
      if (doom.isLate && steps.length + 1 === doom.dieAfter && texts !== null) {
        let isLanded = false
        const land = () => {
          if (!isLanded) Promise.resolve(send(...args)).catch(() => {})
          isLanded = true
        }
        late = { texts, land }
        die(socket)
        return NEVER
      }
      if (/^begin/i.test(text)) texts = []
      else if (isEnd) texts = null
      else texts?.push(text)
      if (isCopy) {
        const stream = send(...args)
        take(`${text} (begun)`, false)
        if (stream instanceof Writable) stream.once('finish', () => take(text, false))
        return stream
      }
      const isTornOut = texts !== null && doom.isTornOut?.(text) === true
      if (isTornOut && beside) return answerOf(() => ask(beside, args), text, true)
      const callback = args.at(-1)
      if (typeof callback !== 'function') return answerOf(() => send(...args), text, isLasting)
      return send(...args.slice(0, -1), (error: unknown, result: unknown) => {
        if (take(text, isLasting)) callback(error, result)
      })
    })
  }

  /** Passes an answer on if the process lives to hear it. */
  function answerOf(sendIt: () => unknown, text: string, isLasting: boolean): Promise<unknown> {
    return new Promise((resolve, reject) => {
      Promise.resolve(sendIt()).then(
        (result) => take(text, isLasting) && resolve(result),
        (error: unknown) => take(`${text} (failed)`, isLasting) && reject(error),
      )
    })
  }

  const hand = (job: Queued) => {
    if (isDead) return NEVER
    queue.add(job)
    return take(`asked for ${job.key}`, true) ? Promise.resolve() : NEVER
  }
  const enqueue: Enqueue = {
    pullPage: ({ accountId, pullId, walk, nextPage: page, callClass }) =>
      hand(jobOf(pullPage, `page ${pullId} ${walk} ${page}`, { accountId, pullId, walk, page, callClass })),
    reconcile: ({ accountId, scope, cause }) => hand(jobOf(reconcile, `reconcile ${cause}`, { accountId, scope })),
    postBooks: ({ accountId, scope }) => hand(jobOf(postBooksJob, 'post books', { accountId, scope })),
    due({ after, ...key }) {
      const name = `due ${key.kind} ${key.plannedAt}${after === undefined ? '' : ` after ${after}`}`
      return hand(jobOf<unknown>(isSettleKind(key.kind) ? settleDue : due, name, key))
    },
    settleBatch({ batch, ...due }) {
      const name = `settle ${batchSlug(batch)}`
      const { kind, id } = batch
      return kind === 'card_batch'
        ? hand(jobOf(settleBatch, name, { ...due, cardBatchId: id }))
        : hand(jobOf(settleAchBatch, name, { ...due, achBatchId: id }))
    },
    confirmAttempt({ attempt: { accountId, attemptId, batch } }) {
      const job = batch.kind === 'card_batch' ? confirmAttempt : confirmAchAttempt
      return hand(jobOf(job, `confirm ${attemptId}`, { accountId, attemptId }))
    },
    // Nothing runs beside another here, so an asking after some news is like any other.
    alert: ({ accountId }) => hand(jobOf(alert, 'alert', { accountId })),
  }

  const { account, sandbox, token } = world
  let lastRead: Instant | null = null
  const clock: Clock = {
    ...world.clock,
    now() {
      if (!isDead || lastRead === null) lastRead = world.clock.now()
      return lastRead
    },
  }
  const limits = LIMITS
  const budget = createCallBudget({ db: database.db, accountId: account.accountId, holder: 'life', limits, clock })
  const permits: CallPermits = {
    async take(request) {
      const permit = await budget.take(request)
      const { deadlineAt } = permit
      return {
        deadlineAt,
        release: (end) => (take(`Helcim answered ${request.endpoint}`, true) ? permit.release(end) : NEVER),
      }
    },
  }
  const alertChannels = world.listeners.channels.map(
    (channel): AlertChannel => ({
      name: channel.name,
      async send(message) {
        if (isDead) return NEVER
        const outcome = await channel.send(message)
        return take(`told the ${channel.name}`, true) ? outcome : NEVER
      },
    }),
  )
  const helcim = createHelcimClient({ baseUrl: sandbox.url, token, permits })
  const context: JobContext = {
    db: database.db,
    account,
    helcim,
    settling: {
      policy: world.settlePolicy,
      zone: HELCIM_ZONE,
      helcim,
      tokenFingerprint: account.tokenFingerprint,
      drainMs: 10_000,
    },
    clock,
    settings: DEFAULT_CHECK_SETTINGS,
    books: DEFAULT_BOOKS_SETTINGS,
    exporting: null,
    alertChannels,
    alertRules: world.alertRules,
    enqueue,
    log: pino({ level: 'silent' }),
    signal: new AbortController().signal,
    isLastAttempt: world.isLastAttempt(),
  }
  return {
    context,
    steps,
    async run(job) {
      if (doom.dieAfter === 0) die()
      else {
        const ended = job.run(context).then(
          () => (isDead ? 'died' : 'ended'),
          (error: unknown) => {
            if (!isDead) throw error
            return 'died' as const
          },
        )
        return Promise.race([ended, died])
      }
      return died
    },
    get late() {
      return late
    },
    onStatement: (listener) => void listeners.push(listener),
    async end() {
      if (!isDead) await database.close()
      await Promise.all([beside?.close(), helcim.close()])
    },
  }
}

/** The same statement on another connection, where it commits by itself. */
const ask = ({ pool }: Database, args: readonly unknown[]): unknown =>
  Reflect.apply(
    pool.query,
    pool,
    args.filter((arg) => typeof arg !== 'function'),
  )

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

function textOf(statement: unknown): string {
  const text = isObject(statement) ? statement.text : statement
  return String(text).trim().replaceAll(/\s+/g, ' ')
}
