import { z } from 'zod'
import { writeDigests } from '../alerts/write-digests.ts'
import type { JobContext } from '../context.ts'
import { loadHistoryFrom, loadZone } from '../db/accounts.ts'
import type { Tx } from '../db/client.ts'
import { claimDue, type DueKey, finishDue } from '../db/due-work.ts'
import { listPullsByCause, type Pull } from '../db/pulls.ts'
import { forgetOld } from '../db/retention.ts'
import { toInstant } from '../domain/clock.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { rereadFrom } from '../domain/rhythm.ts'
import { writeScheduledExports } from '../exports/scheduled.ts'
import { recheckPeriods } from '../periods/recheck.ts'
import { runReconcile } from '../reconcile/run.ts'
import { defineJob } from './define-job.ts'
import { lanesOfJudging } from './lanes.ts'
import { askForDueLists } from './sync/ask-for-due-lists.ts'
import { askForBatches, askForDays, askForHistory, askForLastDays } from './sync/ask-for-lists.ts'
import { askForNeeds } from './sync/ask-for-needs.ts'
import { causeOf } from './sync/cause.ts'

/** Kinds of due work. Those that ask for pulls are done when their pulls are. */
export const DUE_KINDS = ['poll', 'recent', 'week', 'lists', 'full', 'retention', 'closed', 'export', 'digest'] as const
export type DueKind = (typeof DUE_KINDS)[number]

/** The fixed rhythms, in the account's zone; `poll`, `full`, `export` and `digest` are settings. */
export const FIXED_CRONS = {
  /** The last three days once more, or more rarely where they are many: late rows and rows in no batch come to light. */
  recent: '7 * * * *',
  /** Before the minute of `recent`, which leaves the same days to it. */
  week: '2 2 * * *',
  /** Everything but card data, each by its own rhythm, and what is needed one by one. */
  lists: '23 * * * *',
  retention: '41 4 * * *',
  /** Files of closed months are made again, and compared. */
  closed: '11 5 * * *',
} as const

const payload = z.object({
  accountId: z.number().int(),
  kind: z.enum(DUE_KINDS),
  plannedAt: z
    .number()
    .int()
    .transform((ms) => toInstant(ms)),
})

/** Does what the calendar said. Run again, it asks for nothing twice, and ends its row once all of its pulls ended. */
export const due = defineJob<JobContext>()({
  name: 'due',
  decodePayload: (value) => payload.parse(value),
  lanes: ({ accountId, kind }) => (kind === 'full' ? lanesOfJudging(accountId) : []),
  async run({ accountId, kind, plannedAt }, context) {
    const { db, clock } = context
    const key = { accountId, kind, plannedAt }
    const claim = await claimDue(db, key, clock.now())
    if (claim === null) return
    const pulls = await carryOut(kind, key, context)
    const running = pulls.filter((pull) => pull.state === 'running')
    for (const pull of running) await context.enqueue.pullPage(pull)
    if (running.length > 0) return
    const broken = pulls.find((pull) => pull.state === 'incomplete' || pull.state === 'not_permitted')
    const end = broken
      ? { outcome: 'failed' as const, reason: `${broken.resource}: ${broken.failWords ?? broken.state}` }
      : { outcome: 'done' as const }
    await finishDue(db, key, { claim, ...end, now: clock.now() })
    // Whoever dies here leaves it to the judgement after the next poll.
    if (kind === 'lists') await context.enqueue.reconcile({ accountId, scope: 'marked', cause: `lists-${plannedAt}` })
  },
})

async function carryOut(kind: DueKind, key: DueKey, context: JobContext): Promise<Pull[]> {
  const { db, account, clock, settings, log } = context
  const { accountId } = key
  const cause = causeOf(key)
  const now = clock.now()
  const today = helcimDate(now)
  const ask = { accountId, cause, now }
  switch (kind) {
    case 'poll':
      await askOnce(context, key, (tx) => askForBatches(tx, ask))
      break
    case 'recent':
      await askOnce(context, key, async (tx) => {
        await askForHistory(tx, ask, { historyFrom: account.historyFrom, freshFrom: rereadFrom(now) })
        await askForLastDays(tx, ask)
      })
      break
    case 'week':
      await askOnce(context, key, (tx) =>
        askForDays(tx, ask, { from: rereadFrom(now), to: today, callClass: 'backfill' }),
      )
      break
    case 'lists': {
      await askOnce(context, key, (tx) => askForDueLists(tx, ask, account.historyFrom))
      const isReading = (await listPullsByCause(db, accountId, cause)).some(({ state }) => state === 'running')
      // What is needed shows when the lists are there.
      if (!isReading) await db.transaction((tx) => askForNeeds(tx, ask))
      break
    }
    case 'full': {
      const historyFrom = await loadHistoryFrom(db, accountId)
      await runReconcile(db, { accountId, historyFrom, scope: 'full', settings, clock })
      // Posts what the incremental ones did not, which is nothing, or `books_differ_from_mirror` has just been found.
      await context.enqueue.postBooks({ accountId, scope: 'full', cause: String(key.plannedAt) })
      // Also without news: this may be the rerun of one that was killed when it had written them.
      await context.enqueue.alert({ accountId })
      return []
    }
    case 'closed': {
      log.info(
        await recheckPeriods(db, { accountId, books: context.books }, clock, context.signal),
        'periods.rechecked',
      )
      await context.enqueue.alert({ accountId })
      return []
    }
    case 'export':
      await writeFiles(key, context)
      return []
    case 'digest': {
      const { alertRules: rules, settling } = context
      const input = { accountId, account: account.name, plannedAt: key.plannedAt, rules, zone: settling.zone, now }
      log.info(await writeDigests(db, input), 'digest.written')
      // Also where it was written before: whoever wrote it may have died just then.
      await context.enqueue.alert({ accountId, after: cause.replaceAll(/[^A-Za-z0-9]+/g, '-') })
      return []
    }
    case 'retention':
      log.info(await forgetOld(db, accountId, now), 'retention.finished')
      return []
  }
  return listPullsByCause(db, accountId, cause)
}

/**
 * Asks for what is due unless it was asked for: run again after midnight, the same work would mean other days, read the
 * most of them twice and end later. All or none: of a history that was asked for in part, the rest would pass for read.
 */
async function askOnce({ db }: JobContext, key: DueKey, ask: (tx: Tx) => Promise<unknown>): Promise<void> {
  const asked = await listPullsByCause(db, key.accountId, causeOf(key))
  if (asked.length === 0) await db.transaction(ask)
}

/** Where it was switched off meanwhile, what was due is no longer wanted. */
async function writeFiles({ accountId, plannedAt }: DueKey, context: JobContext): Promise<void> {
  const { db, account, exporting, books, log, signal } = context
  if (exporting === null) return
  const zone = await loadZone(db, accountId)
  const work = { accountId, accountName: account.name, zone, books, plannedAt, ...exporting }
  const { files, removed } = await writeScheduledExports(db.$client, work, signal)
  const incomplete = files.filter(({ control }) => !control.isComplete).map(({ control }) => control.file)
  log.info({ countFiles: files.length, countRemoved: removed.length, incomplete }, 'exports.written')
}
