import type { Verification } from '../exports/verify.ts'
import { count, cross, tick } from './paint.ts'

/** What reading exported files back says: what does not agree, or that all of it does. */
export function showVerification({ files, differences, countCompared }: Verification): string {
  if (differences.length > 0) return differences.map(cross).join('\n')
  const accounts = [...new Set(files.map(({ account }) => account))]
  const owners = accounts.length === 1 ? '' : ` of ${accounts.length} accounts (${accounts.join(', ')})`
  const rows = files.reduce((total, control) => total + control.rows, 0)
  return [
    tick(`${files.length} files${owners} with ${count(rows)} rows agree with their control files`),
    ...(countCompared === 0 ? [] : [tick(`${countCompared} comparisons between them agree`)]),
  ].join('\n')
}
