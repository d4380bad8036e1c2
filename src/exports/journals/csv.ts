import { neutralise, quoted } from '../cells.ts'

/** A line for Xero and QuickBooks. Amounts are written as they are: a negative one is a number, and no formula. */
export const csvLine = (cells: readonly (string | { amount: string })[]): string =>
  `${cells.map((cell) => (typeof cell === 'string' ? quoted(neutralise(cell)) : cell.amount)).join(',')}\r\n`

/** A head is what the target asks for to the letter. */
export const csvHead = (head: string): string => `${head}\r\n`
