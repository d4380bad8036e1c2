import { loadZone } from '../db/accounts.ts'
import {
  findRevision,
  listPeriodEvents,
  listPeriodFiles,
  type PeriodFile,
  type PeriodRevision,
  readPeriodFile,
} from '../db/books/periods.ts'
import type { Db } from '../db/client.ts'
import { applyFindings, type MismatchChanges } from '../db/mismatches.ts'
import { businessDateOf } from '../domain/calendar.ts'
import type { Clock } from '../domain/clock.ts'
import type { BooksSettings } from '../domain/journal/chart.ts'
import { type Finding, textFinding } from '../domain/mismatch.ts'
import { monthOf } from '../domain/month.ts'
import { UsageError } from '../domain/operating-error.ts'
import { CERTIFICATE, periodStatesOf } from '../domain/periods.ts'
import { hashOf } from '../exports/stage-file.ts'
import { hashOver } from './close.ts'
import { renderLasting, withScratchFolder } from './render.ts'

export interface Recheck extends MismatchChanges {
  readonly countMonths: number
  /** Files that were made again and compared. */
  readonly countCompared: number
  /** Files that this version of tieout, or the settings of today, would make otherwise: nothing follows from their bytes. */
  readonly countUndecidable: number
}

/**
 * Family I: the files of closed months are still those that were stored, and what was known when a month was closed
 * still makes them. Only what is decidable is judged: files whose definition is the one of then, and times that can be
 * shown.
 */
export async function recheckPeriods(
  db: Db,
  { accountId, books }: { accountId: number; books: BooksSettings },
  clock: Clock,
  signal?: AbortSignal,
): Promise<Recheck> {
  const now = clock.now()
  const present = monthOf(businessDateOf(now, await loadZone(db, accountId)))
  const states = periodStatesOf(await listPeriodEvents(db, accountId), { first: present, present })
  const findings: Finding[] = []
  // A month that was reopened is not held to what it was.
  const examined = states.flatMap(({ month, state }) => (state === 'reopened' ? [month as string] : []))
  let countCompared = 0
  let countUndecidable = 0
  const closed = states.filter(({ state }) => state === 'closed')
  for (const { month } of closed) {
    const revision = await findRevision(db, { accountId, month })
    if (revision === null) throw new Error(`${month} is closed and has no revision`)
    const stored = await findStoredDifferences(db, accountId, revision)
    const again = await findRenderedDifferences(db, { accountId, books, revision, now, ...(signal && { signal }) })
    findings.push(...stored, ...again.findings)
    countCompared += again.countCompared
    countUndecidable += again.countUndecidable
    // What stands and cannot be decided any more stays as it is.
    if (again.countUndecidable === 0) examined.push(month)
  }
  const changes = await db.transaction((tx) =>
    applyFindings(tx, { accountId, findings, examined: [{ codes: ['export_differs'], subjectRoots: examined }], now }),
  )
  return { ...changes, countMonths: closed.length, countCompared, countUndecidable }
}

async function findStoredDifferences(db: Db, accountId: number, revision: PeriodRevision): Promise<Finding[]> {
  const key = { accountId, month: revision.month, revision: revision.revision }
  const files = await listPeriodFiles(db, key)
  const findings: Finding[] = []
  for (const file of files) {
    const sha256 = await hashOf(readPeriodFile(db, { ...key, file: file.file }))
    if (sha256 !== file.sha256) findings.push(differs(revision, file, { actual: sha256, kind: 'stored' }))
  }
  const sha256 = hashOver(files.filter(({ content }) => content !== CERTIFICATE))
  if (sha256 !== revision.sha256) {
    const all = { file: 'all files', sha256: revision.sha256 }
    findings.push(differs(revision, all, { actual: sha256, kind: 'stored' }))
  }
  return findings
}

async function findRenderedDifferences(
  db: Db,
  input: {
    accountId: number
    books: BooksSettings
    revision: PeriodRevision
    now: ReturnType<Clock['now']>
    signal?: AbortSignal
  },
): Promise<{ findings: Finding[]; countCompared: number; countUndecidable: number }> {
  const { accountId, books, revision, now, signal } = input
  const { month, asOf } = revision
  const files = await listPeriodFiles(db, { accountId, month, revision: revision.revision })
  const lasting = files.filter(({ definition }) => definition !== null)
  const rendered = await withScratchFolder((folder) =>
    renderLasting(db.$client, { accountId, month, asOf, now, books }, folder, signal && { signal }),
  ).catch((error: unknown) => {
    // What was known then cannot be told any more.
    if (error instanceof UsageError) return []
    throw error
  })
  const findings: Finding[] = []
  let countCompared = 0
  for (const file of lasting) {
    const again = rendered.find((one) => one.file === file.file)
    if (again === undefined || again.definition !== file.definition) continue
    countCompared += 1
    if (again.sha256 !== file.sha256) findings.push(differs(revision, file, { actual: again.sha256, kind: 'rendered' }))
  }
  return { findings, countCompared, countUndecidable: lasting.length - countCompared }
}

function differs(
  { month, revision, closedAt }: PeriodRevision,
  { file, sha256 }: Pick<PeriodFile, 'file' | 'sha256'>,
  { actual, kind }: { actual: string; kind: 'stored' | 'rendered' },
): Finding {
  return textFinding({
    code: 'export_differs',
    severity: 'critical',
    subject: { kind: 'export', id: `${month}:${file}` },
    period: kind,
    expectedText: sha256,
    actualText: actual,
    summary: `${month}, revision ${revision}: ${file} of the close at ${new Date(closedAt).toISOString()} ${kind === 'stored' ? 'is not stored as it was' : 'comes out otherwise when it is made again'}.`,
    advice:
      `Write the stored files with "tieout period export ${month}" and compare them with "tieout export all --period ${month} ` +
      `--as-of ${new Date(closedAt).toISOString()}"; restore the database from before whoever changed it.`,
    evidence: [`export:${file}`],
  })
}
