/**
 * What a spreadsheet takes for a formula: these characters, and their full-width forms, at the beginning of a cell or
 * behind white space, which some of them strip. A tab or a line break at the beginning counts by itself.
 */
const WHITE_SPACE = '[ \\t\\r\\n\\f\\v]*'
const LIVE_CHARACTER = '[=+@\\t\\r\\n＝＋－＠-]'

const LIVE = new RegExp(`^${WHITE_SPACE}${LIVE_CHARACTER}`)
const NEUTRALISED = new RegExp(`^'+${WHITE_SPACE}${LIVE_CHARACTER}`)

/** Whether a spreadsheet could take the cell for a formula. */
export const isLiveCell = (cell: string): boolean => LIVE.test(cell)

/** The text of a CSV cell as it was before `neutralise`. */
export const originalOf = (cell: string): string => (NEUTRALISED.test(cell) ? cell.slice(1) : cell)

/**
 * A text for CSV: one that could be taken for a formula gets an apostrophe in front, as `csv-stringify` does. So does
 * one that looks as if it had got one, so that every text can be had back exactly.
 */
export const neutralise = (text: string): string => (LIVE.test(text) || NEUTRALISED.test(text) ? `'${text}` : text)

/** The first bytes, in UTF-8, of texts that `neutralise` may change; with any other first byte it never does. */
export const LIVE_FIRST_BYTES = Buffer.from(" '\t\r\n\f\v=+@-\u{ff1d}")

/** A text as a cell of CSV, in quotes where it needs them (RFC 4180). */
export const quoted = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
