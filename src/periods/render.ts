import { createReadStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type pg from 'pg'
import type { Instant } from '../domain/clock.ts'
import { firstDayOf, lastDayOf, type Month } from '../domain/month.ts'
import { CONTROL_ENDING, type Control } from '../exports/control.ts'
import { REPORTS } from '../exports/reports.ts'
import { hashOf } from '../exports/stage-file.ts'
import { type WrittenFile, writeExports } from '../exports/write.ts'

export interface PeriodRequest {
  readonly accountId: number
  readonly month: Month
  /** What had been read and judged until then is shown. */
  readonly asOf: Instant
  readonly now: Instant
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
  readonly control: Control | null
}

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
    ...(await writeExports(pool, present, options)).map((file) => ({ ...file, definition: null })),
  ]
  const rendered: RenderedFile[] = []
  for (const { path, control, definition } of files) {
    rendered.push(await describe(path, { content: control.report, definition, control }))
    rendered.push(await describe(`${path}${CONTROL_ENDING}`, { content: null, definition: null, control: null }))
  }
  return rendered.sort((a, b) => (a.file < b.file ? -1 : 1))
}

/** The part of them that must come out the same however often, and however much later. */
export function renderLasting(
  pool: pg.Pool,
  request: PeriodRequest,
  directory: string,
  options: RenderOptions = {},
): Promise<WrittenFile[]> {
  const { asOf: at, now } = request
  const lasting = { ...requestOf(request, directory), reports: LASTING_REPORTS }
  return writeExports(pool, lasting, { ...options, asOf: { at, now } })
}

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

async function describe(
  path: string,
  facts: Pick<RenderedFile, 'content' | 'definition' | 'control'>,
): Promise<RenderedFile> {
  const [{ size }, sha256] = await Promise.all([stat(path), hashOf(partsOf(path))])
  return { file: basename(path), path, countBytes: BigInt(size), sha256, ...facts }
}
