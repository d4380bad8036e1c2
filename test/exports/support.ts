import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Papa from 'papaparse'

/** Runs `body` with a folder of its own. */
export async function withFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tieout-exports-'))
  try {
    await body(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

export type Row = Record<string, string>

/** Rows of a CSV file as a parser sees them that shares nothing with what wrote or verifies it. */
export async function readCsv(path: string): Promise<Row[]> {
  const { data, errors } = Papa.parse<Row>(await readFile(path, 'utf8'), { header: true, skipEmptyLines: true })
  if (errors.length > 0) throw new Error(`${path}: ${JSON.stringify(errors[0])}`)
  return data
}

/** All files of a folder with their bytes, to compare two renderings. */
export async function bytesOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort()
  const files = await Promise.all(names.map((name) => readFile(join(folder, name), 'base64')))
  return Object.fromEntries(names.map((name, index) => [name, files[index] ?? '']))
}

/** Cents of a decimal, exactly. */
export function centsOf(text: string): bigint {
  if (!/^-?\d+\.\d\d$/.test(text)) throw new Error(`${text} is no amount with two digits`)
  return BigInt(text.replace('.', ''))
}
