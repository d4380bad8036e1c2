import { sql } from 'drizzle-orm'
import { analyzeUnknown } from '../db/analyze.ts'
import {
  completeUpTo,
  keepUnproved,
  listNumberGaps,
  listUnprovedBatches,
  type NumberGap,
  storeJudgements,
  takeMarkedBatches,
} from '../db/batch-checks.ts'
import { type BatchFacts, loadBatchFacts } from '../db/batch-facts.ts'
import { loadCountRule, storeCalibration } from '../db/calibrations.ts'
import type { Db, Tx } from '../db/client.ts'
import { lockJudging } from '../db/judging-lock.ts'
import { timestamp } from '../db/mirror/store-records.ts'
import { applyFindings, type Examined, type MismatchChanges } from '../db/mismatches.ts'
import { isOfCardDays, listRunningPulls } from '../db/pulls.ts'
import { loadReadingState } from '../db/recurring-sides.ts'
import { lastHistoryFrom } from '../db/run-evidence.ts'
import { runs } from '../db/schema/recon.ts'
import { type CountRule, calibrateCounts, isCountedBy, tieOut } from '../domain/batch-tie-out.ts'
import { addDays, type BusinessDate, businessDateOf, startOfDay } from '../domain/calendar.ts'
import { weighFindings } from '../domain/check-rules.ts'
import type { Clock, Instant } from '../domain/clock.ts'
import { HELCIM_ZONE } from '../domain/helcim-time.ts'
import type { Finding } from '../domain/mismatch.ts'
import { isOfHistory } from '../domain/pull.ts'
import type { HelcimId } from '../domain/record.ts'
import type { RecurringSums } from '../domain/recurring/sums.ts'
import type { RunEvidence } from '../domain/run-evidence.ts'
import { reconcileAch } from './ach.ts'
import { reconcileBooks } from './books.ts'
import { type BatchJudgement, CARD_BATCH_CODES, judgeCardBatch } from './card-batches.ts'
import { COVERAGE_CODES, findCoverageGaps } from './coverage.ts'
import { evidenceToJson, gatherEvidence, sumCardInputs } from './evidence.ts'
import type { FamilyResult } from './family.ts'
import { reconcileInvoices } from './invoices.ts'
import { findNumberGaps } from './number-gaps.ts'
import { findRecordFaults, RECORD_CODES } from './records.ts'
import { reconcileRecurring } from './recurring.ts'
import { reconcileRefunds } from './refunds.ts'
import { listCustomersDue, reconcileRepetitions } from './repetitions.ts'
import { reconcileReverses } from './reverses.ts'
import type { CheckSettings } from './settings.ts'
import { findSettlementTrouble, SETTLEMENT_CODES } from './settlements.ts'
import { findTieBefore, isTiedOut } from './tie-now.ts'

/** `marked`: what changed or came due; `full`: everything, which must find nothing that `marked` runs did not. */
export type RunScope = 'marked' | 'full'

export interface RunResult extends MismatchChanges {
  readonly countBatches: number
  readonly countTied: number
  readonly countDiffering: number
  readonly countWaiting: number
  /** Batches that one more reading would decide. */
  readonly undecided: readonly BatchJudgement[]
  /** Holes that one call each would confirm or fill. */
  readonly unconfirmedGaps: readonly NumberGap[]
  /** What came of the payments that subscriptions should have been charged, by currency, of the customers judged. */
  readonly recurring: readonly RecurringSums[]
  /** What came of approved card transactions, and what the run went by. */
  readonly evidence: RunEvidence
}

/**
 * Recomputes what is marked (or everything), and writes findings, judgements and the cleared marks in one transaction:
 * killed anywhere, it is as if it had never begun.
 */
export async function runReconcile(
  db: Db,
  input: {
    accountId: number
    historyFrom: BusinessDate
    scope: RunScope
    settings: CheckSettings
    clock: Clock
  },
): Promise<RunResult> {
  const { accountId, historyFrom, scope, settings, clock } = input
  await analyzeUnknown(db)
  return db.transaction(async (tx) => {
    await lockJudging(tx, accountId)
    const startedAt = clock.now()
    const closedFrom = startOfDay(historyFrom, HELCIM_ZONE)
    const asked = await loadFacts(tx, accountId, scope)
    const running = await listRunningPulls(tx, accountId)
    const isReading = running.some((pull) => isOfCardDays(pull) && isOfHistory(pull.window, historyFrom))
    const { rule, isNews } = await chooseCountRule(tx, { accountId, scope, facts: asked, isReading, now: startedAt })
    // What was judged by another rule, or by none, is judged again.
    const facts = isNews ? await loadBatchFacts(tx, accountId, null) : asked
    const inScope = facts.filter((one) => isInScope(one, closedFrom))
    const isPartial = scope === 'marked' && !isNews
    const besideIds = isPartial ? inScope.map((one) => one.cardBatchId) : null
    const gaps = await listNumberGaps(tx, { accountId, closedFrom, besideIds })
    const unconfirmedGaps = gaps.filter((gap) => !gap.isConfirmed)
    // Should we be killed before the number is asked for, the next run must come upon the hole again.
    const aboveIds = new Set(unconfirmedGaps.map((gap) => gap.aboveId))
    const tiesBefore = await findTiesBefore(tx, { accountId, facts: inScope, rule })
    const judgements = inScope
      .map((one) => {
        const isTiedBefore = tiesBefore.has(one.cardBatchId)
        return judgeCardBatch(one, { rule, isReading, isTiedBefore, settings, now: startedAt })
      })
      .map((one) => (aboveIds.has(one.cardBatchId) ? { ...one, isFinal: false } : one))
    // Before the families that ask whether a batch is proved.
    await storeJudgements(tx, { accountId, judged: changedJudgements(judgements, inScope), now: startedAt })
    await keepUnproved(tx, accountId, [...aboveIds])
    const yesterday = addDays(businessDateOf(startedAt, HELCIM_ZONE), -1)
    const reading = await loadReadingState(tx, { accountId, scopeFrom: closedFrom, now: startedAt })
    const recurring = await reconcileRecurring(tx, {
      accountId,
      historyFrom,
      isFull: scope === 'full',
      alsoCodes: await listCustomersDue(tx, { accountId, now: startedAt }),
      reading,
      settings: settings.recurring,
    })
    const books = await reconcileBooks(tx, { accountId, isFull: scope === 'full' })
    const ofCards = { accountId, historyFrom, reading, settings: settings.cardMoney }
    // What a longer history explains, or what a former version never judged, is judged again.
    const isMoved = (await lastHistoryFrom(tx, accountId)) !== historyFrom
    const isFull = scope === 'full' || isMoved
    const cardBatchIds = isPartial && !isMoved ? inScope.map((one) => one.cardBatchId) : null
    const families: readonly FamilyResult[] = [
      await reconcileReverses(tx, { accountId, judgements, settings: settings.cardMoney }),
      await reconcileRefunds(tx, { ...ofCards, cardBatchIds }),
      await reconcileRepetitions(tx, { ...ofCards, ...recurring, cardBatchIds }),
      await reconcileInvoices(tx, { accountId, historyFrom, reading, settings: settings.invoices, cardBatchIds }),
      await reconcileAch(tx, {
        accountId,
        historyFrom,
        isFull,
        settings: settings.ach,
        now: startedAt,
      }),
    ]
    const found: Finding[] = [
      ...judgements.flatMap((judgement) => judgement.findings),
      ...findNumberGaps(gaps),
      ...(await findRecordFaults(tx, accountId)),
      ...(await findCoverageGaps(tx, { accountId, historyFrom, yesterday, settings, now: startedAt })),
      ...recurring.findings,
      ...families.flatMap((family) => family.findings),
      ...(await findSettlementTrouble(tx, { accountId, settings, now: startedAt })),
      ...books.findings,
    ]
    const findings = weighFindings(found, settings.rules)
    const examined = [
      ...examinedBy(judgements),
      ...recurring.examined,
      ...families.flatMap((family) => family.examined),
      ...books.examined,
    ]
    const changes = await applyFindings(tx, { accountId, findings, examined, now: startedAt })
    await noteComplete(tx, { accountId, facts: inScope, judgements, tiesBefore, rule })
    const result = { ...changes, ...countStates(judgements) }
    const { sums } = recurring
    const cards = await sumCardInputs(tx, {
      accountId,
      facts: inScope,
      judgements,
      findings,
      waitingIds: [...recurring.waitingIds, ...families.flatMap((family) => family.waitingIds)],
    })
    const evidence = await gatherEvidence(tx, { accountId, historyFrom, yesterday, cards, settings, now: startedAt })
    await storeRun(tx, { accountId, scope, result, sums, evidence, startedAt, finishedAt: clock.now() })
    return {
      ...result,
      undecided: judgements.filter((judgement) => judgement.need !== null),
      unconfirmedGaps,
      recurring: sums,
      evidence,
    }
  })
}

async function loadFacts(tx: Tx, accountId: number, scope: RunScope): Promise<BatchFacts[]> {
  const marked = await takeMarkedBatches(tx, accountId)
  if (scope === 'full') return loadBatchFacts(tx, accountId, null)
  const ids = new Set<HelcimId>([...marked, ...(await listUnprovedBatches(tx, accountId))])
  return loadBatchFacts(tx, accountId, [...ids])
}

/** Batches closed before the history that was asked for are not held to be complete. */
const isInScope = ({ batch, check }: BatchFacts, closedFrom: Instant): boolean =>
  batch === null || batch.closedAt === null || batch.closedAt >= closedFrom || check?.isFinal === true

/** Open batches that agree with what they held when Helcim counted: up to which id. */
async function findTiesBefore(
  tx: Tx,
  { accountId, facts, rule }: { accountId: number; facts: readonly BatchFacts[]; rule: CountRule | null },
): Promise<Map<HelcimId, HelcimId>> {
  const ties = new Map<HelcimId, HelcimId>()
  for (const one of facts) {
    if (!one.batch?.statistics || one.batch.isClosed || isTiedOut(one, rule)) continue
    const upTo = await findTieBefore(tx, { accountId, facts: one, rule })
    if (upTo !== null) ties.set(one.cardBatchId, upTo)
  }
  return ties
}

/**
 * Rows that tied out are complete: the next reading of the batch need not go below them. Not without knowing how Helcim
 * counts: five equal sums would not show that a declined row is missing.
 */
async function noteComplete(
  tx: Tx,
  input: {
    accountId: number
    facts: readonly BatchFacts[]
    judgements: readonly BatchJudgement[]
    tiesBefore: ReadonlyMap<HelcimId, HelcimId>
    rule: CountRule | null
  },
): Promise<void> {
  const { accountId, facts, judgements, tiesBefore, rule } = input
  if (rule === null) return
  const tied = new Set(judgements.filter(({ state }) => state === 'tied').map(({ cardBatchId }) => cardBatchId))
  for (const { cardBatchId, batch, check } of facts) {
    if (!tied.has(cardBatchId) || batch === null || batch.isClosed || check?.state === 'tied') continue
    await completeUpTo(tx, { accountId, cardBatchId, upTo: tiesBefore.get(cardBatchId) ?? null })
  }
}

/** Most judgements of a full run say what is stored already. */
function changedJudgements(judgements: readonly BatchJudgement[], facts: readonly BatchFacts[]): BatchJudgement[] {
  const checks = new Map(facts.map(({ cardBatchId, check }) => [cardBatchId, check]))
  return judgements.filter(({ cardBatchId, state, isFinal, finalFingerprint }) => {
    const check = checks.get(cardBatchId)
    return !check || check.state !== state || check.isFinal !== isFinal || check.finalFingerprint !== finalFingerprint
  })
}

/** Learned on all closed batches: in full runs, and as soon as a batch contradicts what was learned. */
async function chooseCountRule(
  tx: Tx,
  input: { accountId: number; scope: RunScope; facts: readonly BatchFacts[]; isReading: boolean; now: Instant },
): Promise<{ rule: CountRule | null; isNews: boolean }> {
  const { accountId, scope, isReading, now } = input
  const known = await loadCountRule(tx, accountId)
  // Half a history teaches the wrong rule.
  if (isReading || (scope === 'marked' && !isContradicted(input.facts, known))) return { rule: known, isNews: false }
  const facts = scope === 'full' ? input.facts : await loadBatchFacts(tx, accountId, null)
  const calibration = calibrateCounts(closedOf(facts))
  if (calibration === null) return { rule: known, isNews: false }
  await storeCalibration(tx, { accountId, calibration, now })
  return { rule: calibration.rule, isNews: scope === 'marked' && calibration.rule !== known }
}

const isContradicted = (facts: readonly BatchFacts[], known: CountRule | null): boolean =>
  closedOf(facts).some(({ stated, rows }) => known === null || !isCountedBy(known, rows, stated))

const closedOf = (facts: readonly BatchFacts[]) =>
  facts.flatMap(({ batch, rows }) => {
    if (!batch?.isClosed || !batch.statistics) return []
    const isSound = tieOut(batch.statistics, rows, null).figures.length === 0
    return [{ stated: batch.statistics.counts, rows, isSound }]
  })

/** Waiting batches keep the mismatches they have: what could not be judged is neither found nor resolved. */
function examinedBy(judgements: readonly BatchJudgement[]): Examined[] {
  const judged = judgements.filter((judgement) => judgement.state !== 'waiting')
  return [
    { codes: CARD_BATCH_CODES, subjectRoots: judged.map((judgement) => String(judgement.cardBatchId)) },
    { codes: ['card_batch_number_gap'], subjectRoots: null },
    { codes: RECORD_CODES, subjectRoots: null },
    { codes: COVERAGE_CODES, subjectRoots: null },
    { codes: SETTLEMENT_CODES, subjectRoots: null },
  ]
}

function countStates(judgements: readonly BatchJudgement[]) {
  const count = (states: readonly string[]) => judgements.filter((one) => states.includes(one.state)).length
  return {
    countBatches: judgements.length,
    countTied: count(['tied']),
    countDiffering: count(['differs', 'missing']),
    countWaiting: count(['waiting']),
  }
}

async function storeRun(
  tx: Tx,
  input: {
    accountId: number
    scope: RunScope
    result: MismatchChanges & ReturnType<typeof countStates>
    sums: readonly RecurringSums[]
    evidence: RunEvidence
    startedAt: Instant
    finishedAt: Instant
  },
): Promise<void> {
  const { accountId, scope, result, startedAt, finishedAt } = input
  await tx.insert(runs).values({
    accountId,
    scope,
    startedAt: new Date(startedAt),
    finishedAt: new Date(finishedAt),
    countBatches: result.countBatches,
    countTied: result.countTied,
    countWaiting: result.countWaiting,
    countDiffering: result.countDiffering,
    countOpened: result.countOpened + result.countReopened,
    countResolved: result.countResolved,
    recurring: input.sums.map(({ currency, expectedMinor, countExpected, minors, counts }) => ({
      currency,
      countExpected,
      expectedMinor: String(expectedMinor),
      matchedMinor: String(minors.matched),
      foundMinor: String(minors.found),
      waitingMinor: String(minors.waiting),
      counts,
    })),
    evidence: evidenceToJson(input.evidence),
    seen: sql`array(select mismatch_id from recon.mismatches
      where account_id = ${accountId} and last_seen_at = ${timestamp(startedAt)})`,
  })
}
