import type { Mismatch } from '../db/mismatches.ts'
import { AGE_BUCKETS, type AgeBucket, ageBucket, ageDaysBetween } from '../domain/ageing.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import { SEVERITIES, type Severity } from '../domain/mismatch.ts'
import { formatMinor } from '../domain/money.ts'
import { paint, table, wrap } from './paint.ts'

/** A mismatch as scripts see it (CHECKS.md); amounts are decimal strings, keys in camelCase. */
export function mismatchToJson(mismatch: Mismatch, account: string, now: Instant) {
  const amount = (minor: bigint | null) => (minor === null ? null : formatMinor(minor, mismatch.currency ?? ''))
  const ageDays = ageDaysOf(mismatch, now)
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

/** Text from outside must not move the cursor, colour the screen or turn the line around. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')

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

const SUBJECT_WIDTH_MIN = 12
const OWNER_WIDTH_MAX = 16

/** One line for each mismatch, no wider than the terminal, and what they come to. */
export function tabulateMismatches(mismatches: readonly Mismatch[], now: Instant): string {
  const hasStates = mismatches.some(({ state }) => state !== 'open')
  const hasMoney = mismatches.some((one) => differenceOf(one) !== null)
  const hasOwners = mismatches.some(({ assignedTo }) => assignedTo !== null)
  const columns = [
    { head: 'id', of: shortId },
    { head: 'severity', of: (one: Mismatch) => one.severity },
    { head: 'mismatch', of: (one: Mismatch) => one.code },
    { head: 'subject', of: subjectText },
    ...(hasMoney ? [{ head: 'difference', of: differenceText }] : []),
    { head: 'age', of: (one: Mismatch) => ageText(ageDaysOf(one, now)) },
    ...(hasStates ? [{ head: 'state', of: (one: Mismatch) => one.resolution ?? one.state }] : []),
    ...(hasOwners
      ? [{ head: 'owner', of: (one: Mismatch) => elide(printable(one.assignedTo ?? ''), OWNER_WIDTH_MAX) }]
      : []),
  ]
  const rows = mismatches.map((one) => columns.map((column) => column.of(one)))
  const heads = columns.map(({ head }) => head)
  const fitted = fitColumn([heads, ...rows], heads.indexOf('subject')).slice(1)
  const right = ['difference', 'age'].map((head) => heads.indexOf(head)).filter((index) => index !== -1)
  const lines = table(heads, fitted, right).split('\n')
  // Colours would count as width in the table, so they are put in afterwards.
  const coloured = lines.map((line, index) => {
    const mismatch = mismatches[index - 1]
    return mismatch ? line.replace(mismatch.severity, severityText(mismatch.severity)) : line
  })
  return [...coloured, '', ...sumsOf(mismatches, now)].join('\n')
}

/** The code says what kind of thing the subject is. */
const subjectText = ({ subjectId, period }: Mismatch): string =>
  printable(period === '' ? subjectId : `${subjectId} ${period}`)

const differenceText = (mismatch: Mismatch): string => {
  const difference = differenceOf(mismatch)
  return difference === null ? '' : `${formatMinor(difference, mismatch.currency ?? '')} ${mismatch.currency ?? ''}`
}

/** Shortens one column so that a line of the table fits the terminal; elsewhere, as in a pipe, nothing is cut. */
function fitColumn(rows: readonly (readonly string[])[], column: number): string[][] {
  const { columns: widthMax } = process.stdout
  const widthOf = (index: number) => Math.max(...rows.map((row) => row[index]?.length ?? 0))
  const others = (rows[0] ?? []).reduce((sum, _, index) => (index === column ? sum : sum + widthOf(index) + 2), 2)
  const width = widthMax === undefined ? widthOf(column) : Math.max(SUBJECT_WIDTH_MIN, widthMax - others)
  return rows.map((row) => row.map((cell, index) => (index === column ? elide(cell, width) : cell)))
}

const elide = (text: string, width: number): string => (text.length > width ? `${text.slice(0, width - 1)}…` : text)

function sumsOf(mismatches: readonly Mismatch[], now: Instant): string[] {
  const count = mismatches.length === 1 ? '1 mismatch' : `${mismatches.length} mismatches`
  const severities = SEVERITIES.flatMap((severity) => {
    const found = mismatches.filter((one) => one.severity === severity).length
    return found === 0 ? [] : [`${found} ${severity}`]
  })
  const buckets = AGE_BUCKETS.flatMap((bucket) => {
    const found = mismatches.filter((one) => ageBucket(ageDaysOf(one, now)) === bucket).length
    return found === 0 ? [] : [`${bucketText(bucket)}: ${found}`]
  })
  return [
    wrap(`${count}: ${severities.join(', ')} · by age in days ${buckets.join(', ')}`, '  '),
    paint('dim', '  tieout mismatches show <id> tells both sides, the rows behind it and what to do next.'),
  ]
}

const bucketText = (bucket: AgeBucket): string => bucket.replace('-', '–')

/** Mismatches for a person: what, both sides, a sentence, and what to do next. */
export function showMismatches(mismatches: readonly Mismatch[]): string {
  return mismatches.map(showOne).join('\n\n')
}

function showOne(mismatch: Mismatch): string {
  return [
    `  ${headOf(mismatch)}`,
    ...sides(mismatch),
    wrap(printable(mismatch.summary), '            '),
    paint('dim', wrap(printable(mismatch.advice), '            ')),
  ].join('\n')
}

export const headOf = ({ severity, code, subjectKind, subjectId }: Mismatch): string =>
  `${severityText(severity, severity.toUpperCase().padEnd(8))}  ${paint('bold', code)}  ${subjectKind} ${printable(subjectId)}`

function sides({ expectedMinor, actualMinor, currency }: Mismatch): string[] {
  if (expectedMinor === null || actualMinor === null || currency === null) return []
  const money = (minor: bigint) => `${formatMinor(minor, currency)} ${currency}`
  return [
    `            Helcim states ${money(expectedMinor)} · its rows add up to ${money(actualMinor)} · difference ${money(actualMinor - expectedMinor)}`,
  ]
}
