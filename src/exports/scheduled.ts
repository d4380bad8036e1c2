import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { z } from 'zod'
import { addDays, type BusinessDate, businessDateOf } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import type { BooksSettings } from '../domain/journal/chart.ts'
import { firstDayOf, lastDayOf, monthOf } from '../domain/month.ts'
import { UsageError } from '../domain/operating-error.ts'
import { CONTROL_ENDING, controlSchema } from './control.ts'
import { journalControlSchema } from './journals/control.ts'
import { JOURNALS } from './journals/formats.ts'
import { type WrittenJournal, writeJournals } from './journals/write.ts'
import { REPORTS } from './reports.ts'
import { type WrittenFile, writeExports } from './write.ts'

export interface ScheduledExport {
  readonly accountId: number
  readonly accountName: string
  readonly zone: string
  readonly books: BooksSettings
  /** When it came due. */
  readonly plannedAt: Instant
  readonly directory: string
  /** Files of periods that ended longer ago are removed; null to keep all. */
  readonly keepDays: number | null
}

/**
 * Writes every report and journal of the month in which the day before lies: what a run after midnight writes on the
 * first of a month is the whole month before. A later run of the same month takes the place of what it finds.
 * @throws UsageError when the folder cannot be written to
 */
export function writeScheduledExports(
  pool: pg.Pool,
  work: ScheduledExport,
  signal?: AbortSignal,
): Promise<ScheduledFiles> {
  return writeMonth(pool, work, signal).catch((error: unknown) => {
    if (!(error instanceof UsageError)) throw error
    // Nobody gave an option here.
    throw new UsageError(error.message.replace(/^--out/, 'EXPORT_DIR'), { exitCode: 1, cause: error })
  })
}

export interface ScheduledFiles {
  readonly files: readonly (WrittenFile | WrittenJournal)[]
  /** Of months of long ago. */
  readonly removed: readonly string[]
}

async function writeMonth(pool: pg.Pool, work: ScheduledExport, signal?: AbortSignal): Promise<ScheduledFiles> {
  const { accountId, zone, plannedAt, directory } = work
  const today = businessDateOf(plannedAt, zone)
  const month = monthOf(addDays(today, -1))
  const period = { from: firstDayOf(month), to: lastDayOf(month) }
  const request = { accountId, period, reports: REPORTS, format: 'csv' as const, directory }
  const options = signal === undefined ? {} : { signal }
  const journals = { accountId, period, journals: JOURNALS, detail: 'day' as const, settings: work.books, directory }
  const files = [...(await writeExports(pool, request, options)), ...(await writeJournals(pool, journals, options))]
  return { files, removed: work.keepDays === null ? [] : await removeOld(work, addDays(today, -work.keepDays)) }
}

/** Only what a control file of this account names is removed, its data before it. */
async function removeOld({ directory, accountName }: ScheduledExport, before: BusinessDate): Promise<string[]> {
  const removed: string[] = []
  for (const name of (await readdir(directory)).filter((one) => one.endsWith(CONTROL_ENDING)).sort()) {
    const control = await readControl(join(directory, name))
    if (control === null || `${control.file}${CONTROL_ENDING}` !== name) continue
    if (control.account !== accountName || control.period.to >= before) continue
    await rm(join(directory, control.file), { force: true })
    await rm(join(directory, name), { force: true })
    removed.push(control.file)
  }
  return removed
}

const anyControl = z.union([controlSchema, journalControlSchema])

/** Null for what is none of ours. */
async function readControl(path: string) {
  try {
    return anyControl.safeParse(JSON.parse(await readFile(path, 'utf8'))).data ?? null
  } catch {
    return null
  }
}
