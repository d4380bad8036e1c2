import { listBooksDifferences } from '../db/books/compare.ts'
import { loadPostedBy } from '../db/books/runs.ts'
import type { Tx } from '../db/client.ts'
import { areNamedWithin } from '../db/invoices/scope.ts'
import { listOpenMismatches } from '../db/mismatches.ts'
import { isOfCardDays, listRunningPulls, type Pull } from '../db/pulls.ts'
import { addDays } from '../domain/calendar.ts'
import { moneyText } from '../domain/money.ts'
import { firstDayOf, lastDayOf, type Month } from '../domain/month.ts'
import { reportOf } from '../exports/reports.ts'
import type { RenderedFile } from './render.ts'

const NAMED_MAX = 5

export interface LackingRequest {
  readonly accountId: number
  readonly month: Month
  /** Of the month, as they would be kept. */
  readonly files: readonly RenderedFile[]
}

/**
 * What is missing before a month can be closed on its word, as sentences: days and lists that were not read, amounts that
 * nothing decides, critical mismatches, what is not posted. Expected charges are another matter: no entry hangs on them.
 */
export async function findLacking(tx: Tx, { accountId, month, files }: LackingRequest): Promise<string[]> {
  const controls = files.flatMap(({ control }) => (control === null ? [] : [control]))
  const journals = files.flatMap(({ journal }) => (journal === null ? [] : [journal]))
  const aboutMoney = controls.filter(({ report }) => reportOf(report).needs.subscriptions === 'none')
  return [
    ...new Set([...aboutMoney, ...journals].flatMap(({ missing }) => missing)),
    ...(await findReadings(tx, accountId, month)),
    ...(await findCritical(tx, accountId)),
    ...(await findDifferences(tx, accountId, month)),
  ]
}

/**
 * What it has read so far is in the mirror, and the rest is not. Of bank payments and invoices only such as may belong to
 * the month: theirs are read daily, by then mostly of days that came after it.
 */
async function findReadings(tx: Tx, accountId: number, month: Month): Promise<string[]> {
  const running = await listRunningPulls(tx, accountId)
  const isCardMoney = running.some((pull) => isOfCardDays(pull) || pull.resource === 'card_batch')
  return [
    ...(isCardMoney ? ['card transactions or batches are being read just now: try again in a moment'] : []),
    ...((await isBillingRead(tx, { accountId, month, running }))
      ? ['ACH transactions or invoices are being read just now: try again in a moment']
      : []),
  ]
}

async function isBillingRead(
  tx: Tx,
  { accountId, month, running }: { accountId: number; month: Month; running: readonly Pull[] },
): Promise<boolean> {
  // No zone is further from Mountain Time than a day.
  const [from, to] = [addDays(firstDayOf(month), -1), addDays(lastDayOf(month), 1)]
  const billing = running.filter(({ resource }) => resource === 'ach_transaction' || resource === 'invoice')
  if (billing.some(({ window }) => window.kind === 'days' && window.from <= to)) return true
  const numbers = billing.flatMap(({ window }) => (window.kind === 'code' ? [window.code] : []))
  return areNamedWithin(tx, { accountId, numbers, from, to })
}

async function findCritical(tx: Tx, accountId: number): Promise<string[]> {
  const critical = (await listOpenMismatches(tx, accountId)).filter(({ severity }) => severity === 'critical')
  if (critical.length === 0) return []
  const named = critical.slice(0, NAMED_MAX).map(({ code, subjectId }) => `${code} ${subjectId}`)
  const more = critical.length > NAMED_MAX ? `, and ${critical.length - NAMED_MAX} more` : ''
  const some = critical.length === 1 ? '1 critical mismatch stands' : `${critical.length} critical mismatches stand`
  return [`${some}: ${named.join(', ')}${more}`]
}

/** Up to the month's end, by the days that things belong to; what is dated later as its month was closed is no difference. */
async function findDifferences(tx: Tx, accountId: number, month: Month): Promise<string[]> {
  const by = await loadPostedBy(tx, accountId)
  if (by === null) return []
  return (await listBooksDifferences(tx, accountId, by))
    .filter((one) => one.month <= month)
    .map(({ month: of, account, currency, booksMinor, mirrorMinor }) => {
      const [books, mirror] = [booksMinor, mirrorMinor].map((minor) => moneyText(minor, currency))
      return `books and mirror differ: ${of}, ${account}: ${books} and ${mirror}`
    })
}
