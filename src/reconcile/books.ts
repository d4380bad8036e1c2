import { type BooksDifference, listBooksDifferences } from '../db/books/compare.ts'
import { loadPostedBy } from '../db/books/runs.ts'
import type { Tx } from '../db/client.ts'
import type { Examined } from '../db/mismatches.ts'
import { type Finding, moneyFinding } from '../domain/mismatch.ts'
import { moneyText } from '../domain/money.ts'
import { BOOKS_CHECKS } from './books-checks.ts'

const CODE = 'books_differ_from_mirror'

/**
 * Family I: what incremental posting has come to is held against the whole mirror, so that only full runs do it. Nothing
 * is judged before anything was posted.
 */
export async function reconcileBooks(
  tx: Tx,
  { accountId, isFull }: { accountId: number; isFull: boolean },
): Promise<{ findings: readonly Finding[]; examined: readonly Examined[] }> {
  const by = isFull ? await loadPostedBy(tx, accountId) : null
  if (by === null) return { findings: [], examined: [] }
  const differences = await listBooksDifferences(tx, accountId, by)
  return { findings: differences.map(findingOf), examined: [{ codes: [CODE], subjectRoots: null }] }
}

function findingOf({ month, account, currency, mirrorMinor, booksMinor }: BooksDifference): Finding {
  const { subject, severity, advice } = BOOKS_CHECKS[CODE]
  return moneyFinding({
    code: CODE,
    severity,
    subject: { kind: subject, id: `${month}:${account}` },
    period: currency,
    currency,
    expectedMinor: mirrorMinor,
    actualMinor: booksMinor,
    summary:
      `${month}, ${account}: the mirror adds up to ${moneyText(mirrorMinor, currency)}, the books say ` +
      `${moneyText(booksMinor, currency)}.`,
    advice,
    evidence: [`period:${month}`],
  })
}
