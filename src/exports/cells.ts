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

/** The text of a CSV cell as it was before `neutraliseSql`. */
export const originalOf = (cell: string): string => (NEUTRALISED.test(cell) ? cell.slice(1) : cell)

/**
 * A text for CSV: one that could be taken for a formula gets an apostrophe in front, as `csv-stringify` does. So does
 * one that looks as if it had got one, so that every text can be had back exactly.
 */
export const neutraliseSql = (text: string): string =>
  // Nearly all begin with a letter or a digit: comparing bytes spares them the expression.
  `case when (${text}) collate "C" >= 'A' and (${text}) collate "C" < '~' then ${text}
    when (${text}) collate "C" >= '.' and (${text}) collate "C" < ':' then ${text}
    when ${text} ~ '^''*${WHITE_SPACE}${LIVE_CHARACTER}' then '''' || ${text} else ${text} end`
