import { sql } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { dateRows } from '../../src/db/batch-checks.ts'
import { finishPull, type Pull } from '../../src/db/pulls.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { askForReads } from '../../src/jobs/sync/ask-for-reads.ts'
import { runReconcile } from '../../src/reconcile/run.ts'
import { type Week, withWeek } from './week.ts'

const SECOND_MS = 1_000

/** The judgement of what is undecided now, without its readings being asked for. */
function judge({ runtime: { services } }: Week) {
  const { db, account, settings, clock } = services
  const { accountId, historyFrom } = account
  return runReconcile(db, { accountId, historyFrom, scope: 'marked', settings, clock })
}

/** What a judgement asks for of one batch, as nobody reads it here. */
async function asksFor(week: Week, result: Awaited<ReturnType<typeof judge>>, batchId: bigint): Promise<Pull[]> {
  const { db, account, clock } = week.runtime.services
  const { accountId, historyFrom } = account
  const pulls = await askForReads(db, { accountId, historyFrom, result, now: clock.now() })
  return pulls.filter(
    ({ window }) =>
      (window.kind === 'one' && window.id === batchId) || ('cardBatchId' in window && window.cardBatchId === batchId),
  )
}

it('a reading that overtakes a judgement, or the statistics that bracket it, leaves no batch undecided', async () => {
  await withWeek({}, async (week) => {
    const { clock } = week
    const { db, account } = week.runtime.services
    const { accountId } = account
    const { batchId } = week.sell(1_234n)
    await week.comesDue('poll')
    // Long after its last sale: no list lags its statistics any more.
    clock.advance(30 * 60 * SECOND_MS)
    // The batch as a first start finds it: its figures are here, of its rows one is missing and none were read by batch.
    await week.query(`update recon.batch_checks set state = 'waiting', is_final = false, rows_read_from = null,
      rows_read_until = null, tail_read_from = null, complete_up_to = null where card_batch_id = ${batchId}`)
    await week.query(`delete from helcim.card_transactions where transaction_id = (
      select max(transaction_id) from helcim.card_transactions where card_batch_id = ${batchId})`)
    await week.query("delete from recon.pulls where window_kind like 'card_batch%' or window_kind = 'one'")
    const rowsAreRead = async (from: number, until: number) => {
      const [readFrom, readUntil] = [toInstant(from), toInstant(until)]
      await dateRows(db, { accountId, cardBatchId: batchId, readFrom, readUntil, upTo: 1n })
    }

    const judged = await judge(week)
    const whole = await asksFor(week, judged, batchId)
    expect(whole.map(({ window }) => window.kind)).toEqual(['card_batch'])
    // It ends while the next judgement, which does not see it, is at work: that one must not ask for its tail.
    const late = await judge(week)
    const firstUntil = clock.now() + 2 * SECOND_MS
    await rowsAreRead(clock.now() + SECOND_MS, firstUntil)
    for (const pull of whole)
      await db.transaction((tx) => finishPull(tx, pull, { state: 'complete', now: clock.now() }))
    expect(await asksFor(week, late, batchId)).toEqual([])

    clock.advance(5 * SECOND_MS)
    const statistics = await asksFor(week, await judge(week), batchId)
    expect(statistics.map(({ resource, window }) => [resource, window.kind])).toEqual([['card_batch', 'one']])
    for (const pull of statistics)
      await db.transaction((tx) => finishPull(tx, pull, { state: 'complete', now: clock.now() }))
    // Once for these rows, whatever it brought.
    expect(await asksFor(week, await judge(week), batchId)).toEqual([])
    // Another reading of the rows, asked for by an earlier list, ends after them: it has to be bracketed as well.
    await rowsAreRead(clock.now(), clock.now() + SECOND_MS)
    clock.advance(5 * SECOND_MS)
    const again = await asksFor(week, await judge(week), batchId)
    expect(again.map(({ window }) => window.kind)).toEqual(['one'])
    expect(again[0]?.pullId).not.toBe(statistics[0]?.pullId)
    await db.execute(sql`update recon.batch_checks set statistics_until = rows_read_until
      where account_id = ${accountId} and card_batch_id = ${batchId}`)
    const decided = await judge(week)
    expect(decided.undecided.filter(({ cardBatchId }) => cardBatchId === batchId)).toEqual([])
  })
})
