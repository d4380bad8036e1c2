import { daysText } from '../domain/calendar.ts'
import type { Certificate } from './certificate.ts'

/** More of them stand in the JSON. */
const MISMATCHES_SHOWN_MAX = 10

/** A certificate as one page of plain text. */
export function certificateText(one: Certificate): string {
  const passed = one.checks.filter((check) => check.passed).length
  return `${[
    `CERTIFICATE OF THE PERIOD ${one.month}, REVISION ${one.revision}`,
    '',
    `Account      ${one.account} (days in ${one.zone})`,
    `Closed       ${one.closedAt} by ${one.closedBy}, with tieout ${one.version}`,
    `As known at  ${one.asOf}`,
    ...(one.forcedReason === null ? [] : [`BY FORCE     ${one.forcedReason}`]),
    ...one.lacking.map((line) => `Missing      ${line}`),
    ...one.reservations.map((line) => `Reservation  ${line}`),
    '',
    `CHECKS: ${passed} of ${one.checks.length} passed; everything was judged last at ${one.judgedAt ?? '(never)'}`,
    ...one.checks.flatMap(({ code, countOpen }) => (countOpen === 0 ? [] : [`  ${code.padEnd(34)} ${countOpen} open`])),
    '',
    `OPEN MISMATCHES: ${one.openMismatches.length}`,
    ...one.openMismatches.slice(0, MISMATCHES_SHOWN_MAX).map(mismatchLine),
    ...moreLine(one.openMismatches.length),
    '',
    'COVERAGE (what is mirrored; days read completely; last complete reading)',
    ...one.coverage.flatMap(coverageLines),
    '',
    'CONTROL TOTALS',
    ...one.totals.flatMap(({ report, rows, sums, isComplete }) => [
      `  ${report.padEnd(14)} ${String(rows).padStart(9)} rows${isComplete ? '' : ', not proved complete'}`,
      ...Object.entries(sums).map(([currency, amounts]) => `    ${currency}  ${amountsText(amounts)}`),
    ]),
    `  ${'journals'.padEnd(14)} ${String(one.journals.length).padStart(9)} files, each with these movements of the clearing account`,
    ...Object.entries(one.journals[0]?.controlTotal ?? {}).map(([currency, total]) => `    ${currency}  ${total}`),
    '',
    'SHA-256',
    ...one.files.map(({ file, sha256 }) => `  ${sha256}  ${file}`),
    `  ${one.sha256}  over these lines, without the blanks before them`,
  ].join('\n')}\n`
}

function coverageLines(one: Certificate['coverage'][number]): string[] {
  const { resource, records, readBy, firstDay, lastDay, unreadDays, isPermitted, lastCompleteAt } = one
  const days = readBy === 'list' ? 'a list' : firstDay === null ? 'no day was read' : `${firstDay} to ${lastDay}`
  const last = isPermitted ? (lastCompleteAt ?? 'none lately') : 'not permitted'
  return [
    `  ${resource.padEnd(20)} ${String(records).padStart(9)}  ${days.padEnd(24)}  ${last}`,
    ...(unreadDays.length === 0 || !isPermitted ? [] : [`    not read after they were over: ${daysText(unreadDays)}`]),
  ]
}

function mismatchLine({
  severity,
  code,
  subject,
  currency,
  expected,
  actual,
  ageDays,
}: Certificate['openMismatches'][number]): string {
  const sides =
    expected === null && actual === null ? '' : ` ${expected ?? '–'} / ${actual ?? '–'} ${currency ?? ''}`.trimEnd()
  return `  ${severity.padEnd(8)} ${code} ${subject}${sides}, ${ageDays} days`
}

const moreLine = (count: number): string[] =>
  count > MISMATCHES_SHOWN_MAX ? [`  and ${count - MISMATCHES_SHOWN_MAX} more, in the JSON`] : []

const amountsText = (amounts: Readonly<Record<string, string>>): string =>
  Object.entries(amounts)
    .map(([column, amount]) => `${column} ${amount}`)
    .join(' · ')
