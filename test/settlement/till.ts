import { insertDue, loadDueStates } from '../../src/db/due-work.ts'
import { createPull } from '../../src/db/pulls.ts'
import { listUnfinishedAttempts } from '../../src/db/settlement/attempts.ts'
import type { BatchKey } from '../../src/domain/batch-key.ts'
import { addDays } from '../../src/domain/calendar.ts'
import { type Instant, toInstant } from '../../src/domain/clock.ts'
import { helcimDate } from '../../src/domain/helcim-time.ts'
import { OperatingError } from '../../src/domain/operating-error.ts'
import { cutOffsOf, SETTLE_KIND } from '../../src/domain/settlement-cut-offs.ts'
import { reconcile } from '../../src/jobs/reconcile.ts'
import { settleOne } from '../../src/jobs/settle/attempt.ts'
import { settleDue } from '../../src/jobs/settle/jobs.ts'
import { resourceOf } from '../../src/jobs/sync/resources.ts'
import type { CallRecord } from '../../src/sandbox/calls.ts'
import { createLife, type Doom, type Life } from '../kills/points/life.ts'
import { createPointQueue, jobOf, type PointQueue, type Queued } from '../kills/points/point-queue.ts'
import { createWorld, HISTORY_DAYS, type Shop, type World } from '../kills/points/world.ts'
import { CARD, type Side } from './sides.ts'

/** Just after midnight in Mountain Time: hours until Helcim closes anything by itself. */
const MIDNIGHT = '2026-10-14T06:10:05Z'

/**
 * A shop with one terminal (or one bank) that sells only when it is told to, its mirror, and processes that settle for it.
 */
export interface Till {
  readonly side: Side
  readonly world: World
  readonly sandbox: World['sandbox']
  /** Moves both clocks, and the network's: what was called before is over. */
  pass(ms: number): Promise<void>
  /** Only the network's: nothing of any call can be under way any more. */
  quieten(): Promise<void>
  /** A sale; it opens a batch if none is open. @returns the batch */
  sell(amountMinor?: bigint): bigint
  /** A cut-off planned for now, as the schedule plans one; the account's unless said. */
  cutOff(kind?: string): Promise<{ plannedAt: Instant; job: Queued }>
  /** Works off what a cut-off sets going, in one process. */
  settle(kind?: string): Promise<void>
  /** Minute after minute what a daemon does, until nothing waits. @returns how many minutes */
  rest(queue?: PointQueue): Promise<number>
  /** As a person asks who settles one batch. @returns verdict and codes */
  byHand(batchId: bigint): Promise<string>
  /** What is marked, as each poll has it judged. */
  judge(): Promise<void>
  life(queue: PointQueue, doom?: Doom): Life
  batch(batchId: bigint): BatchKey
  /** The calls that settle it, as Helcim counted them. */
  posts(batchId: bigint): CallRecord[]
  isClosed(batchId: bigint): boolean
  /** As Helcim closes it by itself. */
  closeAtHelcim(batchId: bigint): void
  query: World['query']
  attempts(batchId: bigint): Promise<Record<string, unknown>[]>
  decisions(batchId: bigint): Promise<Record<string, unknown>[]>
  /** Codes of open mismatches of a batch. */
  open(batchId: bigint): Promise<string[]>
  close(): Promise<void>
}

export interface TillShop extends Shop {
  /** Cards unless said. */
  readonly side?: Side
}

export async function openTill({ now = MIDNIGHT, scenario = {}, side = CARD, ...shop }: TillShop = {}): Promise<Till> {
  const endsAt = toInstant(Date.parse(now) - 5_000)
  const settlePolicy = { kinds: [side.kind], ...shop.settlePolicy }
  const world = await createWorld({ ...shop, now, settlePolicy, scenario: { endsAt, ...side.scenario, ...scenario } })
  const { clock, helcimClock, sandbox, query } = world
  let countSold = 0
  const life = (queue: PointQueue, doom?: Doom) => createLife(world, queue, doom)

  const till: Till = {
    side,
    world,
    sandbox,
    async pass(ms) {
      clock.advance(ms)
      helcimClock.advance(ms)
      await till.quieten()
    },
    async quieten() {
      // All of them alike, so that what was before the other stays before it.
      await query(`update ${side.attempts} set created_at = created_at - interval '1 hour',
        call_deadline_at = call_deadline_at - interval '1 hour', quiet_at = quiet_at - interval '1 hour'`)
    },
    sell(amountMinor = 1_250n) {
      countSold += 1
      return side.sell(world, amountMinor + BigInt(countSold))
    },
    async cutOff(kind = SETTLE_KIND) {
      // A millisecond later on, so that what was sold in this second was sold before.
      clock.advance(1_000)
      helcimClock.advance(1_000)
      const plannedAt = clock.now()
      const key = { accountId: world.account.accountId, kind, plannedAt }
      await withLife(world, ({ context }) => insertDue(context.db, { ...key, plannedAts: [plannedAt] }))
      return { plannedAt, job: jobOf(settleDue, `due ${kind} ${plannedAt}`, key) }
    },
    async settle(kind) {
      const { job } = await till.cutOff(kind)
      await till.rest(createPointQueue([job]))
    },
    async rest(queue = createPointQueue()) {
      const one = life(queue)
      try {
        for (let minute = 0; minute <= MINUTES_MAX; minute += 1) {
          await workOff(one, queue)
          if (!(await isUnfinished())) return minute
          await till.pass(60_000)
          await sweep(one)
        }
      } finally {
        await one.end()
      }
      throw new Error(`not at rest after ${MINUTES_MAX} minutes`)
    },
    byHand: (batchId) =>
      withLife(world, async ({ context }) => {
        const asked = { batch: till.batch(batchId), plannedAt: null, actor: 'Ines' }
        const { decision } = await settleOne(context, asked)
        return `${decision.verdict} ${decision.reasons.map(({ code }) => code).join()}`.trim()
      }),
    judge: () =>
      withLife(world, ({ context }) => {
        const { accountId } = world.account
        return jobOf(reconcile, 'reconcile', { accountId, scope: 'marked' }).run(context)
      }),
    life,
    batch: (id) => ({ kind: side.kind, id }),
    posts: (batchId) =>
      sandbox.calls().filter(({ method, path }) => method === side.method && path === side.path(batchId)),
    isClosed: (batchId) => side.isClosed(world, batchId),
    closeAtHelcim: (batchId) => side.close(world, batchId),
    query,
    attempts: (batchId) =>
      query(`select state, outcome, status, words, closed_by, actor, called_at is not null as is_called
      from ${side.attempts} where ${side.kind}_id = ${batchId} order by attempt_id`),
    decisions: (batchId) =>
      query(`select verdict, mode, reasons from ${side.decisions}
      where ${side.kind}_id = ${batchId} order by decision_id`),
    async open(batchId) {
      const rows = await query(`select code from recon.mismatches where state <> 'resolved'
        and subject_kind = '${side.kind}' and split_part(subject_id, ':', 1) = '${batchId}' order by 1`)
      return rows.map(({ code }) => String(code))
    },
    close: () => world.close(),
  }

  async function isUnfinished(): Promise<boolean> {
    const [row] = await query(`select exists (select from ${side.attempts} where finished_at is null)
      or exists (select from recon.due_work where kind like 'settle%' and finished_at is null) as is_unfinished`)
    return row?.is_unfinished === true
  }

  async function sweep({ context }: Life): Promise<void> {
    const { accountId } = context.account
    for (const attempt of await listUnfinishedAttempts(context.db, accountId))
      await context.enqueue.confirmAttempt({ attempt, delayMs: 0 })
    const kinds = cutOffsOf(context.settling.policy).map(({ kind }) => kind)
    const states = await loadDueStates(context.db, { accountId, kinds, now: clock.now() })
    for (const { unfinished } of states.values()) for (const due of unfinished) await context.enqueue.due(due)
  }

  await withLife(world, (one, queue) => readEverything(world, side, one, queue))
  return till
}

/** A till for one test. */
export async function withTill<T>(shop: TillShop, body: (till: Till) => Promise<T>): Promise<T> {
  const till = await openTill(shop)
  try {
    return await body(till)
  } finally {
    await till.close()
  }
}

const MINUTES_MAX = 12

/**
 * A job that is to come back later is not waited for: the next minute asks for it. Each step of a settlement asks for a
 * judgement of all that is marked; one of them, when nothing else waits, judges what all of them would have.
 */
async function workOff(life: Life, queue: PointQueue): Promise<void> {
  let judgement: Queued | null = null
  for (let job = queue.take() ?? judgement; job !== null; job = queue.take() ?? judgement) {
    if (job === judgement) judgement = null
    else if (job.key.startsWith('reconcile ')) {
      judgement = job
      queue.done()
      continue
    }
    try {
      await life.run(job)
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
    }
    queue.done()
  }
}

async function withLife<T>(world: World, body: (life: Life, queue: PointQueue) => Promise<T>): Promise<T> {
  const queue = createPointQueue()
  const life = createLife(world, queue)
  try {
    return await body(life, queue)
  } finally {
    await life.end()
  }
}

/** What the shop showed until now is mirrored and judged. */
async function readEverything(world: World, side: Side, { context }: Life, queue: PointQueue): Promise<void> {
  const { accountId } = world.account
  const now = world.clock.now()
  const to = helcimDate(now)
  const days = { kind: 'days', from: addDays(to, -HISTORY_DAYS), to } as const
  for (const resource of side.resources) {
    const { pageLimit } = resourceOf(resource)
    const window = resource.endsWith('_transaction') ? days : ({ kind: 'all' } as const)
    const asked = { accountId, resource, window, cause: 'first look', callClass: 'fresh' as const, pageLimit, now }
    await context.enqueue.pullPage((await createPull(context.db, asked)).pull)
  }
  for (let job = queue.take(); job !== null; job = queue.take()) {
    await job.run(context)
    queue.done()
  }
}
