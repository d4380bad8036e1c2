import type { EvidenceRows } from '../db/mismatches/evidence.ts'
import type { MismatchEvent } from '../db/mismatches/history.ts'
import type { Mismatch } from '../db/mismatches.ts'
import type { DutyOf } from '../domain/alert-rules.ts'
import type { Instant } from '../domain/clock.ts'
import { formatMinor } from '../domain/money.ts'
import { printable } from '../domain/printable.ts'
import type { Duties } from './duties.ts'
import { paint, table, wrap } from './paint.ts'
import { ageDaysOf, headOf, mismatchToJson, shortId } from './show-mismatches.ts'

/** One mismatch with what is known about it. */
export interface MismatchDossier {
  readonly mismatch: Mismatch
  readonly events: readonly MismatchEvent[]
  readonly query: string
  readonly evidence: EvidenceRows
}

/** A mismatch as scripts see it, with its history, the first rows behind it and the statement that finds all of them. */
export function dossierToJson(
  { mismatch, events, query, evidence }: MismatchDossier,
  account: string,
  now: Instant,
  duties: Duties,
) {
  const amount = (minor: bigint | null, currency: string | null) =>
    minor === null ? null : formatMinor(minor, currency ?? '')
  return {
    ...mismatchToJson(mismatch, account, now, duties),
    history: events.map((event) => ({
      kind: event.kind,
      at: event.at.toISOString(),
      actor: event.actor,
      severity: event.severity,
      currency: event.currency,
      expected: amount(event.expectedMinor, event.currency),
      actual: amount(event.actualMinor, event.currency),
      resolution: event.resolution,
      assignedTo: event.assignedTo,
      note: event.note,
    })),
    countRows: evidence.count,
    rows: evidence.rows.map((row) => Object.fromEntries(evidence.columns.map((column, index) => [column, row[index]]))),
    query,
  }
}

/** Everything a person needs to decide about one mismatch, on one screen. */
export function showDossier(
  { mismatch, events, query, evidence }: MismatchDossier,
  now: Instant,
  duties: Duties,
): string {
  return [
    `  ${headOf(mismatch)}`,
    paint('dim', `  ${mismatch.mismatchId}${mismatch.period === '' ? '' : ` · ${printable(mismatch.period)}`}`),
    '',
    ...bothSides(mismatch),
    '',
    wrap(printable(mismatch.summary), '  '),
    wrap(printable(mismatch.advice), '  '),
    '',
    wrap(stateText(mismatch, now, duties(mismatch, now)), '  '),
    '',
    ...rowsBehind(evidence),
    '',
    paint('bold', '  The same in psql'),
    ...query.split('\n').map((line) => `  ${line}`),
    '',
    paint('bold', '  History'),
    ...historyLines(events),
    '',
    ...nextSteps(mismatch),
  ].join('\n')
}

function bothSides(mismatch: Mismatch): string[] {
  const { expectedMinor, actualMinor, expectedText, actualText, currency } = mismatch
  const money = (minor: bigint) => `${formatMinor(minor, currency ?? '')} ${currency ?? ''}`
  const side = (minor: bigint | null, text: string | null) =>
    minor === null ? printable(text ?? 'nothing') : money(minor)
  const lines: [string, string][] = [
    ['expected', side(expectedMinor, expectedText)],
    ['actual', side(actualMinor, actualText)],
  ]
  if (expectedMinor !== null && actualMinor !== null) lines.push(['difference', money(actualMinor - expectedMinor)])
  const isMoney = expectedMinor !== null && actualMinor !== null
  const width = Math.max(...lines.map(([, text]) => text.length))
  return lines.map(([name, text]) =>
    isMoney
      ? `  ${name.padEnd(12)}${text.padStart(width)}`
      : `  ${name.padEnd(12)}${wrap(text, ' '.repeat(14)).trimStart()}`,
  )
}

function stateText(mismatch: Mismatch, now: Instant, { owner, dueOn }: DutyOf): string {
  const { state, resolution, countReopened, firstSeenAt, lastSeenAt, resolvedAt } = mismatch
  const days = ageDaysOf(mismatch, now)
  const age = days === 0 ? 'less than a day' : days === 1 ? '1 day' : `${days} days`
  const parts = [
    state === 'resolved' ? `resolved (${resolution})${resolvedAt ? ` ${timeText(resolvedAt)}` : ''}` : state,
    `first seen ${timeText(firstSeenAt)}, ${state === 'resolved' ? `${age} until resolved` : `${age} ago`}`,
    `last seen ${timeText(lastSeenAt)}`,
    ...(countReopened === 0 ? [] : [countReopened === 1 ? 'reopened once' : `reopened ${countReopened} times`]),
    owner === null ? 'nobody looks after it' : `${printable(owner)} looks after it`,
    ...(dueOn === null ? [] : [`due ${dueOn}`]),
  ]
  return parts.join(' · ')
}

const timeText = (at: Date): string => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`

/** Columns of evidence that hold amounts and counts; ids stay on the left. */
const COUNTED_COLUMNS = ['amount', 'net', 'transactions', 'rows']

function rowsBehind({ columns, rows, count }: EvidenceRows): string[] {
  const title = paint('bold', `  Rows behind it${count > rows.length ? ` (the first ${rows.length} of ${count})` : ''}`)
  if (rows.length === 0) return [title, '  none are stored']
  const filled = columns.map((_, index) => index).filter((index) => rows.some((row) => row[index] !== ''))
  const pick = (row: readonly string[]) => filled.map((index) => printable(row[index] ?? ''))
  const heads = pick(columns)
  const right = heads.flatMap((head, index) => (COUNTED_COLUMNS.includes(head) ? [index] : []))
  return [title, table(heads, rows.map(pick), right)]
}

function historyLines(events: readonly MismatchEvent[]): string[] {
  // One that was opened by an earlier version of tieout begins without a line of its own.
  if (events.length === 0) return ['  nothing was recorded']
  return events.flatMap((event) => [
    `  ${timeText(event.at)}  ${eventText(event)}, by ${printable(event.actor)}`,
    ...(event.note === null ? [] : [paint('dim', wrap(`“${printable(event.note)}”`, ' '.repeat(24)))]),
  ])
}

function eventText({
  kind,
  resolution,
  assignedTo,
  expectedMinor,
  actualMinor,
  currency,
  reminder,
}: MismatchEvent): string {
  const money = (minor: bigint) => formatMinor(minor, currency ?? '')
  const sides =
    expectedMinor === null || actualMinor === null
      ? ''
      : ` at ${money(expectedMinor)} expected, ${money(actualMinor)} actual ${currency}`
  switch (kind) {
    case 'opened':
    case 'reopened':
      return `${kind}${sides}`
    case 'resolved':
      return resolution === 'automatic' ? 'resolved: it agrees by itself' : `resolved as ${resolution}`
    case 'assigned':
      return `assigned to ${printable(assignedTo ?? 'nobody')}`
    case 'reminded':
      return reminder === null ? kind : `${kind} (no. ${reminder})`
    default:
      return kind
  }
}

function nextSteps(mismatch: Mismatch): string[] {
  const id = shortId(mismatch)
  const commands =
    mismatch.state === 'resolved'
      ? [`reopen ${id} --note '…'`]
      : [
          ...(mismatch.state === 'open' ? [`acknowledge ${id}`] : []),
          `assign ${id} --to <name>`,
          `resolve ${id} --as adjusted|accepted --note '…'`,
        ]
  return [paint('bold', '  What you can do'), ...commands.map((command) => `  tieout mismatches ${command}`)]
}
