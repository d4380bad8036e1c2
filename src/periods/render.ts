import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type pg from 'pg'
import type { Instant } from '../domain/clock.ts'
import type { BooksSettings } from '../domain/journal/chart.ts'
import { firstDayOf, lastDayOf, type Month } from '../domain/month.ts'
import { CONTROL_ENDING, type Control } from '../exports/control.ts'
import { JOURNAL_VERSION, type JournalControl } from '../exports/journals/control.ts'
import { JOURNALS } from '../exports/journals/formats.ts'
import { writeJournals } from '../exports/journals/write.ts'
import { REPORTS } from '../exports/reports.ts'
import { hashOf } from '../exports/stage-file.ts'
import { type WrittenFile, writeExports } from '../exports/write.ts'

export interface PeriodRequest {
  readonly accountId: number
  readonly month: Month
  /** What had been read and judged until then is shown. */
  readonly asOf: Instant
  readonly now: Instant
  /** By which the books are written. */
  readonly books: BooksSettings
}

export interface RenderOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (file: string, countBytes: number) => void
}

/** A file of a month in a folder that will be gone. */
export interface RenderedFile {
  readonly file: string
  readonly path: string
  readonly content: string | null
  /** Null where the same bytes cannot be had again, see `Report.presentOnly`. */
  readonly definition: string | null
  readonly countBytes: bigint
  readonly sha256: string
  /** Of a report. */
  readonly control: Control | null
  /** Of a journal. */
  readonly journal: JournalControl | null
}

/** A file that must come out the same however often, and however much later, it is made. */
type LastingFile = Omit<RenderedFile, 'countBytes'>

/** Reports of a month that can be had as of an earlier time, again and again. */
export const LASTING_REPORTS = REPORTS.filter(({ presentOnly }) => presentOnly === undefined)
const PRESENT_REPORTS = REPORTS.filter(({ presentOnly }) => presentOnly !== undefined)

/** Writes every file of a month into `directory`: what knows its past as of `asOf`, the rest as it is now. */
export async function renderPeriod(
  pool: pg.Pool,
  request: PeriodRequest,
  directory: string,
  options: RenderOptions = {},
): Promise<RenderedFile[]> {
  const present = { ...requestOf(request, directory), reports: PRESENT_REPORTS }
  const files = [
    ...(await renderLasting(pool, request, directory, options)),
    ...(await writeExports(pool, present, options)).map((file) => ({ ...ofReport(file), definition: null })),
  ]
  const rendered: RenderedFile[] = []
  for (const file of files) {
    const path = `${file.path}${CONTROL_ENDING}`
    const beside = { ...NO_DATA, file: basename(path), path, sha256: await hashOf(partsOf(path)) }
    rendered.push(await sized(file), await sized(beside))
  }
  return rendered.sort((a, b) => (a.file < b.file ? -1 : 1))
}

/** The part of them that can be made again: reports that know their past, and the books, which are only added to. */
export async function renderLasting(
  pool: pg.Pool,
  request: PeriodRequest,
  directory: string,
  options: RenderOptions = {},
): Promise<LastingFile[]> {
  const { asOf: at, now, books } = request
  const lasting = { ...requestOf(request, directory), reports: LASTING_REPORTS }
  const reports = await writeExports(pool, lasting, { ...options, asOf: { at, now } })
  const { format: _, ...period } = requestOf(request, directory)
  const asked = { ...period, journals: JOURNALS, detail: 'day' as const, settings: books }
  const journals = await writeJournals(pool, asked, { ...options, asOf: { at, now } })
  return [
    ...reports.map(ofReport),
    ...journals.map(({ path, control: journal }) => ({
      path,
      file: journal.file,
      content: journal.journal,
      definition: definitionOf(journal, books),
      sha256: journal.sha256,
      control: null,
      journal,
    })),
  ]
}

const ofReport = ({ path, control, definition }: WrittenFile): LastingFile => ({
  path,
  file: control.file,
  content: control.report,
  definition,
  sha256: control.sha256,
  control,
  journal: null,
})

/** What a journal hangs on besides the entries: see `WrittenFile.definition`. */
function definitionOf({ journal, detail, zone }: JournalControl, books: BooksSettings): string {
  const plans = [...books.plans].map(([planId, account]) => [String(planId), account])
  const parts = [JOURNAL_VERSION, journal, detail, zone, books.chart, plans, books.xeroTaxRate]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

const NO_DATA = { content: null, definition: null, control: null, journal: null }

/** Runs `work` with a folder of its own, which is gone afterwards. */
export async function withScratchFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tieout-period-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The bytes of a file in parts of a mebibyte. */
export const partsOf = (path: string): AsyncIterable<Buffer> => createReadStream(path, { highWaterMark: 1 << 20 })

const requestOf = ({ accountId, month }: PeriodRequest, directory: string) => ({
  accountId,
  period: { from: firstDayOf(month), to: lastDayOf(month) },
  format: 'csv' as const,
  directory,
})

const sized = async (file: LastingFile): Promise<RenderedFile> => ({
  ...file,
  countBytes: BigInt((await stat(file.path)).size),
})
