import {
  completeUpTo,
  keepUnproved,
  listNumberGaps,
  listUnprovedBatches,
  type NumberGap,
  storeJudgements,
} from '../db/batch-checks.ts'
import { type BatchFacts, loadAllBatchFacts, loadBatchFacts } from '../db/batch-facts.ts'
import { type KnownCounting, loadCounting, storeCalibration } from '../db/calibrations.ts'
import { type ChangedRows, listRowsToldAgain } from '../db/card-money/changed-rows.ts'
import { type Db, type Tx, withSecondSession } from '../db/client.ts'
import { isOfCardDays, latestCompletePull, listRunningPulls } from '../db/pulls.ts'
import type { RunAgenda } from '../db/run-agenda.ts'
import { type CountRule, calibrateCounts, isCountedBy, tiesOut } from '../domain/batch-tie-out.ts'
import { type BusinessDate, startOfDay } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import { HELCIM_ZONE } from '../domain/helcim-time.ts'
import { isOfHistory } from '../domain/pull.ts'
import type { HelcimId } from '../domain/record.ts'
import { type BatchJudgement, judgeCardBatch } from './card-batches.ts'
import type { CheckSettings } from './settings.ts'
import { findTieBefore, isTiedOut } from './tie-now.ts'

/** `marked`: what changed or came due; `full`: everything, which must find nothing that `marked` runs did not. */
export type RunScope = 'marked' | 'full'

export interface JudgedBatches {
  readonly facts: readonly BatchFacts[]
  readonly judgements: readonly BatchJudgement[]
  readonly gaps: readonly NumberGap[]
  /** What rows, figures or states of batches that changed since the last run can tell otherwise; null: everything. */
  readonly changed: ChangedRows | null
}

/**
 * Judges the card batches that changed, those that time alone can change because they are not proved for good, or all of
 * them; stores the judgements, and up to which row each is complete.
 * @param input `db`: of which `tx` is a transaction
 */
export async function judgeBatches(
  tx: Tx,
  input: {
    db: Db
    accountId: number
    historyFrom: BusinessDate
    scope: RunScope
    agenda: RunAgenda
    settings: CheckSettings
    now: Instant
  },
): Promise<JudgedBatches> {
  const { db, accountId, historyFrom, scope, agenda, settings, now } = input
  const closedFrom = startOfDay(historyFrom, HELCIM_ZONE)
  const marked = [...agenda.batchRows.keys()].map(BigInt)
  // The marks are taken: what they say of a batch is to be kept with what is judged of it.
  const { batchesMovedAt } = agenda
  const withMove = (one: BatchFacts) => moveTo(one, batchesMovedAt.get(String(one.cardBatchId)))
  let all: Promise<BatchFacts[]> | undefined
  // Once: what teaches a new rule is what is judged by it.
  const loadAll = () => {
    all ??= withSecondSession(db, tx, (sessions) => loadAllBatchFacts(sessions, accountId))
    return all
  }
  const asked = (await (scope === 'full' ? loadAll() : loadChanged(tx, accountId, marked))).map(withMove)
  const running = await listRunningPulls(tx, accountId)
  const isReading = running.some((pull) => isOfCardDays(pull) && isOfHistory(pull.window, historyFrom))
  const { rule, isNews } = await chooseCountRule(tx, {
    accountId,
    scope,
    facts: asked,
    markedIds: new Set(marked),
    loadAll,
    isReading,
    now,
  })
  // What was judged by another rule, or by none, is judged again.
  const everything = isNews ? (await loadAll()).map(withMove) : asked
  const facts = everything.filter((one) => isInScope(one, closedFrom))
  const isPartial = scope === 'marked' && !isNews
  const besideIds = isPartial ? facts.map((one) => one.cardBatchId) : null
  const gaps = await listNumberGaps(tx, { accountId, closedFrom, besideIds })
  // Should we be killed before the number is asked for, the next run must come upon the hole again.
  const aboveIds = new Set(gaps.filter((gap) => !gap.isConfirmed).map((gap) => gap.aboveId))
  const listReadAt = (await latestCompletePull(tx, accountId, 'card_batch'))?.walkStartedAt ?? null
  const tiesBefore = await findTiesBefore(tx, { accountId, facts, rule })
  const judgements = facts
    .map((one) => {
      const tiedBefore = tiesBefore.get(one.cardBatchId) ?? null
      return judgeCardBatch(one, { rule, isReading, tiedBefore, listReadAt, settings, now })
    })
    .map((one) => (aboveIds.has(one.cardBatchId) ? { ...one, isFinal: false } : one))
  const checks: Checks = new Map(facts.map(({ cardBatchId, check }) => [cardBatchId, check]))
  await storeJudgements(tx, { accountId, judged: changedJudgements(judgements, checks, batchesMovedAt), now })
  await keepUnproved(tx, accountId, [...aboveIds])
  await noteComplete(tx, { accountId, facts, judgements, tiesBefore, rule })
  const restatedIds = withChangedState(judgements, checks)
  const changed = isPartial ? await changedOf(tx, { accountId, batchRows: agenda.batchRows, restatedIds }) : null
  return { facts, judgements, gaps, changed }
}

/** @param batchRows marked batches, with the rows that are meant; null for all. `restatedIds`: those judged otherwise than before */
async function changedOf(
  tx: Tx,
  input: { accountId: number; batchRows: RunAgenda['batchRows']; restatedIds: readonly HelcimId[] },
): Promise<ChangedRows> {
  const { accountId, batchRows, restatedIds } = input
  const stored = new Map([...batchRows].map(([id, rowIds]) => [BigInt(id), rowIds]))
  const batchIds = [...new Set([...stored.keys(), ...restatedIds])]
  const toldIds = await listRowsToldAgain(tx, { accountId, batchIds, stored })
  return {
    batchIds,
    wholeIds: [...stored].flatMap(([id, rowIds]) => (rowIds === null ? [id] : [])),
    rowIds: [...new Set([...[...stored.values()].flatMap((rowIds) => rowIds ?? []), ...toldIds])],
  }
}

const moveTo = (one: BatchFacts, movedAt: Instant | undefined): BatchFacts =>
  movedAt === undefined || (one.movedAt !== null && one.movedAt > movedAt) ? one : { ...one, movedAt }

async function loadChanged(tx: Tx, accountId: number, marked: readonly HelcimId[]): Promise<BatchFacts[]> {
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

/** What was stored of each before this run. */
type Checks = ReadonlyMap<HelcimId, BatchFacts['check']>

/** Most judgements of a full run say what is stored already. */
function changedJudgements(
  judgements: readonly BatchJudgement[],
  checks: Checks,
  batchesMovedAt: ReadonlyMap<string, Instant>,
): BatchJudgement[] {
  return judgements.filter((one) => {
    const { cardBatchId, state, isFinal, finalFingerprint } = one
    const check = checks.get(cardBatchId)
    if (batchesMovedAt.has(String(cardBatchId))) return true
    if (!check || check.state !== state || check.isFinal !== isFinal) return true
    return check.finalFingerprint !== finalFingerprint || !isOfSame(one, check)
  })
}

/** Of the same reverses and statistics. What an older version proved for good stays as it is. */
function isOfSame({ reversesUpTo, judgedSince }: BatchJudgement, check: BatchFacts['check']): boolean {
  if (check?.reversesUpTo === null && check.isFinal) return true
  return check?.reversesUpTo === reversesUpTo && check.judgedSince === judgedSince
}

/** Also those known to be missing: whoever was told so by Helcim has stored that state before us. */
function withChangedState(judgements: readonly BatchJudgement[], checks: Checks): HelcimId[] {
  return judgements
    .filter((one) => {
      const check = checks.get(one.cardBatchId)
      return one.state === 'missing' || check?.state !== one.state || !isOfSame(one, check)
    })
    .map(({ cardBatchId }) => cardBatchId)
}

/**
 * Learned on all closed batches: in full runs, and as soon as a batch contradicts what was learned. What contradicts it for
 * good, as a batch that lacks a row, is learned from once, not by each run again.
 */
async function chooseCountRule(
  tx: Tx,
  input: {
    accountId: number
    scope: RunScope
    facts: readonly BatchFacts[]
    /** Of these, the ones that this run was told of. */
    markedIds: ReadonlySet<HelcimId>
    loadAll: () => Promise<readonly BatchFacts[]>
    isReading: boolean
    now: Instant
  },
): Promise<{ rule: CountRule | null; isNews: boolean }> {
  const { accountId, scope, markedIds, isReading, now } = input
  const known = await loadCounting(tx, accountId)
  const { rule } = known
  const isNew = (one: BatchFacts) => markedIds.has(one.cardBatchId) || isMovedSince(one, known)
  // Half a history teaches the wrong rule.
  if (isReading || (scope === 'marked' && !isContradicted(input.facts.filter(isNew), rule)))
    return { rule, isNews: false }
  const facts = scope === 'full' ? input.facts : await input.loadAll()
  const calibration = calibrateCounts(closedOf(facts))
  await storeCalibration(tx, { accountId, calibration, now })
  if (calibration === null) return { rule, isNews: false }
  return { rule: calibration.rule, isNews: scope === 'marked' && calibration.rule !== rule }
}

/** Also a batch that was stored while half a history was there, when nobody learned. */
const isMovedSince = ({ movedAt }: BatchFacts, { triedAt }: KnownCounting): boolean =>
  triedAt === null || (movedAt !== null && movedAt > triedAt)

const isContradicted = (facts: readonly BatchFacts[], known: CountRule | null): boolean =>
  closedOf(facts).some(({ stated, rows }) => known === null || !isCountedBy(known, rows, stated))

const closedOf = (facts: readonly BatchFacts[]) =>
  facts.flatMap(({ batch, rows }) => {
    if (!batch?.isClosed || !batch.statistics) return []
    const isSound = tiesOut(batch.statistics, rows, null)
    return [{ stated: batch.statistics.counts, rows, isSound }]
  })
