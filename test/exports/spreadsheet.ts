import { execFile, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'

/** Whether LibreOffice is here to open files (Debian: `libreoffice-calc-nogui`). */
export const hasSpreadsheet = (): boolean => spawnSync('soffice', ['--version']).status === 0

export interface Cell {
  /** What is shown. */
  readonly text: string
  /** What it computes with; null for a text. */
  readonly value: number | null
  readonly isFormula: boolean
}

/** Commas, double quotes, UTF-8, from the first line on. */
const AS_CSV = 'CSV:44,34,76,1'

/** The rows of a CSV file as LibreOffice opens it, without a screen. @param folder is written to */
export async function openInSpreadsheet(path: string, folder: string): Promise<Cell[][]> {
  const profile = `-env:UserInstallation=file://${join(folder, 'profile')}`
  const how = ['--headless', `--infilter=${AS_CSV}`, '--convert-to', 'fods', '--outdir', folder, path]
  await promisify(execFile)('soffice', [profile, ...how])
  const document = await readFile(join(folder, basename(path).replace(/\.csv$/, '.fods')), 'utf8')
  return [...document.matchAll(/<table:table-row\b[^>]*?(?:\/>|>(.*?)<\/table:table-row>)/gs)].map(([, row]) =>
    [...(row ?? '').matchAll(/<table:table-cell\b([^>]*?)(?:\/>|>(.*?)<\/table:table-cell>)/gs)].flatMap(cellsOf),
  )
}

/** Like cells that follow one another are written once. */
function cellsOf([, attributes = '', content = '']: RegExpMatchArray): Cell[] {
  const of = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(attributes)?.[1] ?? null
  const value = of('office:value')
  const lines = [...content.matchAll(/<text:p\b[^>]*?(?:\/>|>(.*?)<\/text:p>)/gs)].map(([, text = '']) => textOf(text))
  const cell = {
    text: lines.join('\n'),
    value: value === null ? null : Number(value),
    isFormula: of('table:formula') !== null,
  }
  return Array.from({ length: Math.min(Number(of('table:number-columns-repeated') ?? 1), COLUMNS_MAX) }, () => cell)
}

/** The empty cells at the end of a row go on to the edge of the sheet. */
const COLUMNS_MAX = 100

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }

const textOf = (xml: string): string =>
  xml.replace(/<[^>]*>/g, '').replace(/&(\w+);/g, (whole, name: string) => ENTITIES[name] ?? whole)
