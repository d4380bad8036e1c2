import type { Verification } from '../exports/verify.ts'
import { caution, count, cross, tick } from './paint.ts'

/** What reading exported files back says: what does not agree, or that all of it does. */
export function showVerification({
  files: reports,
  journals,
  differences,
  countCompared,
  countWithBooks,
  countWithReports,
  remarks,
}: Verification): string {
  if (differences.length > 0) return differences.map(cross).join('\n')
  const files = [...reports, ...journals]
  const accounts = [...new Set(files.map(({ account }) => account))]
  const owners = accounts.length === 1 ? '' : ` of ${accounts.length} accounts (${accounts.join(', ')})`
  const rows = reports.reduce((total, control) => total + control.rows, 0)
  const entries = journals.reduce((total, control) => total + control.entries, 0)
  const held = [
    ...(reports.length === 0 ? [] : [`${count(rows)} rows`]),
    ...(journals.length === 0 ? [] : [`${count(entries)} entries`]),
  ].join(' and ')
  return [
    tick(`${files.length} files${owners} with ${held} agree with their control files`),
    ...(countCompared === 0 ? [] : [tick(`${countCompared} comparisons between them agree`)]),
    ...(journals.length === 0 ? [] : [judgedByBooks(countWithBooks)]),
    ...(countWithReports === 0 ? [] : [tick(`${countWithReports} journals end with what the report clearing does`)]),
    ...remarks.map(caution),
  ].join('\n')
}

const judgedByBooks = (countWithBooks: number): string =>
  countWithBooks === 0
    ? caution('the journals were not compared with the books')
    : tick(`${countWithBooks} journals agree with the books`)
