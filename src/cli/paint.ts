import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Colours for a terminal, plain text elsewhere and with `NO_COLOR`. */
export const paint = (style: Style, text: string): string =>
  process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text, { validateStream: false }) : text

export const say = (line = ''): void => {
  process.stdout.write(`${line}\n`)
}

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
