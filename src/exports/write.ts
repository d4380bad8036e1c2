import { createHash } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type pg from 'pg'
import { withSnapshotAsOf } from '../db/as-of.ts'
import { type Snapshot, withSnapshot } from '../db/client.ts'
import { isMovement, isReturned, movementTables, signedMinor } from '../db/movements/movements.ts'
import { reversesSql } from '../db/movements/reverses.ts'
import { ACCOUNT_NAME } from '../domain/account-name.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import { UsageError } from '../domain/operating-error.ts'
import type { Control } from './control.ts'
import type { ExportFormat } from './formats.ts'
import { loadThroughEntry } from './journals/load.ts'
import { isCreatedWithin } from './movements.ts'
import { instantsOf, type Period, periodName } from './period.ts'
import { findMissing } from './proof.ts'
import { rowsSql } from './queries.ts'
import { type Rendering, renderRows } from './render.ts'
import { moneySql, REPORT_VERSION, type Report, type Scope } from './report.ts'
import { isSettledAhead } from './reports/clearing.ts'
import { asOfSql } from './reports/mismatches.ts'
import { isSettledBefore } from './reports/settlement.ts'
import type { StagedFile } from './stage-file.ts'
import { writeWithControl } from './write-with-control.ts'

export interface ExportRequest {
  readonly accountId: number
  readonly period: Period
  readonly reports: readonly Report[]
  readonly format: ExportFormat
  /** Made if it is not there. */
  readonly directory: string
}

export interface WrittenFile {
  readonly path: string
  readonly control: Control
  /** Hash of all that decides about the file but the data: the same one and the same state give the same bytes. */
  readonly definition: string
}

/**
 * Writes one file for each report, and its control file. All of them show one state of the database, and the same state
 * gives the same bytes. A file appears under its name only when it is whole; its control file comes right after it.
 * Rows become bytes as they come and nothing is collected, so memory does not grow with rows.
 * @param options `onProgress` hears how many bytes of a file there are so far; `asOf` is the instant whose state is shown
 * @throws UsageError when the directory cannot be written to, or a report does not know its past
 */
export async function writeExports(
  pool: pg.Pool,
  request: ExportRequest,
  options: {
    signal?: AbortSignal
    onProgress?: (file: string, countBytes: number) => void
    asOf?: { at: Instant; now: Instant }
  } = {},
): Promise<WrittenFile[]> {
  const { asOf, ...rest } = options
  if (asOf) for (const report of request.reports) assertHasPast(report)
  const write = async (snapshot: Snapshot) => {
    const account = await loadAccount(snapshot, request.accountId)
    const scope = { accountId: request.accountId, ...request.period, ...instantsOf(request.period, account.zone) }
    const written: WrittenFile[] = []
    for (const report of request.reports) {
      written.push(await writeOne(snapshot, { ...request, report, account, scope, ...rest }))
    }
    return written
  }
  return asOf ? withSnapshotAsOf(pool, { accountId: request.accountId, ...asOf }, write) : withSnapshot(pool, write)
}

function assertHasPast({ name, presentOnly }: Report): void {
  if (presentOnly !== undefined)
    throw new UsageError(`--as-of: ${name} can only be had as of now: ${presentOnly}`, { exitCode: 1 })
}

export interface AccountFacts {
  readonly name: string
  readonly zone: string
  readonly historyFrom: BusinessDate
  readonly asOf: string
}

interface OneFile extends ExportRequest {
  readonly report: Report
  readonly account: AccountFacts
  readonly scope: Scope
  readonly signal?: AbortSignal
  readonly onProgress?: (file: string, countBytes: number) => void
}

async function writeOne(snapshot: Snapshot, one: OneFile): Promise<WrittenFile> {
  const { report, format, scope, account, directory, signal } = one
  const file = fileName(account.name, report.name, one.period, format)
  const fillIn = async (data: StagedFile): Promise<Control> => {
    const { rows, sums } = await fill(snapshot, data, file, one)
    const missing = await findMissing(snapshot, report, scope, account.historyFrom)
    return {
      file,
      report: report.name,
      format,
      version: REPORT_VERSION,
      account: account.name,
      zone: account.zone,
      period: one.period,
      asOf: account.asOf,
      rows,
      sums,
      sha256: data.sha256(),
      isComplete: missing.length === 0,
      missing,
      ...(report.name === 'settlement' && { settledBefore: await sumUpSettledBefore(snapshot, scope) }),
      ...(report.name === 'clearing' && {
        settledAhead: await sumUpSettledAhead(snapshot, scope),
        throughEntry: String(await loadThroughEntry(snapshot, one.accountId)),
      }),
    }
  }
  return {
    ...(await writeWithControl(directory, file, fillIn, { ...(signal && { signal }) })),
    definition: definitionOf(one),
  }
}

const definitionOf = ({ report, format, scope, account }: OneFile): string => {
  const columns = report.columns.map(({ name, type, isBlank = false }) => [name, type, isBlank])
  const parts = [rowsSql(report, scope), columns, format, account.zone, REPORT_VERSION]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

/**
 * Files of several accounts may lie in one folder, so the name of the account leads, but for the one of a process without
 * an accounts file. It may hold points; what follows holds one only, so no two accounts share a name.
 */
export function fileName(account: string, report: string, period: Period, ending: string): string {
  const prefix = account === ACCOUNT_NAME ? '' : `${account}.`
  return `${prefix}${report}-${periodName(period)}.${ending}`
}

async function fill(snapshot: Snapshot, data: StagedFile, file: string, one: OneFile) {
  const { report, scope, account, format, signal, onProgress = () => {} } = one
  let rendering: Rendering | undefined
  const countSent = await snapshot.copyTo(rowsSql(report, scope), (values) => {
    rendering = renderRows(report, { format, zone: account.zone }, values)
    return data.fill(rendering.bytes, { ...(signal && { signal }), onProgress: (count) => onProgress(file, count) })
  })
  const rows = rendering?.rows()
  if (rendering === undefined || countSent !== rows)
    throw new Error(`${file}: ${countSent} rows were sent, and ${rows} written`)
  return { rows, sums: rendering.sums() }
}

export async function loadAccount(snapshot: Snapshot, accountId: number): Promise<AccountFacts> {
  const { rows } = await snapshot.execute<{ name: string; zone: string; history_from: string; as_of: string }>(
    sql.raw(`select a.name, a.zone, a.history_from::text,
      to_char(${asOfSql} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as as_of
      from recon.accounts a where a.account_id = ${accountId}`),
  )
  const [row] = rows
  if (!row) throw new Error(`there is no account ${accountId}`)
  return { name: row.name, zone: row.zone, historyFrom: row.history_from as BusinessDate, asOf: row.as_of }
}

/** What of the period's movements lies in batches that had closed before it: rows that came late. */
const sumUpSettledBefore = (snapshot: Snapshot, scope: Scope) =>
  sumUp(snapshot, scope, `${isCreatedWithin(scope)} and ${isSettledBefore(scope)}`)

const sumUpSettledAhead = (snapshot: Snapshot, scope: Scope) => sumUp(snapshot, scope, isSettledAhead(scope))

async function sumUp(
  snapshot: Snapshot,
  scope: Scope,
  condition: string,
): Promise<NonNullable<Control['settledBefore']>> {
  const { rows } = await snapshot.execute<SumsRow>(
    sql.raw(`${reversesSql(scope.accountId)}
      select t.currency, count(*)::text as rows, sum(${moneySql(signedMinor, 't.currency')})::text as gross,
        sum(${moneySql('t.amount_minor', 't.currency')})::text as source_amount
      ${movementTables} where ${isReturned} and ${isMovement} and ${condition}
        and t.amount_minor <> 0
      group by 1 order by 1`),
  )
  return {
    rows: Object.fromEntries(rows.map((row) => [row.currency, Number(row.rows)])),
    sums: toSums(rows, ['gross', 'source_amount']),
  }
}

type SumsRow = Record<string, string | null> & { currency: string; rows: string }

/** Columns without any amount are left out. */
const toSums = (rows: readonly SumsRow[], names: readonly string[]): Control['sums'] =>
  Object.fromEntries(
    rows.map((row) => [
      row.currency,
      Object.fromEntries(names.flatMap((name) => (typeof row[name] === 'string' ? [[name, row[name]]] : []))),
    ]),
  )
