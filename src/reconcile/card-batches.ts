import { Temporal } from 'temporal-polyfill'
import type { BatchFacts, BatchState } from '../db/batch-facts.ts'
import { type BatchFigure, type CountRule, type TieOut, tieOut, tiesOut } from '../domain/batch-tie-out.ts'
import type { BatchCounts } from '../domain/card-batch.ts'
import type { Instant } from '../domain/clock.ts'
import { HELCIM_ZONE } from '../domain/helcim-time.ts'
import { type Finding, type MismatchCode, moneyFinding, textFinding } from '../domain/mismatch.ts'
import { moneyText } from '../domain/money.ts'
import type { HelcimId } from '../domain/record.ts'
import type { CheckSettings } from './settings.ts'

/** Codes whose subjects are card batches: a batch that was judged again without them is free of them. */
export const CARD_BATCH_CODES = [
  'card_batch_missing',
  'card_batch_count_differs',
  'card_batch_total_differs',
  'card_batch_open_too_long',
  'card_batch_changed_after_close',
  'card_batch_currency_mixed',
] as const satisfies readonly MismatchCode[]

/**
 * What one more reading would decide about a batch that cannot be judged yet, or, of one that the list does not show
 * (`batch`), would tell; `new_rows`: its tail will do.
 */
export type BatchNeed = 'batch' | 'new_rows' | 'all_rows' | 'statistics'

/** Two of our processes may have clocks so far apart. */
const CLOCKS_APART_MS_MAX = 5_000

interface JudgingContext {
  readonly rule: CountRule | null
  /** While whole days are being read. */
  readonly isReading: boolean
  /** If the statistics agree with the rows that were there when they were read, without those that came since: up to which id. */
  readonly tiedBefore: HelcimId | null
  /** When the last complete reading of the list of batches began. */
  readonly listReadAt: Instant | null
  readonly settings: CheckSettings
  readonly now: Instant
}

export interface BatchJudgement {
  readonly cardBatchId: bigint
  readonly state: BatchState
  /** Closed, proved, and read again after it had settled: looked at again only when something moves. */
  readonly isFinal: boolean
  readonly finalFingerprint: string | null
  readonly need: BatchNeed | null
  /** When a row of it last moved, as its facts had it. */
  readonly movedAt: Instant | null
  /** When the last reading of all its rows ended, or one moved since: statistics read later would bracket them. */
  readonly rowsStoodFrom: Instant | null
  /** The newest reverse among the rows that tied out; 0 where there is none, or nothing tied out. */
  readonly reversesUpTo: HelcimId
  /** Since when the statistics stood that were judged. */
  readonly judgedSince: Instant | null
  readonly findings: readonly Finding[]
}

/**
 * Judges one batch from what was read. A difference is a finding only when the rows were read completely while the
 * statistics stood still before and after; anything else is waiting, and says which reading would decide it.
 */
export function judgeCardBatch(facts: BatchFacts, context: JudgingContext): BatchJudgement {
  const { batch } = facts
  if (batch === null) return judgeUnlisted(facts)
  const judgement = judgeKnown(facts, batch, context)
  // Of one that is gone (`record_disappeared`) no reading tells more.
  return batch.isVanished ? { ...judgement, need: null } : judgement
}

function judgeKnown(
  facts: BatchFacts,
  batch: NonNullable<BatchFacts['batch']>,
  context: JudgingContext,
): BatchJudgement {
  const { cardBatchId } = facts
  const subject = { kind: 'card_batch', id: String(cardBatchId) }
  const name = `Batch ${cardBatchId} (terminal ${batch.terminalId}, no. ${batch.batchNumber})`
  const findings = [
    ...findOpenTooLong(facts, subject, name, context),
    ...findMixedCurrency(facts, subject, name),
    ...findChangedAfterClose(facts, subject, name),
  ]
  const former = facts.check?.finalFingerprint ?? null
  const judged = judgedOf(facts)
  const waiting = { cardBatchId, isFinal: false, finalFingerprint: former, ...judged, reversesUpTo: 0n, findings }
  if (batch.statistics === null) return { ...waiting, state: 'waiting', need: 'statistics' }
  // Without knowing how Helcim counts, agreeing sums of an open batch do not show which reverses they hold.
  const newestReverseId = context.rule !== null || batch.isClosed ? facts.newestReverseId : 0n
  const need = needOfUnlisted(facts, context)
  if (context.tiedBefore !== null) {
    return { ...waiting, state: 'tied', need, reversesUpTo: earlier(context.tiedBefore, newestReverseId) }
  }
  const isPlainlyTied = tiesOut(batch.statistics, facts.rows, context.rule)
  if (!isPlainlyTied && (!isBracketed(facts) || mayLag(facts, facts.check?.rowsReadFrom ?? null, context.settings))) {
    return { ...waiting, state: 'waiting', need: needOf(facts, context.settings) }
  }
  const result = isPlainlyTied ? NO_DIFFERENCE : tieOut(batch.statistics, facts.rows, context.rule)
  const isTied = result.figures.length === 0 && result.counts === null
  // Rows that no figure shows, a verify or a decline, may still be on their way.
  const isSettled = !context.isReading && context.rule !== null && hasSettled(facts, context.settings)
  return {
    cardBatchId,
    state: isTied ? 'tied' : 'differs',
    isFinal: isSettled,
    finalFingerprint: former ?? (isTied && isSettled ? fingerprintOf(facts) : null),
    need,
    ...judged,
    reversesUpTo: isTied ? newestReverseId : 0n,
    findings: [...findings, ...differencesOf(result, facts, subject, name)],
  }
}

const NO_DIFFERENCE: TieOut = { figures: [], counts: null }

const earlier = (a: HelcimId, b: HelcimId): HelcimId => (a < b ? a : b)

/** Transactions name a batch that no list returned: asked for by its id, it is there, or it is missing for certain. */
function judgeUnlisted(facts: BatchFacts): BatchJudgement {
  const { cardBatchId, check } = facts
  const judged = judgedOf(facts)
  const common = { cardBatchId, isFinal: false, finalFingerprint: null, ...judged, reversesUpTo: 0n }
  if (check?.state !== 'missing') return { ...common, state: 'waiting', need: 'batch', findings: [] }
  const { total } = totalOf(facts)
  if (total === 0) return { ...common, state: 'missing', need: null, findings: [] }
  const finding = textFinding({
    code: 'card_batch_missing',
    severity: 'high',
    subject: { kind: 'card_batch', id: String(cardBatchId) },
    expectedText: `batch ${cardBatchId}`,
    actualText: 'not found',
    summary: `${total} transactions name batch ${cardBatchId}, but Helcim does not return that batch.`,
    advice:
      'Look for the batch in Helcim’s dashboard; if it is there, report to Helcim that the API does not return it.',
    evidence: [`card_batch:${cardBatchId}`],
  })
  return { ...common, state: 'missing', need: null, findings: [finding] }
}

/**
 * Rows read within the time in which the present statistics are known to have stood, and none that another reading
 * brought, changed or missed since: what differs, differs.
 */
export function isBracketed(facts: BatchFacts): boolean {
  const { statisticsSince, statisticsUntil, rowsReadFrom } = facts.check ?? {}
  const stoodFrom = rowsStoodFrom(facts)
  if (!statisticsSince || !statisticsUntil || !rowsReadFrom || !stoodFrom) return false
  return statisticsSince <= rowsReadFrom && stoodFrom <= statisticsUntil
}

/** What was judged. */
const judgedOf = (facts: BatchFacts) => ({
  movedAt: facts.movedAt,
  rowsStoodFrom: rowsStoodFrom(facts),
  judgedSince: facts.check?.statisticsSince ?? null,
})

function rowsStoodFrom({ check, movedAt }: BatchFacts): Instant | null {
  const readUntil = check?.rowsReadUntil ?? null
  return readUntil !== null && movedAt !== null && movedAt > readUntil ? movedAt : readUntil
}

/** Statistics can run ahead of the list of rows: read so soon, its rows prove nothing against them. */
function mayLag({ batch }: BatchFacts, readFrom: Instant | null, { rowsLagMs }: CheckSettings): boolean {
  return Boolean(batch?.updatedAt && readFrom && readFrom < batch.updatedAt + rowsLagMs)
}

function needOf(facts: BatchFacts, settings: CheckSettings): BatchNeed {
  const { statisticsSince: since, rowsReadFrom: whole, tailReadFrom: tail } = facts.check ?? {}
  const isTailLast = Boolean(tail && (!whole || tail > whole))
  const last = isTailLast ? tail : whole
  // Told from what was judged, not from what is there when the reading is asked for: it may just have ended, and would be
  // asked for a second time.
  const rows = facts.check?.completeUpTo ? 'new_rows' : 'all_rows'
  if (!last || !since || last < since) return rows
  if (!isTailLast || !tail) return isBracketed(facts) ? rows : 'statistics'
  // The newest rows do not explain it. In a batch in motion they may be late, and reading it whole each time would be dear.
  const isWholeRecent = Boolean(whole && tail - whole < settings.wholeBatchEveryMs)
  return isWholeRecent && mayLag(facts, tail, settings) ? rows : 'all_rows'
}

/**
 * A list that is cut short does not show what becomes of a batch: nothing else would ever tell that sales fall on it, or
 * that it closed. So it is asked for by its id until it was seen closed, and once more when it had settled.
 */
function needOfUnlisted(facts: BatchFacts, { listReadAt, settings, now }: JudgingContext): BatchNeed | null {
  const { batch, check, movedAt } = facts
  const seenAt = check?.statisticsUntil ?? null
  if (!batch || seenAt === null || listReadAt === null || seenAt >= listReadAt - CLOCKS_APART_MS_MAX) return null
  if (batch.isClosed && (batch.closedAt === null || hasSettled(facts, settings))) return null
  const isMoving = movedAt !== null && movedAt > seenAt
  return isMoving || now - seenAt >= settings.unlistedBatchEveryMs ? 'batch' : null
}

function hasSettled({ batch, check }: BatchFacts, settings: CheckSettings): boolean {
  if (!batch?.isClosed || batch.closedAt === null || !check?.statisticsUntil) return false
  return check.statisticsUntil >= batch.closedAt + settings.closedBatchSettlesMs
}

/** Everything about a batch that must not move after its close, as one comparable text, in which it is stored. */
function fingerprintOf({ batch, composition }: BatchFacts): string {
  const { amounts, counts } = batch?.statistics ?? {}
  const texts = amounts && Object.fromEntries(Object.entries(amounts).map(([name, minor]) => [name, String(minor)]))
  return JSON.stringify([amounts && { amounts: texts, counts }, batch && String(batch.terminalId), composition])
}

const FIGURE_NAMES: Readonly<Record<BatchFigure, string>> = {
  net: 'net sales',
  sales: 'sales',
  refunds: 'refunds',
  reversed: 'reversed sales',
  refundsReversed: 'reversed refunds',
}

function differencesOf(result: TieOut, facts: BatchFacts, subject: Finding['subject'], name: string): Finding[] {
  const currency = facts.batch?.currency ?? facts.currencies[0] ?? 'CAD'
  const money = (minor: bigint) => moneyText(minor, currency)
  const evidence = [`card_batch:${facts.cardBatchId}`]
  const findings: Finding[] = result.figures.map(({ figure, statedMinor, summedMinor }) =>
    moneyFinding({
      code: 'card_batch_total_differs',
      severity: 'critical',
      subject: { kind: subject.kind, id: `${subject.id}:${figure}` },
      currency,
      expectedMinor: statedMinor,
      actualMinor: summedMinor,
      summary: `${name}: Helcim states ${FIGURE_NAMES[figure]} of ${money(statedMinor)}, its transactions add up to ${money(summedMinor)}.`,
      advice:
        'Compare the batch report in Helcim’s dashboard with the transactions of the batch before closing the books.',
      evidence,
    }),
  )
  if (result.counts) {
    const { stated, counted } = result.counts
    findings.push(
      textFinding({
        code: 'card_batch_count_differs',
        severity: 'high',
        subject,
        expectedText: countsText(stated),
        actualText: countsText(counted),
        summary: `${name}: Helcim counts ${countsText(stated)}; its transactions are ${countsText(counted)}.`,
        advice:
          'A transaction is missing on one side: compare the batch in Helcim’s dashboard with its transactions here.',
        evidence,
      }),
    )
  }
  return findings
}

const countsText = ({ total, approved, declined }: BatchCounts): string =>
  `${total} transactions (${approved} approved, ${declined} declined)`

/** As of the last reading of it: what became of an open batch while nobody looked is not known. */
function findOpenTooLong(
  { batch, check, cardBatchId }: BatchFacts,
  subject: Finding['subject'],
  name: string,
  { settings, now }: { settings: CheckSettings; now: Instant },
): Finding[] {
  if (!batch || batch.isClosed || batch.createdAt === null) return []
  const openMs = wallClockMs(check?.statisticsUntil ?? now) - wallClockMs(batch.createdAt)
  if (openMs <= settings.batchOpenMediumMs) return []
  const hours = Math.floor(openMs / 3_600_000)
  return [
    textFinding({
      code: 'card_batch_open_too_long',
      severity: openMs > settings.batchOpenHighMs ? 'high' : 'medium',
      subject,
      expectedText: `closed within ${Math.round(settings.batchOpenMediumMs / 3_600_000)} h`,
      actualText: `open for ${hours} h`,
      summary: `${name} has been open for ${hours} hours; its money is not on the way to the bank.`,
      advice: 'Check the terminal’s automatic close in Helcim, or settle the batch by hand.',
      evidence: [`card_batch:${cardBatchId}`],
    }),
  ]
}

/** Batches close at a local hour: one that spans the day of 25 hours is open from five to five as any other. */
const wallClockMs = (instant: Instant): number =>
  instant + Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(HELCIM_ZONE).offsetNanoseconds / 1e6

/** Rows in two currencies, or in another one than the terminal's: no sum of them means anything. */
export function isMixed({ batch, currencies }: BatchFacts): boolean {
  const expected = batch?.currency ?? null
  return currencies.length > 1 || (expected !== null && currencies.some((one) => one !== expected))
}

function findMixedCurrency(facts: BatchFacts, subject: Finding['subject'], name: string): Finding[] {
  if (!isMixed(facts)) return []
  const expected = facts.batch?.currency ?? null
  return [
    textFinding({
      code: 'card_batch_currency_mixed',
      severity: 'high',
      subject,
      expectedText: expected ?? 'one currency',
      actualText: facts.currencies.join(', '),
      summary: `${name} holds transactions in ${facts.currencies.join(' and ')}; its terminal is in ${expected ?? 'one currency'}.`,
      advice:
        'Sums of this batch mix currencies and cannot be trusted; ask Helcim which currency the batch settles in.',
      evidence: [`card_batch:${facts.cardBatchId}`],
    }),
  ]
}

function findChangedAfterClose(facts: BatchFacts, subject: Finding['subject'], name: string): Finding[] {
  const { batch, check, countLate, cardBatchId } = facts
  if (!batch?.isClosed) return []
  const former = check?.finalFingerprint ?? null
  const isChanged = former !== null && former !== fingerprintOf(facts)
  if (!isChanged && countLate === 0) return []
  const late = countLate > 0 ? ` ${countLate} of its transactions were created after it closed.` : ''
  return [
    textFinding({
      code: 'card_batch_changed_after_close',
      severity: 'critical',
      subject,
      expectedText: 'nothing moves after the close',
      actualText: isChanged ? 'figures or transactions differ from the close' : `${countLate} later transactions`,
      summary: `${name} changed after it was closed.${late}`,
      advice: 'What was deposited may differ from the batch now: compare it with the bank before correcting the books.',
      evidence: [`card_batch:${cardBatchId}`],
    }),
  ]
}

function totalOf({ rows: { counts } }: BatchFacts): { total: number } {
  const all = [counts.preauth, counts.verify, counts.other]
  return { total: all.reduce((sum, type) => sum + type.approved + type.declined + type.unknown, 0) }
}
