import { sql } from 'drizzle-orm'
import { analyzeUnknown } from '../db/analyze.ts'
import type { NumberGap } from '../db/batch-checks.ts'
import type { Db, Tx } from '../db/client.ts'
import { loadDaysRead } from '../db/invoices/sides.ts'
import { lockJudging } from '../db/judging-lock.ts'
import { applyFindings, type Examined, type MismatchChanges } from '../db/mismatches.ts'
import { createReverseKinds } from '../db/movements/reverse-kinds.ts'
import { loadReadingState } from '../db/recurring-sides.ts'
import { takeAgenda } from '../db/run-agenda.ts'
import { loadLastBasis } from '../db/run-evidence.ts'
import { runs } from '../db/schema/recon.ts'
import { timestamp } from '../db/sql-values.ts'
import type { WantedWindows } from '../db/windows-asked.ts'
import { addDays, type BusinessDate, businessDateOf, startOfDay } from '../domain/calendar.ts'
import { weighFindings } from '../domain/check-rules.ts'
import type { Clock, Instant } from '../domain/clock.ts'
import { HELCIM_ZONE } from '../domain/helcim-time.ts'
import type { Finding } from '../domain/mismatch.ts'
import type { RecurringSums } from '../domain/recurring/sums.ts'
import type { RunEvidence } from '../domain/run-evidence.ts'
import { reconcileAch } from './ach.ts'
import { sumAchInputs } from './ach-inputs.ts'
import { reconcileBooks } from './books.ts'
import { type BatchJudgement, CARD_BATCH_CODES } from './card-batches.ts'
import { COVERAGE_CODES, findCoverageGaps } from './coverage.ts'
import { evidenceToJson, gatherEvidence, sumCardInputs } from './evidence.ts'
import type { FamilyResult } from './family.ts'
import { reconcileInvoices } from './invoices.ts'
import { judgeBatches, type RunScope } from './judge-batches.ts'
import { findNumberGaps } from './number-gaps.ts'
import { findRecordFaults, RECORD_CODES } from './records.ts'
import { reconcileRecurring } from './recurring.ts'
import { reconcileRefunds } from './refunds.ts'
import { listCustomersDue, reconcileRepetitions } from './repetitions.ts'
import { reconcileReverses } from './reverses.ts'
import type { CheckSettings } from './settings.ts'
import { findSettlementTrouble, SETTLEMENT_CODES } from './settlements.ts'

export interface RunResult extends MismatchChanges {
  readonly countBatches: number
  readonly countTied: number
  readonly countDiffering: number
  readonly countWaiting: number
  /** Batches that one more reading would decide, or of which, as the list does not show them, nothing else tells. */
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
    const agenda = await takeAgenda(tx, { accountId, now: startedAt })
    // Before the families that ask whether a batch is proved.
    const { facts, judgements, gaps, changed } = await judgeBatches(tx, { ...input, db, agenda, now: startedAt })
    const scopeFrom = startOfDay(historyFrom, HELCIM_ZONE)
    const reading = await loadReadingState(tx, { accountId, scopeFrom, now: startedAt })
    const recurring = await reconcileRecurring(tx, {
      accountId,
      historyFrom,
      isFull: scope === 'full',
      agenda,
      alsoCodes: await listCustomersDue(tx, { accountId, agenda }),
      reading,
      settings: settings.recurring,
    })
    const books = await reconcileBooks(tx, { accountId, isFull: scope === 'full' })
    const last = await loadLastBasis(tx, accountId)
    // What a longer history explains, or what a former version never judged, is judged again.
    const isMoved = last.historyFrom !== historyFrom
    const achDays = await loadDaysRead(tx, { accountId, resource: 'ach_transaction', from: addDays(historyFrom, -3) })
    const isAchReadable = achDays.size > 0
    // Invoices that no reading could prove have come into reach, with no mark of their own.
    const isBankNew = isAchReadable && !last.isAchReadable
    const common = {
      accountId,
      historyFrom,
      agenda,
      reading,
      changed: isMoved ? null : changed,
      // From here on the run itself writes nothing of batches.
      reverseKinds: createReverseKinds(tx, accountId),
    }
    const ofCards: readonly FamilyResult[] = [
      await reconcileReverses(tx, { ...common, judgements, settings: settings.cardMoney }),
      await reconcileRefunds(tx, { ...common, settings: settings.cardMoney }),
      await reconcileRepetitions(tx, { ...common, ...recurring, settings: settings.cardMoney }),
      await reconcileInvoices(tx, {
        ...common,
        changed: isBankNew ? null : common.changed,
        achDays,
        settings: settings.invoices,
      }),
    ]
    const bank = await reconcileAch(tx, {
      ...common,
      isFull: scope === 'full' || isMoved,
      achDays,
      settings: settings.ach,
      now: startedAt,
    })
    const families = [...ofCards, bank]
    const yesterday = addDays(businessDateOf(startedAt, HELCIM_ZONE), -1)
    const found: Finding[] = [
      ...judgements.flatMap((judgement) => judgement.findings),
      ...findNumberGaps(gaps),
      ...(await findRecordFaults(tx, accountId)),
      ...(await findCoverageGaps(tx, {
        accountId,
        historyFrom,
        yesterday,
        settings,
        wanted: wantedBy(judgements, gaps),
        now: startedAt,
      })),
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
    const result = { ...changes, ...countStates(judgements) }
    const { sums } = recurring
    const cards = await sumCardInputs(tx, {
      accountId,
      facts,
      judgements,
      findings,
      waitingIds: [...recurring.waitingIds, ...families.flatMap((family) => family.waitingIds)],
      unbatchedFrom: scope === 'full' ? historyFrom : null,
    })
    const ach = await sumAchInputs(tx, {
      accountId,
      historyFrom,
      judged: bank.judged,
      findings,
      settings: settings.ach,
      now: startedAt,
    })
    const going = { accountId, historyFrom, isAchReadable, yesterday, cards, ach, settings, now: startedAt }
    const evidence = await gatherEvidence(tx, going)
    await storeRun(tx, { accountId, scope, result, sums, evidence, startedAt, finishedAt: clock.now() })
    return {
      ...result,
      undecided: judgements.filter((judgement) => judgement.need !== null),
      unconfirmedGaps: gaps.filter((gap) => !gap.isConfirmed),
      recurring: sums,
      evidence,
    }
  })
}

const wantedBy = (judgements: readonly BatchJudgement[], gaps: readonly NumberGap[]): WantedWindows => ({
  cardBatchIds: judgements.filter(({ need }) => need !== null).map(({ cardBatchId }) => cardBatchId),
  batchNumbers: gaps
    .filter(({ isConfirmed }) => !isConfirmed)
    .map(({ terminalId, batchNumber }) => `${terminalId}:${batchNumber}`),
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
