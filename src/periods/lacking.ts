import { sumClearing } from '../db/books/clearing.ts'
import type { Tx } from '../db/client.ts'
import { listOpenMismatches } from '../db/mismatches.ts'
import { isOfCardDays, listRunningPulls } from '../db/pulls.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import { currencyDigits, DIGITS_UNLESS_KNOWN, formatMinor, parseMinor } from '../domain/money.ts'
import { lastDayOf, type Month } from '../domain/month.ts'
import { readFile } from '../exports/read-file.ts'
import { reportOf } from '../exports/reports.ts'
import type { RenderedFile } from './render.ts'

const NAMED_MAX = 5

export interface LackingRequest {
  readonly accountId: number
  readonly month: Month
  /** Of the books. */
  readonly cutOffMinutes: number
  /** Of the month, as they would be kept. */
  readonly files: readonly RenderedFile[]
}

/**
 * What is missing before a month can be closed on its word, as sentences: days and lists that were not read, amounts that
 * nothing decides, critical mismatches, what is not posted. Expected charges are another matter: no entry hangs on them.
 */
export async function findLacking(
  tx: Tx,
  { accountId, month, cutOffMinutes, files }: LackingRequest,
): Promise<string[]> {
  const controls = files.flatMap(({ control }) => (control === null ? [] : [control]))
  const journals = files.flatMap(({ journal }) => (journal === null ? [] : [journal]))
  const aboutMoney = controls.filter(({ report }) => reportOf(report).needs.subscriptions === 'none')
  return [
    ...new Set([...aboutMoney, ...journals].flatMap(({ missing }) => missing)),
    ...(await findReadings(tx, accountId)),
    ...(await findCritical(tx, accountId)),
    // With a cut-off of their own the books mean other days by the same names.
    ...(cutOffMinutes === 0 ? await findDifference(tx, { accountId, month, files }) : []),
  ]
}

/** What it has read so far is in the mirror, and the rest is not. */
async function findReadings(tx: Tx, accountId: number): Promise<string[]> {
  const readings = (await listRunningPulls(tx, accountId)).filter(
    (pull) => isOfCardDays(pull) || pull.resource === 'card_batch',
  )
  return readings.length === 0 ? [] : ['card transactions or batches are being read just now: try again in a moment']
}

async function findCritical(tx: Tx, accountId: number): Promise<string[]> {
  const critical = (await listOpenMismatches(tx, accountId)).filter(({ severity }) => severity === 'critical')
  if (critical.length === 0) return []
  const named = critical.slice(0, NAMED_MAX).map(({ code, subjectId }) => `${code} ${subjectId}`)
  const more = critical.length > NAMED_MAX ? `, and ${critical.length - NAMED_MAX} more` : ''
  const some = critical.length === 1 ? '1 critical mismatch stands' : `${critical.length} critical mismatches stand`
  return [`${some}: ${named.join(', ')}${more}`]
}

/** What was sold by card and not settled when the month ended: the account of the books against the roll-forward of the mirror. */
async function findDifference(
  tx: Tx,
  { accountId, month, files }: Omit<LackingRequest, 'cutOffMinutes'>,
): Promise<string[]> {
  const lastDay = lastDayOf(month)
  const posted = await sumClearing(tx, accountId, lastDay)
  const mirrored = await closingsOf(files, lastDay)
  return [...new Set([...posted.keys(), ...mirrored.keys()])].sort().flatMap((currency) => {
    const [inBooks, inMirror] = [posted.get(currency) ?? 0n, mirrored.get(currency) ?? 0n]
    if (inBooks === inMirror) return []
    const [books, mirror] = [inBooks, inMirror].map((minor) => `${formatMinor(minor, currency)} ${currency}`)
    return [`books and mirror differ: ${books} and ${mirror} are not settled when ${month} ends`]
  })
}

async function closingsOf(files: readonly RenderedFile[], day: BusinessDate): Promise<Map<string, bigint>> {
  const closings = new Map<string, bigint>()
  const file = files.find(({ content }) => content === 'clearing')
  if (file?.control == null) throw new Error('the month has no roll-forward')
  await readFile(file.path, file.control, reportOf('clearing'), ({ date, currency = '', closing = '' }) => {
    if (date === day) closings.set(currency, parseMinor(closing, currencyDigits(currency) ?? DIGITS_UNLESS_KNOWN) ?? 0n)
  })
  return closings
}
