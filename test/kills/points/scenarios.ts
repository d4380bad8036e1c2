import { insertDue } from '../../../src/db/due-work.ts'
import { actOnMismatches } from '../../../src/db/mismatches/act.ts'
import { createPull } from '../../../src/db/pulls.ts'
import { addDays, toBusinessDate } from '../../../src/domain/calendar.ts'
import { toInstant } from '../../../src/domain/clock.ts'
import { helcimDate } from '../../../src/domain/helcim-time.ts'
import type { PullWindow } from '../../../src/domain/pull.ts'
import { type DueKind, due } from '../../../src/jobs/due.ts'
import { pullPage } from '../../../src/jobs/pull-page.ts'
import { resourceOf } from '../../../src/jobs/sync/resources.ts'
import { FAULT_ANSWERS } from '../../../src/sandbox/faults/acts.ts'
import { runUndisturbed, scheduleOf } from './enumerate.ts'
import { createLife } from './life.ts'
import { createPointQueue, jobOf, type Queued } from './point-queue.ts'
import { HISTORY_DAYS, type Shop, type World } from './world.ts'

/** A piece of the daemon's work, from what sets it going until nothing is left to do. */
export interface Scenario {
  readonly title: string
  readonly shop?: Shop
  /** Happens before, undisturbed. @returns the jobs that wait when the first process may die */
  prepare(world: World): Promise<readonly Queued[]>
  /** What some step of some job must have sent: the work really was what the title says. */
  readonly does: RegExp
  /** At its end the mirror holds all that Helcim shows. */
  readonly isWhole?: boolean
  /** A good deal is told, so that some deaths fall between the telling and the note of it. */
  readonly isTold?: boolean
}

const DAY_MS = 24 * 3_600_000
const ALWAYS = Number.POSITIVE_INFINITY
const LIST = '/card-transactions'
const LIST_DAYS = { kind: 'days', from: toBusinessDate('2026-10-12'), to: toBusinessDate('2026-10-14') } as const

export const SCENARIOS: readonly Scenario[] = [
  {
    title: 'the first poll: planned, terminals, batches with statistics, their rows, judged',
    shop: { scenario: { startsOn: '2026-10-13' } },
    prepare: async (world) => [planned(world, 'poll')],
    does: /insert into recon\.due_work/,
    isWhole: true,
  },
  {
    title: 'the first look at the history, in pages',
    shop: { switches: { pageSizeMax: 10 } },
    prepare: async (world) => [await dueNow(world, 'recent')],
    does: /copy helcim\.card_transactions/,
    isWhole: true,
  },
  {
    title: 'pages that repeat: the window is split',
    shop: { switches: { pageSizeMax: 10 } },
    async prepare(world) {
      const query = { dateFrom: '2026-10-11', dateTo: '2026-10-15', page: '2' }
      world.sandbox.faults.add({ match: { query, times: ALWAYS }, act: { kind: 'page', shows: 'first' } })
      return [await pageOf(world, LIST_DAYS)]
    },
    does: /insert into "recon"\."pulls"/,
    isWhole: true,
  },
  {
    title: 'pages that a crash of Postgres forgot: the walk starts over',
    shop: { switches: { pageSizeMax: 10 } },
    async prepare(world) {
      const first = await pageOf(world, LIST_DAYS)
      const waiting = await workOff(world, [first], { isEnd: (next) => next !== first })
      await world.query('truncate recon.pull_pages')
      return waiting
    },
    does: /update "recon"\."pulls" set .*"walk" =/,
    isWhole: true,
  },
  {
    title: 'a poll that finds a missing batch, a hole, a wrong total and an unreadable record',
    shop: {
      scenario: {
        startsOn: '2026-10-10',
        defects: ['card_batch_total_differs:sales', 'card_batch_missing', 'record_undecodable'],
      },
    },
    async prepare(world) {
      await readEverything(world, { isBatchListRead: false })
      return [await dueNow(world, 'poll')]
    },
    does: /Helcim answered GET \/card-batches\/\{id\}/,
    isWhole: true,
  },
  {
    title: 'a week read again in which a record changed and another one vanished',
    async prepare(world) {
      await readEverything(world)
      world.sandbox.state.apply('record_changed')
      world.sandbox.state.apply('record_disappeared:list-only')
      return [await dueNow(world, 'week')]
    },
    does: /insert into helcim\.record_versions/,
  },
  {
    title: 'a list that this token may not read',
    async prepare(world) {
      world.sandbox.faults.add({ match: { path: LIST, times: ALWAYS }, act: FAULT_ANSWERS['no-permission-403'] })
      return [await dueNow(world, 'week')]
    },
    does: /insert into "recon"\."endpoint_blocks"/,
  },
  {
    title: 'a page that is given up for good',
    shop: { switches: { pageSizeMax: 10 }, isLastAttempt: true },
    async prepare(world) {
      const match = { path: LIST, query: { page: '2' }, times: ALWAYS }
      world.sandbox.faults.add({ match, act: FAULT_ANSWERS['error-500'] })
      return [await pageOf(world, LIST_DAYS)]
    },
    does: /delete from "recon"\."pull_pages"/,
  },
  {
    title: 'the full judgement of a night',
    async prepare(world) {
      await readEverything(world)
      world.sandbox.state.apply('record_changed')
      return [await dueNow(world, 'full')]
    },
    does: /insert into "recon"\."runs"/,
  },
  {
    title: 'a week read again, of which people hear what opened, what is old and what was resolved',
    async prepare(world) {
      await readEverything(world)
      world.listeners.setMood(() => 'fails')
      world.sandbox.state.apply('record_changed')
      world.sandbox.state.apply('value_unknown:status')
      await workOff(world, [await dueNow(world, 'week')])
      world.clock.advance(DAY_MS)
      await accept(world, 'value_unknown')
      world.sandbox.state.apply('record_disappeared')
      // The notice is heard, but its answer is lost.
      world.listeners.setMood(({ type, isRepeat }) =>
        type === 'mismatches.resolved' && !isRepeat ? 'unheard' : 'takes',
      )
      return [await dueNow(world, 'week')]
    },
    does: /told the webhook/,
    isTold: true,
  },
  {
    title: 'the digest of a morning, with settlements of the day',
    async prepare(world) {
      await readEverything(world)
      world.sandbox.state.apply('record_changed')
      await workOff(world, [await dueNow(world, 'week')])
      await world.query(`
        insert into recon.settlement_attempts (account_id, card_batch_id, terminal_id, business_date, state, intended_at,
          finished_at, currency, net_minor, closed_by)
        select account_id, 1, 54181, '2026-10-14', 'confirmed', now_at, now_at, 'CAD', 1250, 'tieout'
        from recon.accounts, (select '${new Date(world.clock.now()).toISOString()}'::timestamptz as now_at) n`)
      return [await dueNow(world, 'digest')]
    },
    does: /insert into recon\.alert_digests/,
  },
  {
    title: 'the forgetting of old logs',
    async prepare(world) {
      await readEverything(world)
      await world.query(`
        update recon.calls set permitted_at = permitted_at - interval '99 days';
        update recon.pulls set finished_at = finished_at - interval '99 days';
        update recon.runs set finished_at = finished_at - interval '999 days'`)
      return [await dueNow(world, 'retention')]
    },
    does: /delete from recon\.pulls/,
  },
]

/** One page that holds all there is, and its judgement: as little as shows whether rows and progress move together. */
export const ONE_PAGE: Scenario = {
  title: 'one page',
  prepare: async (world) => [await pageOf(world, LIST_DAYS)],
  does: /copy helcim/,
}

/** One alert: as little as shows whether a transition and the message that tells it move together. */
export const ONE_ALERT: Scenario = {
  title: 'one alert',
  async prepare(world) {
    await readEverything(world)
    world.sandbox.state.apply('record_changed')
    return workOff(world, [await dueNow(world, 'week')], { isEnd: ({ key }) => key === 'alert' })
  },
  does: /told the webhook/,
}

/** The tick of the minute in which something comes due, as a job: a process may die in it as well. */
function planned(world: World, kind: DueKind): Queued {
  return {
    key: `tick ${kind}`,
    run: (context) => scheduleOf(world, context, [kind], toInstant(world.clock.now() - 3_600_000)).tick(),
  }
}

/** A later poll, as the schedule plans one every few minutes. */
export function laterPoll({ account: { accountId }, clock }: World): Queued {
  const key = { accountId, kind: 'poll', plannedAt: toInstant(clock.now() + 30 * 60_000) } as const
  return {
    key: 'later poll',
    async run({ db, enqueue }) {
      await insertDue(db, { ...key, plannedAts: [key.plannedAt] })
      await enqueue.due(key)
    },
  }
}

export async function dueNow(world: World, kind: DueKind): Promise<Queued> {
  const { accountId } = world.account
  const plannedAt = world.clock.now()
  await withLife(world, ({ db }) => insertDue(db, { accountId, kind, plannedAts: [plannedAt] }))
  return jobOf(due, `due ${kind} ${plannedAt}`, { accountId, kind, plannedAt })
}

async function pageOf(world: World, window: PullWindow, resource = 'card_transaction'): Promise<Queued> {
  const { accountId } = world.account
  const asked = { accountId, resource, window, cause: 'by hand', callClass: 'fresh' as const }
  const { pageLimit } = resourceOf(resource)
  const now = world.clock.now()
  const { pull } = await withLife(world, ({ db }) => createPull(db, { ...asked, pageLimit, now }))
  const { pullId, walk, nextPage: page, callClass } = pull
  return jobOf(pullPage, `page ${pullId} ${walk} ${page}`, { accountId, pullId, walk, page, callClass })
}

/** What a shop had shown until now has been read and judged. */
export async function readEverything(world: World, { isBatchListRead = true } = {}): Promise<void> {
  const to = helcimDate(world.clock.now())
  const jobs = [
    await pageOf(world, { kind: 'all' }, 'card_terminal'),
    await pageOf(world, { kind: 'days', from: addDays(to, -HISTORY_DAYS), to }),
    ...(isBatchListRead ? [await pageOf(world, { kind: 'all' }, 'card_batch')] : []),
  ]
  await runUndisturbed(world, jobs)
}

/** Works off jobs and what they ask for, with no regard to what is left for the sweep. @returns what waits then */
async function workOff(
  world: World,
  jobs: readonly Queued[],
  { isEnd = () => false }: { isEnd?: (next: Queued) => boolean } = {},
): Promise<readonly Queued[]> {
  const queue = createPointQueue(jobs)
  const life = createLife(world, queue)
  for (let next = queue.waiting()[0]; next && !isEnd(next); next = queue.waiting()[0]) {
    await queue.take()?.run(life.context)
    queue.done()
  }
  await life.end()
  return queue.waiting()
}

/** A person accepts the mismatches of a code. */
async function accept(world: World, code: string): Promise<void> {
  const { accountId } = world.account
  const rows = await world.query(`select mismatch_id from recon.mismatches where code = '${code}'`)
  const prefixes = rows.map(({ mismatch_id }) => String(mismatch_id))
  const action = { kind: 'resolve', as: 'accepted' } as const
  const now = world.clock.now()
  await withLife(world, ({ db }) =>
    actOnMismatches(db, { accountId, prefixes, action, actor: 'Ines', note: 'known to the bank', now }),
  )
}

async function withLife<T>(
  world: World,
  body: (context: ReturnType<typeof createLife>['context']) => Promise<T>,
): Promise<T> {
  const life = createLife(world, createPointQueue())
  try {
    return await body(life.context)
  } finally {
    await life.end()
  }
}
