import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Colours for a terminal, plain text elsewhere and with `NO_COLOR`. */
export const paint = (style: Style, text: string): string =>
  process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text, { validateStream: false }) : text

export const say = (line = ''): void => {
  process.stdout.write(`${line}\n`)
}

/** A number with its thousands apart. */
export const count = (value: number): string => value.toLocaleString('en-CA')

/** A table with aligned columns; numbers go right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        right.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return [paint('dim', line(head)), ...rows.map(line)].map((text) => `  ${text}`).join('\n')
}

/** A column that may be shortened, and to how few characters. */
export interface Shortening {
  readonly column: number
  readonly widthMin: number
}

/**
 * Shortens columns of a table, the first named first, until a line of it fits the terminal. Elsewhere, as in a pipe,
 * nothing is cut.
 * @param rows the head and the rows
 */
export function fitColumns(rows: readonly (readonly string[])[], shortenings: readonly Shortening[]): string[][] {
  const { columns: widthMax = Number.POSITIVE_INFINITY } = process.stdout
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  for (const { column, widthMin } of shortenings) {
    const excess = Math.max(0, widths.reduce((sum, width) => sum + width + 2, 0) - widthMax)
    const width = widths[column] ?? 0
    widths[column] = Math.min(width, Math.max(widthMin, width - excess))
  }
  return rows.map((row) => row.map((cell, column) => elide(cell, widths[column] ?? 0)))
}

/** Text of at most `width` characters, with a mark where some were cut. */
export const elide = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text

/** Paragraphs with a sign in front: it is so, it is not, and mind that. */
export const tick = (text: string): string => marked(paint('green', '✓'), text)
export const cross = (text: string): string => marked(paint('red', '✗'), text)
export const caution = (text: string): string => marked(paint('yellow', '!'), text)

const marked = (sign: string, text: string): string => wrap(text, '    ').replace(/^ {4}/, `  ${sign} `)

/** Breaks text at words so that a paragraph fits the terminal. */
export function wrap(text: string, indent: string): string {
  const width = Math.max(50, Math.min(process.stdout.columns ?? 100, 110)) - indent.length
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > width && line !== '') {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].map((one) => indent + one).join('\n')
}
