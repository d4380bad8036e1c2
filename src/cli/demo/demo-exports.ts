import type pg from 'pg'
import { addDays, type BusinessDate } from '../../domain/calendar.ts'
import type { Control } from '../../exports/control.ts'
import type { ReportName } from '../../exports/report.ts'
import { REPORTS } from '../../exports/reports.ts'
import { type Verification, verifyExports } from '../../exports/verify.ts'
import { writeExports } from '../../exports/write.ts'
import { caution, count, paint, table, tick, wrap } from '../paint.ts'
import { showVerification } from '../show-verification.ts'

/** Of each report that is written, the column shown as its control total. A demo has no month observed in full, so no MRR. */
const TOTAL_COLUMNS: ReadonlyMap<ReportName, string> = new Map([
  ['transactions', 'signed_amount'],
  ['settlement', 'gross'],
  ['unsettled', 'gross'],
  ['daily-sales', 'net'],
  ['clearing', 'settled'],
  ['recurring', 'actual'],
  ['mismatches', 'difference'],
])

/** What was written, and what reading the folder back says. */
export interface DemoExports {
  readonly controls: readonly Control[]
  /** Files that hold the same bytes as what a former run had written under their name. */
  readonly countUnchanged: number
  readonly verification: Verification
}

/** Writes the reports into `folder`, of money until yesterday and of mismatches until today, and reads it back. */
export async function writeDemoExports(
  pool: pg.Pool,
  what: { accountId: number; from: BusinessDate; today: BusinessDate; folder: string },
  signal: AbortSignal,
): Promise<DemoExports> {
  const { accountId, from, today, folder: directory } = what
  const former = await hashesIn(directory)
  const write = (to: BusinessDate, isWanted: (name: ReportName) => boolean) => {
    const reports = REPORTS.filter(({ name }) => TOTAL_COLUMNS.has(name) && isWanted(name))
    return writeExports(pool, { accountId, period: { from, to }, reports, format: 'csv', directory }, { signal })
  }
  const files = [
    ...(await write(addDays(today, -1), (name) => name !== 'mismatches')),
    // They were seen only now.
    ...(await write(today, (name) => name === 'mismatches')),
  ]
  const controls = files.map(({ control }) => control)
  const countUnchanged = controls.filter(({ file, sha256 }) => former.get(file) === sha256).length
  return { controls, countUnchanged, verification: await verifyExports(directory) }
}

/** A folder that is not there yet holds none. */
async function hashesIn(directory: string): Promise<ReadonlyMap<string, string>> {
  const files = await verifyExports(directory).then(
    (verification) => verification.files,
    () => [],
  )
  return new Map(files.map(({ file, sha256 }) => [file, sha256]))
}

/** The files with their rows and control totals, and what `export verify` says of them. */
export function showDemoExports({ controls, countUnchanged, verification }: DemoExports): string {
  const currencies = [...new Set(controls.flatMap(({ sums }) => Object.keys(sums)))].sort()
  const rows = controls.map((control) => [
    control.file,
    count(control.rows),
    ...currencies.map((currency) => control.sums[currency]?.[TOTAL_COLUMNS.get(control.report) ?? ''] ?? ''),
  ])
  return [
    table(['file', 'rows', ...currencies], rows, [1, ...currencies.map((_, index) => index + 2)]),
    paint('dim', wrap(`Totals are of ${totalsText()}. Each file has a control file beside it.`, '  ')),
    '',
    showVerification(verification),
    ...(countUnchanged === 0 ? [] : [tick(`${countUnchanged} are byte for byte what the last run had written`)]),
    ...missingLines(controls),
  ].join('\n')
}

function totalsText(): string {
  const entries = [...TOTAL_COLUMNS]
  const columns = [...new Set(entries.map(([, column]) => column))]
  const reportsOf = (column: string) => entries.flatMap(([report, one]) => (one === column ? [report] : []))
  return columns.map((column) => `${column} in ${reportsOf(column).join(' and ')}`).join(', ')
}

/** Why files are not proved complete: what several have in common is said once. */
function missingLines(controls: readonly Control[]): string[] {
  const groups = new Map<string, string[]>()
  for (const reason of new Set(controls.flatMap(({ missing }) => missing))) {
    const concerned = controls.filter(({ missing }) => missing.includes(reason))
    const whom = concerned.length === controls.length ? 'all of them' : concerned.map(({ report }) => report).join(', ')
    groups.set(whom, [...(groups.get(whom) ?? []), reason])
  }
  return [...groups].map(([whom, reasons]) => caution(`not proved complete, ${whom}: ${reasons.join('; ')}`))
}
