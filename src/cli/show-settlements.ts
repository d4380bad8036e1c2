import type { Attempt } from '../db/settlement/attempts.ts'
import type { RecordedDecision } from '../db/settlement/decisions.ts'
import type { OpenBatch } from '../db/settlement/open-batches.ts'
import { type BatchKey, batchName, batchTitle } from '../domain/batch-key.ts'
import type { Instant } from '../domain/clock.ts'
import { formatMinor } from '../domain/money.ts'
import type { Reason } from '../domain/settlement-policy.ts'
import { fitColumns, table, wrap } from './paint.ts'

/** One batch with its terminal, age and money, in a line. */
export function batchLine({ batch, terminalId, batchNumber, netMinor, countTotal, currency }: OpenBatch): string {
  const money = netMinor === null ? 'unknown net' : `net ${formatMinor(netMinor, currency ?? '')} ${currency ?? ''}`
  const place = terminalId === null ? '' : `terminal ${terminalId}, no. ${batchNumber}, `
  return `${batchName(batch)} (${place}${countTotal ?? '?'} transactions, ${money.trim()})`
}

/** @param note what stands before a reason that a person may overrule, or has overruled */
export const showReasons = (reasons: readonly Reason[], note: string, indent = '    '): string =>
  reasons
    .map((reason) => wrap(sentenceOf(reason, note), `${indent}  `).replace(`${indent}  `, `${indent}- `))
    .join('\n')

const sentenceOf = ({ weight, text }: Reason, note: string): string => (weight === 'note' ? `${note}: ${text}` : text)

/** Before what a person wanted to be different. */
export const OVERRULED = 'overruled'

export function showAttempts(attempts: readonly Attempt[], decisions: readonly RecordedDecision[]): string {
  if (attempts.length + decisions.length === 0) return '  Nothing was ever decided about settling.'
  const attempted = attempts.map((one) => [
    String(one.attemptId),
    idText(one.batch),
    utcText(one.intendedAt),
    one.actor ?? 'schedule',
    one.state.replace('_', ' '),
    closerText(one),
    [one.status, one.words].filter((part) => part !== null && part !== '').join(' '),
  ])
  const decided = decisions.map((one) => [
    utcText(one.lastAt),
    idText(one.batch),
    one.mode,
    one.verdict,
    one.reasons.map((reason) => sentenceOf(reason, OVERRULED)).join('; '),
  ])
  return [
    tableThatFits(['attempt', 'batch', 'intended (UTC)', 'by', 'state', 'closed by', 'Helcim said'], attempted),
    '',
    tableThatFits(['decided (UTC)', 'batch', 'mode', 'verdict', 'reasons'], decided),
  ].join('\n')
}

/** Its last column holds sentences. */
function tableThatFits(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const [titles = [], ...fitting] = fitColumns([head, ...rows], [{ column: head.length - 1, widthMin: 30 }])
  return table(titles, fitting)
}

/** How an attempt stands, as a sentence for a person. */
export function showAttempt(attempt: Attempt): string {
  const { attemptId, batch, state, words } = attempt
  const said = words ? `: ${words}` : ''
  switch (state) {
    case 'confirmed':
      return `  ${batchTitle(batch)} is closed (by ${closerText(attempt)}); attempt ${attemptId}.`
    case 'refused':
      return `  Helcim refused to settle ${batchName(batch)}${said}. It is open.`
    case 'not_taken':
      return `  ${batchTitle(batch)} was not settled and is open${said}. Nothing is under way; ask again if you like.`
    case 'abandoned':
      return `  Attempt ${attemptId} was abandoned.`
    default:
      return `  Whether ${batchName(batch)} was settled is not certain yet (attempt ${attemptId}). "tieout start" reads on until it is.`
  }
}

const closerText = ({ closedBy }: Attempt): string => {
  if (closedBy === null) return ''
  return { tieout: 'us', helcim: 'Helcim', either: 'us or Helcim' }[closedBy]
}

export const decisionToJson = ({
  batch,
  businessDate,
  plannedAt,
  mode,
  verdict,
  reasons,
  ...one
}: RecordedDecision) => ({
  ...keyToJson(batch),
  businessDate,
  plannedAt: isoOf(plannedAt),
  mode,
  verdict,
  reasons,
  firstAt: isoOf(one.firstAt),
  lastAt: isoOf(one.lastAt),
  ...moneyOf(one),
})

export const attemptToJson = ({ attemptId, batch, businessDate, state, outcome, status, words, ...one }: Attempt) => ({
  attempt: String(attemptId),
  ...keyToJson(batch),
  businessDate,
  by: one.actor ?? 'schedule',
  state,
  outcome,
  status,
  words,
  closedBy: one.closedBy,
  closedAt: isoOf(one.closedAt),
  plannedAt: isoOf(one.plannedAt),
  intendedAt: isoOf(one.intendedAt),
  calledAt: isoOf(one.calledAt),
  finishedAt: isoOf(one.finishedAt),
  ...moneyOf(one),
})

export const keyToJson = ({ kind, id }: BatchKey) => ({ batch: String(id), kind })

const idText = ({ kind, id }: BatchKey): string => `${kind === 'ach_batch' ? 'ACH ' : ''}${id}`

export const moneyOf = (one: { currency: string | null; netMinor: bigint | null; countTotal: number | null }) => ({
  currency: one.currency,
  net: one.netMinor === null ? null : formatMinor(one.netMinor, one.currency ?? ''),
  countTotal: one.countTotal,
})

export const isoOf = (at: Instant | null): string | null => at && new Date(at).toISOString()

const utcText = (at: Instant): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ')

export const localText = (at: Instant, zone: string): string =>
  `${new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short', timeStyle: 'short', hour12: false }).format(at)} ${zone}`
