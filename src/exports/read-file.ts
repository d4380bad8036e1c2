import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { parse as parseCsv } from 'csv-parse'
import { isLosslessNumber, parse as parseJson } from 'lossless-json'
import type { Control } from './control.ts'
import type { Report } from './report.ts'

/** A row by the names of its columns; blank cells are empty texts. */
export type Cells = Readonly<Record<string, string>>

/** What a file that cannot be read as what it claims to be is told as. */
export class UnreadableFile extends Error {}

/**
 * Reads an exported file row by row, by code that shares nothing with what wrote it.
 * @returns the hash of its bytes
 * @throws UnreadableFile with what is wrong with it
 */
export async function readFile(
  path: string,
  { format }: Control,
  report: Report,
  onRow: (cells: Cells) => void,
): Promise<string> {
  const hash = createHash('sha256')
  const names = report.columns.map(({ name }) => name)
  await pipeline(
    createReadStream(path, { highWaterMark: 1 << 18 }),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk)
        yield chunk
      }
    },
    format === 'csv' ? (chunks) => readCsv(chunks, names, onRow) : (chunks) => readJsonLines(chunks, names, onRow),
  )
  return hash.digest('hex')
}

async function readCsv(chunks: AsyncIterable<Buffer>, names: readonly string[], onRow: (cells: Cells) => void) {
  const parser = parseCsv({ columns: false, record_delimiter: '\n' })
  let isHead = true
  await pipeline(chunks, parser, async (records: AsyncIterable<string[]>) => {
    for await (const record of records) {
      if (isHead) {
        isHead = false
        const head = record.join(',')
        if (head !== names.join(',')) throw new UnreadableFile(`its columns are ${head}`)
      } else onRow(Object.fromEntries(names.map((name, index) => [name, record[index] ?? ''])))
    }
  }).catch((cause) => {
    throw cause instanceof UnreadableFile ? cause : new UnreadableFile(`it is no CSV: ${cause.message}`, { cause })
  })
  if (isHead) throw new UnreadableFile('it has no columns')
}

async function readJsonLines(chunks: AsyncIterable<Buffer>, names: readonly string[], onRow: (cells: Cells) => void) {
  for await (const line of linesOf(chunks)) {
    const record = parseLine(line)
    const keys = Object.keys(record).join(',')
    if (keys !== names.join(',')) throw new UnreadableFile(`a line has the keys ${keys}`)
    onRow(Object.fromEntries(Object.entries(record).map(([name, value]) => [name, textOf(value)])))
  }
}

function parseLine(line: string): Record<string, unknown> {
  try {
    const value = parseJson(line)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch (cause) {
    throw new UnreadableFile(`a line is no JSON: ${line.slice(0, 80)}`, { cause })
  }
  throw new UnreadableFile(`a line is no object: ${line.slice(0, 80)}`)
}

/** Numbers with the digits they were written with. */
const textOf = (value: unknown): string =>
  value === null ? '' : isLosslessNumber(value) ? value.toString() : String(value)

/** Only a line feed ends a line: readers of Node's also break at separators that a text may hold. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + decode(decoder, chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') throw new UnreadableFile('its last line does not end')
}

function decode(decoder: InstanceType<typeof TextDecoder>, chunk: Buffer): string {
  try {
    return decoder.decode(chunk, { stream: true })
  } catch (cause) {
    throw new UnreadableFile('it is not UTF-8', { cause })
  }
}
