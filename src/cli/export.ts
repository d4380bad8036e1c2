import { resolve } from 'node:path'
import { readBooks } from '../books-file.ts'
import type { Config } from '../config.ts'
import { firstDayOf, lastDayOf, monthOf } from '../domain/month.ts'
import { UsageError } from '../domain/operating-error.ts'
import { CERTIFICATE } from '../domain/periods.ts'
import { EXPORT_FORMATS, type ExportFormat } from '../exports/formats.ts'
import { booksTotalsOf } from '../exports/journals/books-totals.ts'
import type { JournalControl } from '../exports/journals/control.ts'
import { DETAILS, type Detail } from '../exports/journals/entry.ts'
import type { WithBooks } from '../exports/journals/verify.ts'
import { type WrittenJournal, writeJournals } from '../exports/journals/write.ts'
import { parsePeriod } from '../exports/period.ts'
import { verifyExports } from '../exports/verify.ts'
import { type WrittenFile, writeExports } from '../exports/write.ts'
import { writeClosedFiles } from '../periods/closed-files.ts'
import { type AccountOption, withAccount, withAccounts } from './account-option.ts'
import { clockOf } from './clock.ts'
import { instantOption } from './date-option.ts'
import { showProgress } from './export-progress.ts'
import { count, paint, say } from './paint.ts'
import { showVerification } from './show-verification.ts'
import { wantedBy } from './wanted-exports.ts'

interface ExportOptions extends AccountOption {
  readonly period?: string
  readonly from?: string
  readonly to?: string
  readonly out: string
  readonly format: string
  readonly detail: string
  readonly asOf?: string
  readonly requireComplete?: boolean
  readonly json?: boolean
}

/** Writes files. @returns 0, or 1 when the period has to be complete and is not */
export function runExport(config: Config, name: string, options: ExportOptions, signal: AbortSignal): Promise<number> {
  if (name === CERTIFICATE) return runCertificate(config, options)
  const format = oneOf('--format', options.format, EXPORT_FORMATS)
  const detail = oneOf('--detail', options.detail, DETAILS)
  const period = parsePeriod(options)
  const at = instantOption('--as-of', options.asOf)
  const { reports, journals, left } = wantedBy(name, at)
  const booksOf = readBooks(config)
  return withAccount(config, options, async ({ pool }, { accountId, name: accountName }) => {
    const progress = showProgress()
    const request = { accountId, period, reports, format, directory: options.out }
    const asOf = at === undefined ? {} : { asOf: { at, now: clockOf(config).now() } }
    const how = { signal, onProgress: progress.update, ...asOf }
    const removed: string[] = []
    const onRemoved = (file: string) => removed.push(file)
    const settings = booksOf(accountName)
    const files = await Promise.resolve()
      .then(
        async (): Promise<(WrittenFile | WrittenJournal)[]> => [
          ...(reports.length === 0 ? [] : await writeExports(pool, request, how)),
          ...(journals.length === 0
            ? []
            : await writeJournals(pool, { ...request, journals, detail, settings }, { ...how, onRemoved })),
        ],
      )
      .finally(progress.stop)
    if (options.json) say(JSON.stringify(files.map(toJson), null, 2))
    else for (const file of files) showFile(file)
    // Beside the list, so that it is also seen where that goes into a file.
    for (const { control } of files) for (const line of warningsOf(control)) process.stderr.write(`${line}\n`)
    if (removed.length > 0)
      process.stderr.write(
        `  ${paint('yellow', 'REMOVED')} parts that only a former run wrote: ${removed.join(', ')}\n`,
      )
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
export async function runVerify(
  config: () => Config,
  folder: string,
  { json, filesOnly }: { json?: boolean; filesOnly?: boolean },
): Promise<number> {
  // Of reports alone all is known without a database.
  const withBooks: WithBooks = (work) =>
    withAccounts(config(), undefined, ({ db }) => work(booksTotalsOf(db, readBooks(config()))))
  const verification = await verifyExports(folder, filesOnly ? {} : { withBooks })
  const { differences, countCompared, countWithBooks, countWithReports, remarks } = verification
  const files = [...verification.files, ...verification.journals]
  if (json) {
    const counts = { countCompared, countWithBooks, countWithReports }
    say(JSON.stringify({ files: files.map(({ file }) => file), ...counts, differences, remarks }, null, 2))
    return differences.length === 0 ? 0 : 1
  }
  say(showVerification(verification))
  if (differences.length > 0) return 1
  for (const control of files) for (const line of warningsOf(control)) process.stderr.write(`${line}\n`)
  return 0
}

function oneOf<T extends ExportFormat | Detail>(option: string, text: string, all: readonly T[]): T {
  const one = all.find((each) => each === text)
  if (one) return one
  throw new UsageError(`${option}: "${text}" is none of ${all.join(', ')}`)
}

function showFile({ path, control }: WrittenFile | WrittenJournal): void {
  const { sums, period, zone } = control
  const days = period.from === period.to ? period.from : `${period.from} to ${period.to}`
  const [number, what] =
    'journal' in control ? [control.entries, ['entry', 'entries']] : [control.rows, ['row', 'rows']]
  say(`  ${paint('bold', path)}  ${count(number)} ${what[number === 1 ? 0 : 1]}, ${days} (${zone})`)
  for (const [currency, amounts] of Object.entries(sums)) {
    const parts = Object.entries(amounts).map(([column, amount]) => `${column} ${amount}`)
    say(`    ${currency}  ${parts.join(' · ')}`)
  }
}

const warningsOf = (control: WrittenFile['control'] | JournalControl): string[] => [
  ...control.missing.map((reason) => `  ${paint('yellow', 'NOT COMPLETE')} ${control.file}: ${reason}`),
  ...('reservations' in control ? (control.reservations ?? []) : []).map(
    (reason) => `  ${paint('yellow', 'RESERVATION')} ${control.file}: ${reason}`,
  ),
]

const toJson = ({ path, control }: WrittenFile | WrittenJournal) => ({ path: resolve(path), ...control })
