import { afterEach, expect, it } from 'vitest'
import { fitColumns, table, wrap } from '../../src/cli/paint.ts'

const columnsBefore = Object.getOwnPropertyDescriptor(process.stdout, 'columns')
const resizeTo = (columns: number | undefined) =>
  Object.defineProperty(process.stdout, 'columns', { value: columns, configurable: true })

afterEach(() => {
  if (columnsBefore) Object.defineProperty(process.stdout, 'columns', columnsBefore)
  else Reflect.deleteProperty(process.stdout, 'columns')
})

const ROWS = [
  ['id', 'code', 'subject'],
  ['0f3a9c11', 'card_batch_changed_after_close', 'a subject that somebody gave a long name'],
]
const shortened = () =>
  fitColumns(ROWS, [
    { column: 2, widthMin: 13 },
    { column: 1, widthMin: 20 },
  ])
const widthOf = ([head = [], ...rows]: string[][]) =>
  Math.max(
    ...table(head, rows)
      .split('\n')
      .map((line) => line.length),
  )

it('a table fits the terminal: the first column named gives way, then the next, none below its minimum', () => {
  resizeTo(120)
  expect(shortened()).toEqual(ROWS)
  for (const columns of [80, 60, 50]) {
    resizeTo(columns)
    expect(widthOf(shortened()), `${columns} columns`).toBe(columns)
  }
  resizeTo(50)
  expect(shortened()[1]).toEqual(['0f3a9c11', 'card_batch_changed_aft…', 'a subject th…'])
  resizeTo(20)
  expect(shortened()[1]?.map((cell) => cell.length)).toEqual([8, 20, 13])
})

it('in a pipe nothing of a table is cut, and paragraphs are broken at a hundred columns', () => {
  resizeTo(undefined)
  expect(shortened()).toEqual(ROWS)
  const lines = wrap('word '.repeat(60).trim(), '  ').split('\n')
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100)
  expect(lines.join(' ').match(/word/g)).toHaveLength(60)
})
