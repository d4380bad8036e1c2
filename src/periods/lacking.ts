import { countMarks } from '../db/books/marks.ts'
import type { Tx } from '../db/client.ts'
import { listOpenMismatches } from '../db/mismatches.ts'
import { isOfCardDays, listRunningPulls } from '../db/pulls.ts'
import type { Control } from '../exports/control.ts'
import { reportOf } from '../exports/reports.ts'

const NAMED_MAX = 5

/**
 * What is missing before a month can be closed on its word, as sentences: days and lists that were not read, amounts that
 * nothing decides, critical mismatches, what is not posted. Expected charges are another matter: no entry hangs on them.
 */
export async function findLacking(tx: Tx, accountId: number, controls: readonly Control[]): Promise<string[]> {
  const aboutMoney = controls.filter(({ report }) => reportOf(report).needs.subscriptions === 'none')
  return [
    ...new Set(aboutMoney.flatMap(({ missing }) => missing)),
    ...(await findReadings(tx, accountId)),
    ...(await findCritical(tx, accountId)),
    ...(await findUnposted(tx, accountId)),
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

async function findUnposted(tx: Tx, accountId: number): Promise<string[]> {
  const count = await countMarks(tx, accountId)
  return count === 0 ? [] : ['changes of the last moments are not posted yet: try again']
}
