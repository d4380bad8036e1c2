import { loadAchBatches, loadAchRows } from '../db/ach-checks.ts'
import type { Tx } from '../db/client.ts'
import { storeDue } from '../db/due-checks.ts'
import type { RunAgenda } from '../db/run-agenda.ts'
import type { AchFigure } from '../domain/ach.ts'
import {
  type AchBatchFacts,
  type AchBatchVerdict,
  type AchRow,
  type AchSettings,
  judgeAchBatch,
  judgeAchRow,
} from '../domain/ach-judgement.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import type { DaysRead } from '../domain/days-read.ts'
import { type Finding, type MismatchCode, moneyFinding } from '../domain/mismatch.ts'
import { formatMinor, moneyText } from '../domain/money.ts'
import type { HelcimId } from '../domain/record.ts'
import { ACH_CHECKS } from './ach-checks.ts'
import type { AchBatchesJudged } from './ach-inputs.ts'
import type { FamilyResult } from './family.ts'

const BATCH_CODES = ['ach_batch_total_differs'] as const satisfies readonly MismatchCode[]
const ROW_CODES = ['ach_returned', 'ach_clearing_overdue'] as const satisfies readonly MismatchCode[]

interface Input {
  readonly accountId: number
  readonly historyFrom: BusinessDate
  readonly isFull: boolean
  readonly agenda: RunAgenda
  /** When days of bank payments were read, from some days before the history on. */
  readonly achDays: DaysRead
  readonly settings: AchSettings
  readonly now: Instant
}

export interface AchResult extends FamilyResult {
  readonly judged: AchBatchesJudged
}

/** Family C: ACH batches and bank payments that changed or are due, or all of them. */
export async function reconcileAch(tx: Tx, input: Input): Promise<AchResult> {
  const batches = await reconcileBatches(tx, input)
  const rows = await reconcileRows(tx, input)
  return {
    findings: [...batches.findings, ...rows.findings],
    examined: [...batches.examined, ...rows.examined],
    waitingIds: [],
    judged: batches.judged,
  }
}

async function reconcileBatches(tx: Tx, input: Input): Promise<AchResult> {
  const { accountId, historyFrom: from, achDays: daysRead, now } = input
  const kind = 'ach_batch'
  const ids = scopeOf(input, kind)
  const findings: Finding[] = []
  const due: { id: string; at: Instant }[] = []
  const roots = new Set(ids?.map(String) ?? saidOf(input, BATCH_CODES))
  const states = new Map<HelcimId, AchBatchVerdict['state']>()
  for (const facts of await loadAchBatches(tx, { accountId, ids })) {
    const id = String(facts.achBatchId)
    const verdict = judgeAchBatch(facts, { daysRead, from })
    states.set(facts.achBatchId, verdict.state)
    if (verdict.state === 'waiting') {
      due.push({ id, at: now })
      roots.delete(id)
    } else roots.add(id)
    if (verdict.state === 'differs') findings.push(...verdict.figures.map((figure) => wordBatch(facts, figure)))
  }
  await storeDue(tx, { accountId, kind, judged: ids === null ? null : ids.map(String), due })
  const examined = [{ codes: BATCH_CODES, subjectRoots: [...roots] }]
  return { findings, examined, waitingIds: [], judged: { ids, states } }
}

async function reconcileRows(tx: Tx, input: Input): Promise<FamilyResult> {
  const { accountId, settings, now } = input
  const kind = 'ach_transaction'
  const ids = scopeOf(input, kind)
  const findings: Finding[] = []
  const due: { id: string; at: Instant }[] = []
  const roots = new Set(ids?.map(String) ?? saidOf(input, ROW_CODES))
  for (const row of await loadAchRows(tx, { accountId, ids })) {
    const id = String(row.achTransactionId)
    const verdict = judgeAchRow(row, now, settings)
    roots.add(id)
    if (verdict.state === 'waiting') {
      due.push({ id, at: verdict.at })
      if (verdict.at <= now) roots.delete(id)
    }
    if (verdict.state === 'returned') findings.push(wordReturned(row))
    if (verdict.state === 'overdue') findings.push(wordOverdue(row, verdict.sinceOn))
  }
  await storeDue(tx, { accountId, kind, judged: ids === null ? null : ids.map(String), due })
  return { findings, examined: [{ codes: ROW_CODES, subjectRoots: [...roots] }], waitingIds: [] }
}

/** Ids that changed or are due; null for everything. */
const scopeOf = ({ agenda, isFull }: Input, kind: 'ach_batch' | 'ach_transaction'): bigint[] | null =>
  isFull ? null : [...new Set([...agenda.marked(kind), ...agenda.due(kind)])].map(BigInt)

const saidOf = ({ agenda }: Input, codes: readonly MismatchCode[]): string[] =>
  agenda.said(codes).map((id) => id.split(':')[0] ?? id)

function wordBatch({ achBatchId, stated, summed, currencies }: AchBatchFacts, figure: AchFigure): Finding {
  const { severity, subject, advice } = ACH_CHECKS.ach_batch_total_differs
  const [currency, ...others] = currencies
  // Sums of several currencies, or of none that is known, are no amounts.
  const isMoney = currency !== undefined && others.length === 0 && stated[figure].minor !== summed[figure].minor
  const text = ({ minor, count }: { minor: bigint; count: number }) =>
    `${formatMinor(minor, currency ?? '')}${currency && others.length === 0 ? ` ${currency}` : ''} (${count})`
  return {
    code: 'ach_batch_total_differs',
    severity,
    subject: { kind: subject, id: `${achBatchId}:${figure}` },
    period: '',
    currency: isMoney ? currency : null,
    expectedMinor: isMoney ? stated[figure].minor : null,
    actualMinor: isMoney ? summed[figure].minor : null,
    expectedText: isMoney ? null : text(stated[figure]),
    actualText: isMoney ? null : text(summed[figure]),
    summary: `ACH batch ${achBatchId}: Helcim states ${figure} of ${text(stated[figure])}, its transactions come to ${text(summed[figure])}.`,
    advice,
    evidence: [`ach_batch:${achBatchId}`],
  }
}

const wordReturned = (row: AchRow): Finding =>
  onRow('ach_returned', row, `was ${row.statusClearing.toLowerCase()} by the bank: its money has gone back.`)

const wordOverdue = (row: AchRow, sinceOn: BusinessDate): Finding =>
  onRow('ach_clearing_overdue', row, `of ${row.createdOn} should have cleared by ${sinceOn} and has not.`)

function onRow(code: 'ach_returned' | 'ach_clearing_overdue', row: AchRow, words: string): Finding {
  const { severity, subject, advice } = ACH_CHECKS[code]
  const { achTransactionId, amountMinor, currency, type } = row
  return moneyFinding({
    code,
    severity,
    subject: { kind: subject, id: String(achTransactionId) },
    currency,
    expectedMinor: amountMinor,
    actualMinor: 0n,
    summary: `ACH ${type.toLowerCase()} ${achTransactionId} over ${moneyText(amountMinor, currency)} ${words}`,
    advice,
    evidence: [`ach_transaction:${achTransactionId}`],
  })
}
