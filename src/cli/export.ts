import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Config } from '../config.ts'
import type { Instant } from '../domain/clock.ts'
import { firstDayOf, lastDayOf, monthOf } from '../domain/month.ts'
import { UsageError } from '../domain/operating-error.ts'
import { EXPORT_FORMATS, type ExportFormat } from '../exports/formats.ts'
import { parsePeriod } from '../exports/period.ts'
import { REPORT_NAMES, type Report, type ReportName } from '../exports/report.ts'
import { REPORTS, reportOf } from '../exports/reports.ts'
import { verifyExports } from '../exports/verify.ts'
import { type WrittenFile, writeExports } from '../exports/write.ts'
import { writeClosedFiles } from '../periods/closed-files.ts'
import { AS_OF_FLAG, instantOption } from './date-option.ts'
import { showProgress } from './export-progress.ts'
import { ACCOUNT_FLAG, type AccountOption, withAccount } from './judge.ts'
import { count, paint, say } from './paint.ts'
import { clockOf } from './runtime.ts'
import { showVerification } from './show-verification.ts'

const CERTIFICATE = 'certificate'

interface ExportOptions extends AccountOption {
  readonly period?: string
  readonly from?: string
  readonly to?: string
  readonly out: string
  readonly format: string
  readonly asOf?: string
  readonly requireComplete?: boolean
  readonly json?: boolean
}

/** Adds `export` and `export verify` to the program. */
export function addExportCommands(
  program: Command,
  surroundings: { config: () => Config; interruptible: () => AbortSignal; exitWith: (code: number) => void },
): void {
  const { config, interruptible, exitWith } = surroundings
  program
    .command('export <name>')
    .description(
      `writes a report, each file with its control file: ${REPORT_NAMES.join(', ')}; all of them: all; of a closed month: ${CERTIFICATE}`,
    )
    // Options after `verify` are its own.
    .enablePositionalOptions()
    .option(...ACCOUNT_FLAG)
    .option('--period <month>', 'a whole month, like 2026-10')
    .option('--from <date>', 'first day, in the account’s zone')
    .option('--to <date>', 'last day, inclusive')
    .option('--out <folder>', 'where the files go; made if it is not there', 'exports')
    .option('--format <format>', EXPORT_FORMATS.join(' or '), 'csv')
    .option(...AS_OF_FLAG)
    .option('--require-complete', 'exits 1 when the period is not proved complete; the files are written all the same')
    .option('--json', 'prints the control files as a JSON array')
    .action(async (name, options) => exitWith(await runExport(config(), name, options, interruptible())))
    .command('verify <folder>')
    .description('reads exported files back: rows, sums and hash of each, and one against the other')
    .option('--json', 'prints JSON')
    .action(async (folder, options) => exitWith(await runVerify(folder, options)))
}

/** Writes files. @returns 0, or 1 when the period has to be complete and is not */
function runExport(config: Config, name: string, options: ExportOptions, signal: AbortSignal): Promise<number> {
  if (name === CERTIFICATE) return runCertificate(config, options)
  const format = formatOf(options.format)
  const period = parsePeriod(options)
  const at = instantOption('--as-of', options.asOf)
  const { reports, left } = reportsOf(name, at)
  return withAccount(config, options, async ({ pool }, { accountId }) => {
    const progress = showProgress()
    const request = { accountId, period, reports, format, directory: options.out }
    const asOf = at === undefined ? {} : { asOf: { at, now: clockOf(config).now() } }
    const writing = writeExports(pool, request, { signal, onProgress: progress.update, ...asOf })
    const files = await writing.finally(progress.stop)
    if (options.json) say(JSON.stringify(files.map(toJson), null, 2))
    else for (const file of files) showFile(file)
    // Beside the list, so that it is also seen where that goes into a file.
    for (const { control } of files) for (const line of warningsOf(control)) process.stderr.write(`${line}\n`)
    for (const { name, presentOnly } of left)
      process.stderr.write(`  ${paint('yellow', 'LEFT OUT')} ${name}: ${presentOnly}\n`)
    return options.requireComplete && files.some(({ control }) => !control.isComplete) ? 1 : 0
  })
}

/** It is made when a month is closed, and handed out as it was kept. */
function runCertificate(config: Config, options: ExportOptions): Promise<number> {
  if (options.asOf !== undefined)
    throw new UsageError('--as-of: a certificate is of the time at which the month was closed')
  const { from, to } = parsePeriod(options)
  const month = monthOf(from)
  if (from !== firstDayOf(month) || to !== lastDayOf(month))
    throw new UsageError('a certificate is of a whole month: --period 2026-10')
  return withAccount(config, options, async ({ db }, { accountId }) => {
    const isWanted = ({ content }: { content: string | null }) => content === CERTIFICATE
    const { files } = await writeClosedFiles(db, { accountId, month, isWanted }, options.out)
    if (options.json)
      say(
        JSON.stringify(
          files.map(({ path, sha256 }) => ({ path: resolve(path), sha256 })),
          null,
          2,
        ),
      )
    else for (const { path } of files) say(`  ${paint('bold', path)}`)
    return 0
  })
}

/** Reads files back. @returns 1 when anything does not agree */
async function runVerify(folder: string, { json }: { json?: boolean }): Promise<number> {
  const verification = await verifyExports(folder)
  const { files, differences, countCompared } = verification
  if (json) {
    say(JSON.stringify({ files: files.map(({ file }) => file), countCompared, differences }, null, 2))
    return differences.length === 0 ? 0 : 1
  }
  say(showVerification(verification))
  if (differences.length > 0) return 1
  for (const control of files) for (const line of warningsOf(control)) process.stderr.write(`${line}\n`)
  return 0
}

/** `left` are those that "all" cannot mean, as they do not know their past. */
function reportsOf(name: string, asOf: Instant | undefined): { reports: readonly Report[]; left: readonly Report[] } {
  if (name === 'all') {
    const left = asOf === undefined ? [] : REPORTS.filter(({ presentOnly }) => presentOnly !== undefined)
    return { reports: REPORTS.filter((report) => !left.includes(report)), left }
  }
  if (REPORT_NAMES.includes(name as ReportName)) return { reports: [reportOf(name as ReportName)], left: [] }
  throw new UsageError(`there is no report "${name}"; choose from ${REPORT_NAMES.join(', ')}, ${CERTIFICATE}, or all`)
}

function formatOf(text: string): ExportFormat {
  const format = EXPORT_FORMATS.find((one) => one === text)
  if (format) return format
  throw new UsageError(`--format: "${text}" is none of ${EXPORT_FORMATS.join(', ')}`)
}

function showFile({ path, control: { rows, sums, period, zone } }: WrittenFile): void {
  const days = period.from === period.to ? period.from : `${period.from} to ${period.to}`
  say(`  ${paint('bold', path)}  ${count(rows)} ${rows === 1 ? 'row' : 'rows'}, ${days} (${zone})`)
  for (const [currency, amounts] of Object.entries(sums)) {
    const parts = Object.entries(amounts).map(([column, amount]) => `${column} ${amount}`)
    say(`    ${currency}  ${parts.join(' · ')}`)
  }
}

const warningsOf = ({ file, missing }: WrittenFile['control']): string[] =>
  missing.map((reason) => `  ${paint('yellow', 'NOT COMPLETE')} ${file}: ${reason}`)

const toJson = ({ path, control }: WrittenFile) => ({ path: resolve(path), ...control })
