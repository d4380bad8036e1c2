import { sql } from 'drizzle-orm'
import { loadAllBatchFacts } from '../src/db/batch-facts.ts'
import { withSecondSession } from '../src/db/client.ts'
import { takeAgenda } from '../src/db/run-agenda.ts'
import { toBusinessDate } from '../src/domain/calendar.ts'
import { type Clock, createSimulatedClock, toInstant } from '../src/domain/clock.ts'
import { judgeBatches, type RunScope } from '../src/reconcile/judge-batches.ts'
import { runReconcile } from '../src/reconcile/run.ts'
import { DEFAULT_CHECK_SETTINGS } from '../src/reconcile/settings.ts'
import { type BenchDatabase, TODAY } from './database.ts'
import { createHistory } from './history.ts'
import { type Line, median, round, timed } from './line.ts'

const ROWS_SMALL = 100_000
const ROWS_LARGE = 1_000_000
const REPETITIONS = 5
/** Marked batches are quick to judge, and so quick to measure often. */
const REPETITIONS_MARKED = 15

/** The batches alone; what all checks take is measured in catalogue.ts. */
const judgeAll = ({ db }: BenchDatabase, accountId: number, clock: Clock) =>
  db.transaction(async (tx) => {
    const now = clock.now()
    const agenda = await takeAgenda(tx, { accountId, now })
    const historyFrom = toBusinessDate('2026-01-01')
    const settings = DEFAULT_CHECK_SETTINGS
    const { judgements } = await judgeBatches(tx, { db, accountId, historyFrom, scope: 'full', agenda, settings, now })
    if (judgements.some(({ state }) => state !== 'tied')) throw new Error('a generated batch does not tie out')
  })

const loadAll = ({ db }: BenchDatabase, accountId: number) =>
  db.transaction((tx) => withSecondSession(db, tx, (sessions) => loadAllBatchFacts(sessions, accountId)))

/** Proving every batch of a history of a million rows, and proving one that changed, in a short and a long history. */
export async function measureTieOut(database: BenchDatabase): Promise<Line[]> {
  const { db } = database
  const clock = createSimulatedClock(toInstant(Date.parse(`${TODAY}T06:00:00Z`)), 1)
  const small = await createHistory(database, ROWS_SMALL)
  const large = await createHistory(database, ROWS_LARGE)
  await db.execute(sql`vacuum (analyze) helcim.card_transactions`)
  await db.execute(sql`vacuum (analyze) helcim.card_batches`)
  const reconcile = async (accountId: number, scope: RunScope) => {
    const result = await runReconcile(db, {
      accountId,
      historyFrom: toBusinessDate('2026-01-01'),
      scope,
      settings: DEFAULT_CHECK_SETTINGS,
      clock,
    })
    if (result.countTied !== result.countBatches) {
      throw new Error(`only ${result.countTied} of ${result.countBatches} generated batches tie out`)
    }
  }
  const reconcileOne = async (accountId: number) => {
    await db.execute(sql`
      insert into recon.marks (account_id, subject_kind, subject_id)
      select ${accountId}, 'card_batch', min(card_batch_id)::text from helcim.card_batches where account_id = ${accountId}`)
    return timed(() => reconcile(accountId, 'marked'))
  }
  // The first run learns the count rule and writes every judgement; the ones that follow are what each night costs.
  for (const accountId of [small, large]) await reconcile(accountId, 'full')
  await db.execute(sql`vacuum (analyze) recon.batch_checks`)

  const fullMs: number[] = []
  const factsMs: number[] = []
  for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
    fullMs.push(await timed(() => judgeAll(database, large, clock)))
    factsMs.push(await timed(() => loadAll(database, large)))
  }
  const markedMs: { small: number; large: number }[] = []
  for (let repetition = 0; repetition < REPETITIONS_MARKED; repetition += 1) {
    markedMs.push({ small: await reconcileOne(small), large: await reconcileOne(large) })
  }
  const markedSmallMs = median(markedMs.map((one) => one.small))
  const markedLargeMs = median(markedMs.map((one) => one.large))
  return [
    {
      what: 'batch tie-out, full, of 1 M rows',
      measured: ROWS_LARGE / (median(fullMs) / 1000),
      unit: 'rows/s',
      target: { atLeast: 2_500_000 },
      detail: `${round(median(fullMs))} ms, of which ${round(median(factsMs))} ms sum up in Postgres`,
    },
    {
      what: 'batch tie-out of one changed batch ÷ full',
      measured: markedLargeMs / median(fullMs),
      unit: '×',
      target: null,
      detail: `${round(markedLargeMs)} ms in a history of 1 M rows`,
    },
    {
      what: 'its time grows with the history with exponent',
      measured: Math.log(markedLargeMs / markedSmallMs) / Math.log(ROWS_LARGE / ROWS_SMALL),
      unit: '',
      target: { atMost: 0.1 },
      detail: `${round(markedSmallMs)} ms with 0.1 M rows, ${round(markedLargeMs)} ms with 1 M`,
    },
  ]
}
