import { loadHistoryFrom } from '../db/accounts.ts'
import type { Tx } from '../db/client.ts'
import { listResourceExtents, listResourceStates, listUnprovedDays } from '../db/coverage.ts'
import { listOpenMismatches, type Mismatch } from '../db/mismatches.ts'
import { loadLastFullRun } from '../db/runs.ts'
import { ageDaysBetween } from '../domain/ageing.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import { MISMATCH_CODES } from '../domain/mismatch.ts'
import { formatMinor } from '../domain/money.ts'
import { lastDayOf, type Month } from '../domain/month.ts'
import type { RenderedFile } from './render.ts'

/** What a month was closed on, to be handed on; amounts as decimal texts, instants in ISO, UTC. */
export interface Certificate {
  readonly account: string
  readonly month: Month
  readonly zone: string
  readonly revision: number
  readonly closedAt: string
  readonly closedBy: string
  readonly asOf: string
  /** Null unless it was closed although something was missing. */
  readonly forcedReason: string | null
  readonly lacking: readonly string[]
  /** What the books cannot tell although all was read that can be; holds no close back. */
  readonly reservations: readonly string[]
  readonly version: string
  /** Each check, and how many of its mismatches stand; those without any passed. */
  readonly checks: readonly { readonly code: string; readonly countOpen: number; readonly passed: boolean }[]
  /** The last judgement of everything; null when there was none. */
  readonly judgedAt: string | null
  readonly openMismatches: readonly OpenMismatch[]
  readonly coverage: readonly Coverage[]
  /** Of each report. */
  readonly totals: readonly {
    readonly file: string
    readonly report: string
    readonly rows: number
    readonly sums: Readonly<Record<string, Readonly<Record<string, string>>>>
    readonly isComplete: boolean
    readonly missing: readonly string[]
  }[]
  /** Of each journal: what moved in the clearing account in the month, the same in all of them. */
  readonly journals: readonly {
    readonly file: string
    readonly journal: string
    readonly entries: number
    readonly controlTotal: Readonly<Record<string, string>>
  }[]
  readonly files: readonly { readonly file: string; readonly sha256: string }[]
  /** Over the lines `<sha256>  <file>` of all of them. */
  readonly sha256: string
}

interface OpenMismatch {
  readonly id: string
  readonly code: string
  readonly severity: string
  readonly subject: string
  readonly currency: string | null
  readonly expected: string | null
  readonly actual: string | null
  readonly difference: string | null
  readonly firstSeenAt: string
  readonly ageDays: number
  readonly summary: string
}

interface Coverage {
  readonly resource: string
  readonly records: number
  /** Whether days of it are read, or the whole list. */
  readonly readBy: 'days' | 'list'
  /** The first and last of those read by days. */
  readonly firstDay: string | null
  readonly lastDay: string | null
  /** Of those read by days, days of the history up to the month's end that were not read completely after they were over. */
  readonly unreadDays: readonly { readonly from: string; readonly to: string }[]
  /** Whether the last reading was beyond what the token may read. */
  readonly isPermitted: boolean
  /** When its last complete reading began; null when there was none in the last weeks. */
  readonly lastCompleteAt: string | null
}

const iso = (at: Instant | number): string => new Date(at).toISOString()

export async function buildCertificate(
  tx: Tx,
  facts: Pick<
    Certificate,
    'account' | 'month' | 'zone' | 'revision' | 'closedBy' | 'forcedReason' | 'lacking' | 'version' | 'sha256'
  > & { accountId: number; closedAt: Instant; asOf: Instant; files: readonly RenderedFile[] },
): Promise<Certificate> {
  const { accountId, closedAt, asOf, files, ...rest } = facts
  const open = await listOpenMismatches(tx, accountId)
  const judgedAt = await loadLastFullRun(tx, accountId)
  const countOf = (code: string) => open.filter((one) => one.code === code).length
  return {
    ...rest,
    reservations: [...new Set(files.flatMap(({ journal }) => journal?.reservations ?? []))],
    closedAt: iso(closedAt),
    asOf: iso(asOf),
    checks: MISMATCH_CODES.map((code) => ({ code, countOpen: countOf(code), passed: countOf(code) === 0 })),
    judgedAt: judgedAt === null ? null : iso(judgedAt),
    openMismatches: open.map((one) => mismatchOf(one, closedAt)),
    coverage: await coverageOf(tx, { accountId, month: facts.month }),
    totals: files.flatMap(({ control }) =>
      control === null
        ? []
        : [
            {
              file: control.file,
              report: control.report,
              rows: control.rows,
              sums: control.sums,
              isComplete: control.isComplete,
              missing: control.missing,
            },
          ],
    ),
    journals: files.flatMap(({ journal }) =>
      journal === null
        ? []
        : [
            {
              file: journal.file,
              journal: journal.journal,
              entries: journal.entries,
              controlTotal: journal.controlTotal,
            },
          ],
    ),
    files: files.map(({ file, sha256 }) => ({ file, sha256 })),
  }
}

async function coverageOf(
  tx: Tx,
  { accountId, month }: { accountId: number; month: Month },
): Promise<Certificate['coverage']> {
  const states = await listResourceStates(tx, accountId)
  const from = await loadHistoryFrom(tx, accountId)
  const coverage: Coverage[] = []
  for (const { resource, countRecords, isReadByDays, firstDay, lastDay } of await listResourceExtents(tx, accountId)) {
    const own = states.filter((one) => one.resource === resource)
    const instants = own.flatMap(({ lastCompleteAt }) => lastCompleteAt ?? [])
    coverage.push({
      resource,
      records: countRecords,
      readBy: isReadByDays ? 'days' : 'list',
      firstDay,
      lastDay,
      unreadDays: isReadByDays ? await listUnprovedDays(tx, { accountId, resource, from, to: lastDayOf(month) }) : [],
      isPermitted: !own.some(({ lastState }) => lastState === 'not_permitted'),
      lastCompleteAt: instants.length === 0 ? null : iso(Math.max(...instants)),
    })
  }
  return coverage
}

function mismatchOf(one: Mismatch, now: Instant): OpenMismatch {
  const { currency, expectedMinor, actualMinor } = one
  const amount = (minor: bigint | null) => (minor === null || currency === null ? null : formatMinor(minor, currency))
  const isMoney = expectedMinor !== null && actualMinor !== null
  return {
    id: one.mismatchId,
    code: one.code,
    severity: one.severity,
    subject: `${one.subjectKind}:${one.subjectId}`,
    currency,
    expected: amount(expectedMinor) ?? one.expectedText,
    actual: amount(actualMinor) ?? one.actualText,
    difference: isMoney ? amount(actualMinor - expectedMinor) : null,
    firstSeenAt: one.firstSeenAt.toISOString(),
    ageDays: ageDaysBetween(toInstant(one.firstSeenAt.getTime()), now),
    summary: one.summary,
  }
}
