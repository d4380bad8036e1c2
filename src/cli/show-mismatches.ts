import type { Mismatch } from '../db/mismatches.ts'
import { AGE_BUCKETS, type AgeBucket, ageBucket, ageDaysBetween } from '../domain/ageing.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import { SEVERITIES, type Severity } from '../domain/mismatch.ts'
import { formatMinor } from '../domain/money.ts'
import { printable } from '../domain/printable.ts'
import type { Duties } from './duties.ts'
import { elide, fitColumns, paint, table, wrap } from './paint.ts'

/** A mismatch as scripts see it (CHECKS.md); amounts are decimal strings, keys in camelCase. */
export function mismatchToJson(mismatch: Mismatch, account: string, now: Instant, duties: Duties) {
  const amount = (minor: bigint | null) => (minor === null ? null : formatMinor(minor, mismatch.currency ?? ''))
  const ageDays = ageDaysOf(mismatch, now)
  const { owner, dueOn } = duties(mismatch, now)
  return {
    id: mismatch.mismatchId,
    code: mismatch.code,
    severity: mismatch.severity,
    account,
    subject: { kind: mismatch.subjectKind, id: mismatch.subjectId },
    period: mismatch.period === '' ? null : mismatch.period,
    currency: mismatch.currency,
    expected: amount(mismatch.expectedMinor) ?? mismatch.expectedText,
    actual: amount(mismatch.actualMinor) ?? mismatch.actualText,
    difference: amount(differenceOf(mismatch)),
    evidence: mismatch.evidence,
    firstSeenAt: mismatch.firstSeenAt.toISOString(),
    lastSeenAt: mismatch.lastSeenAt.toISOString(),
    ageDays,
    bucket: ageBucket(ageDays),
    state: mismatch.state,
    resolution: mismatch.resolution,
    assignedTo: mismatch.assignedTo,
    owner,
    dueOn,
    acknowledgedAt: mismatch.acknowledgedAt?.toISOString() ?? null,
    summary: mismatch.summary,
    advice: mismatch.advice,
  }
}

/** Whole days from the first sight until now, or until it was resolved. */
export const ageDaysOf = ({ firstSeenAt, resolvedAt }: Mismatch, now: Instant): number =>
  ageDaysBetween(toInstant(firstSeenAt.getTime()), resolvedAt === null ? now : toInstant(resolvedAt.getTime()))

export const ageText = (days: number): string => (days === 0 ? '<1 d' : `${days} d`)

/** Enough of an id to name it, as git shows commits. */
export const shortId = ({ mismatchId }: Mismatch): string => mismatchId.slice(0, 8)

const differenceOf = ({ expectedMinor, actualMinor }: Mismatch): bigint | null =>
  expectedMinor === null || actualMinor === null ? null : actualMinor - expectedMinor

const STYLES = {
  critical: 'magenta',
  high: 'red',
  medium: 'yellow',
  low: 'cyan',
  info: 'dim',
} as const satisfies Record<Severity, string>

export const severityText = (severity: string, text = severity): string => paint(STYLES[severity as Severity], text)

const SUBJECT_WIDTH_MIN = 13
const CODE_WIDTH_MIN = 16
const OWNER_WIDTH_MAX = 16

/** One line for each mismatch, no wider than the terminal, and what they come to. */
export function tabulateMismatches(mismatches: readonly Mismatch[], now: Instant, duties: Duties): string {
  const { head, lines } = mismatchLines(mismatches, now, duties)
  return [
    head,
    ...lines,
    '',
    sumsOf(mismatches, now),
    paint('dim', '  tieout mismatches show <id> tells both sides, the rows behind it and what to do next.'),
  ].join('\n')
}

/** The table alone: its head, and the line of each mismatch. */
export function mismatchLines(
  mismatches: readonly Mismatch[],
  now: Instant,
  duties: Duties,
): { head: string; lines: string[] } {
  const hasStates = mismatches.some(({ state }) => state !== 'open')
  const hasMoney = mismatches.some((one) => differenceOf(one) !== null)
  const dutyOf = new Map(mismatches.map((one) => [one, duties(one, now)]))
  const dueText = (one: Mismatch) => {
    const duty = dutyOf.get(one)
    return duty?.isOverdue ? 'late' : (duty?.dueOn ?? '').slice(5)
  }
  const hasOwners = [...dutyOf.values()].some(({ owner }) => owner !== null)
  // Where nobody is named and nothing is late, the room is for the rest.
  const hasDue = hasOwners || mismatches.some((one) => dueText(one) === 'late')
  const columns = [
    { head: 'id', of: shortId },
    { head: 'severity', of: (one: Mismatch) => one.severity },
    { head: 'mismatch', of: (one: Mismatch) => one.code },
    { head: 'subject', of: subjectText },
    ...(hasMoney ? [{ head: 'difference', of: differenceText }] : []),
    { head: 'age', of: (one: Mismatch) => ageText(ageDaysOf(one, now)) },
    ...(hasDue ? [{ head: 'due', of: dueText }] : []),
    ...(hasStates ? [{ head: 'state', of: (one: Mismatch) => one.resolution ?? one.state }] : []),
    ...(hasOwners
      ? [{ head: 'owner', of: (one: Mismatch) => elide(printable(dutyOf.get(one)?.owner ?? ''), OWNER_WIDTH_MAX) }]
      : []),
  ]
  const rows = mismatches.map((one) => columns.map((column) => column.of(one)))
  const heads = columns.map(({ head }) => head)
  const fitted = fitColumns(
    [heads, ...rows],
    [
      { column: heads.indexOf('subject'), widthMin: SUBJECT_WIDTH_MIN },
      { column: heads.indexOf('mismatch'), widthMin: CODE_WIDTH_MIN },
    ],
  ).slice(1)
  const right = ['difference', 'age'].map((head) => heads.indexOf(head)).filter((index) => index !== -1)
  const [head = '', ...lines] = table(heads, fitted, right).split('\n')
  // Colours would count as width in the table, so they are put in afterwards.
  const coloured = lines.map((line, index) => {
    const { severity = '' } = mismatches[index] ?? {}
    return line.replace(severity, severityText(severity))
  })
  return { head, lines: coloured }
}

/** The code says what kind of thing the subject is. */
const subjectText = ({ subjectId, period }: Mismatch): string =>
  printable(period === '' ? subjectId : `${subjectId} ${period}`)

const differenceText = (mismatch: Mismatch): string => {
  const difference = differenceOf(mismatch)
  return difference === null ? '' : `${formatMinor(difference, mismatch.currency ?? '')} ${mismatch.currency ?? ''}`
}

/** How many there are, how bad and how old. */
export function sumsOf(mismatches: readonly Mismatch[], now: Instant): string {
  const count = mismatches.length === 1 ? '1 mismatch' : `${mismatches.length} mismatches`
  const severities = SEVERITIES.flatMap((severity) => {
    const found = mismatches.filter((one) => one.severity === severity).length
    return found === 0 ? [] : [`${found} ${severity}`]
  })
  const buckets = AGE_BUCKETS.flatMap((bucket) => {
    const found = mismatches.filter((one) => ageBucket(ageDaysOf(one, now)) === bucket).length
    return found === 0 ? [] : [`${bucketText(bucket)}: ${found}`]
  })
  return wrap(`${count}: ${severities.join(', ')} · by age in days ${buckets.join(', ')}`, '  ')
}

const bucketText = (bucket: AgeBucket): string => bucket.replace('-', '–')

/** What heads a mismatch that is told at length. */
export const headOf = ({ severity, code, subjectKind, subjectId }: Mismatch): string =>
  `${severityText(severity, severity.toUpperCase().padEnd(8))}  ${paint('bold', code)}  ${subjectKind} ${printable(subjectId)}`
