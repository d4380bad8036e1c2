import { currencyDigits, DIGITS_UNLESS_KNOWN, formatMinor, parseMinor } from '../domain/money.ts'
import { isLiveCell } from './cells.ts'
import type { Control } from './control.ts'
import { instantsOf } from './period.ts'
import { moneyColumns } from './queries.ts'
import type { Cells } from './read-file.ts'
import type { Report } from './report.ts'

/** Sums in minor units by any key. */
export type Totals = Map<string, bigint>

/** What one pass over the rows of a file adds up. */
export interface Tally {
  countRows: number
  /** `CAD gross`: each money column by currency. */
  readonly sums: Totals
  /** `2026-10-31 CAD VI sales`: what `transactions` say of a day, and what `daily-sales` do. */
  readonly days: Totals
  /** `2026-10-31 CAD sales`: what `daily-sales` say of a day, and what `clearing` does. */
  readonly dayMovements: Totals
  /** `2026-10-31 CAD settled`: what `settlement` says of a day, and what `clearing` does. */
  readonly settledDays: Totals
  /** `CAD unsettled`: what `unsettled` adds up to, and where `clearing` ends. */
  readonly balances: Totals
  /** `CAD gross`, `CAD source_amount`, `CAD rows`: movements of money that were made within the period. */
  readonly movements: Totals
  /** Cells that are not what their column says, at most a few. */
  readonly faults: string[]
}

const FAULTS_MAX = 5
const DAY_MOVEMENTS = ['sales', 'refunds', 'reversed'] as const
const NUMBER = /^-?\d+(\.\d+)?$/

export function createTally(control: Control, report: Report): { tally: Tally; add: (cells: Cells) => void } {
  const tally: Tally = {
    countRows: 0,
    sums: new Map(),
    days: new Map(),
    dayMovements: new Map(),
    settledDays: new Map(),
    balances: new Map(),
    movements: new Map(),
    faults: [],
  }
  const money = moneyColumns(report)
  const texts = report.columns.filter(({ type }) => type === 'text' || type === 'value')
  const period = instantsOf(control.period, control.zone)
  const utc = (instant: number) => new Date(instant).toISOString().slice(0, 19).replace('T', ' ')
  const [startsAt, endsAt] = [utc(period.startsAt), utc(period.endsAt)]
  const complain = (name: string, cell: string, problem: string) => {
    if (tally.faults.length < FAULTS_MAX)
      tally.faults.push(`row ${tally.countRows}, ${name}: ${JSON.stringify(cell.slice(0, 40))} ${problem}`)
  }
  const minorOf = (cells: Cells, name: string): bigint | null => {
    const cell = cells[name] ?? ''
    if (cell === '') return null
    const minor = parseMinor(cell, currencyDigits(cells.currency ?? '') ?? DIGITS_UNLESS_KNOWN)
    if (minor !== undefined) return minor
    complain(name, cell, `is no amount in ${cells.currency}`)
    return null
  }
  const closings: Totals = new Map()
  const rollForward = (cells: Cells, added: readonly string[], taken: readonly string[]): bigint => {
    const [opening = 0n, closing = 0n] = [minorOf(cells, 'opening') ?? 0n, minorOf(cells, 'closing') ?? 0n]
    const sum = (names: readonly string[]) => names.reduce((total, name) => total + (minorOf(cells, name) ?? 0n), 0n)
    if (opening + sum(added) - sum(taken) !== closing)
      complain('closing', cells.closing ?? '', 'is not what its row adds up to')
    const currency = cells.currency ?? ''
    const before = closings.get(currency)
    if (before !== undefined && before !== opening)
      complain('opening', cells.opening ?? '', 'is not the closing of the row before')
    closings.set(currency, closing)
    return closing
  }
  const add = (cells: Cells) => {
    tally.countRows += 1
    for (const { name } of money) addTo(tally.sums, `${cells.currency} ${name}`, minorOf(cells, name))
    if (control.format === 'csv') {
      for (const { name, type } of texts) {
        const cell = cells[name] ?? ''
        if (isLiveCell(cell) && !(type === 'value' && NUMBER.test(cell)))
          complain(name, cell, 'would be taken for a formula')
      }
    }
    if (report.name === 'transactions') addTransaction(tally, cells, minorOf)
    if (report.name === 'daily-sales') addDay(tally, cells, minorOf)
    if (report.name === 'mrr') rollForward(cells, ['new', 'expansion', 'reactivation'], ['contraction', 'churn'])
    if (report.name === 'clearing') {
      const closing = rollForward(cells, ['sales'], ['refunds', 'reversed', 'settled'])
      tally.balances.set(`${cells.currency} unsettled`, closing)
      addTo(tally.settledDays, `${cells.date} ${cells.currency} settled`, minorOf(cells, 'settled'))
      for (const name of DAY_MOVEMENTS)
        addTo(tally.dayMovements, `${cells.date} ${cells.currency} ${name}`, minorOf(cells, name))
    }
    if (report.name === 'settlement')
      addTo(
        tally.settledDays,
        `${cells.settled_at_local?.slice(0, 10)} ${cells.currency} settled`,
        minorOf(cells, 'gross'),
      )
    if (report.name === 'unsettled') addTo(tally.balances, `${cells.currency} unsettled`, minorOf(cells, 'gross'))
    if (report.name === 'settlement' || report.name === 'unsettled') {
      const createdAt = cells.created_utc ?? ''
      if (createdAt >= startsAt && createdAt < endsAt)
        addMovement(tally, cells, minorOf(cells, 'gross'), minorOf(cells, 'source_amount'))
    }
  }
  return { tally, add }
}

type MinorOf = (cells: Cells, name: string) => bigint | null

/** Follows the descriptions of the columns, not the SQL that fills them. */
function addTransaction(tally: Tally, cells: Cells, minorOf: MinorOf): void {
  if (cells.status !== 'APPROVED') return
  const amount = minorOf(cells, 'amount') ?? 0n
  const signed = minorOf(cells, 'signed_amount')
  const day = `${cells.business_date} ${cells.currency} ${cells.card_brand}`
  const addToDay = (name: string, minor: bigint) => {
    addTo(tally.days, `${day} ${name}`, minor)
    addTo(tally.days, `${day} ${name}_count`, 1n)
    addTo(tally.days, `${day} net`, signed)
  }
  if (cells.type === 'purchase' || cells.type === 'capture') addToDay('sales', amount)
  else if (cells.type === 'refund') addToDay('refunds', amount)
  else if (cells.type !== 'reverse' || signed === 0n) return
  else if (signed !== null) addToDay('reversed', -signed)
  addMovement(tally, cells, signed, amount)
}

function addDay(tally: Tally, cells: Cells, minorOf: MinorOf): void {
  const day = `${cells.business_date} ${cells.currency} ${cells.card_brand}`
  for (const name of DAY_MOVEMENTS) {
    addTo(tally.days, `${day} ${name}`, minorOf(cells, name))
    addTo(tally.dayMovements, `${cells.business_date} ${cells.currency} ${name}`, minorOf(cells, name))
    addTo(tally.days, `${day} ${name}_count`, BigInt(cells[`${name}_count`] ?? 0))
  }
  addTo(tally.days, `${day} net`, minorOf(cells, 'net'))
}

/** A movement of nothing cannot be told from a reversed preauth, so it is not counted. */
function addMovement(tally: Tally, { currency }: Cells, gross: bigint | null, source: bigint | null): void {
  if (source === 0n) return
  addTo(tally.movements, `${currency} rows`, 1n)
  addTo(tally.movements, `${currency} gross`, gross)
  addTo(tally.movements, `${currency} source_amount`, source)
}

export function addTo(totals: Totals, key: string, minor: bigint | null): void {
  if (minor !== null) totals.set(key, (totals.get(key) ?? 0n) + minor)
}

/** The sums of a control file in the form of a tally's. */
export function totalsOf(sums: Control['sums']): Totals {
  const totals: Totals = new Map()
  for (const [currency, columns] of Object.entries(sums)) {
    for (const [name, text] of Object.entries(columns)) {
      addTo(totals, `${currency} ${name}`, parseMinor(text, currencyDigits(currency) ?? DIGITS_UNLESS_KNOWN) ?? null)
    }
  }
  return totals
}

/** Each key whose totals differ, with both; nothing and zero are the same. */
export function differencesOf(left: Totals, right: Totals): { key: string; left: string; right: string }[] {
  const keys = [...new Set([...left.keys(), ...right.keys()])].sort()
  return keys.flatMap((key) => {
    const [a = 0n, b = 0n] = [left.get(key), right.get(key)]
    return a === b ? [] : [{ key, left: textOf(key, a), right: textOf(key, b) }]
  })
}

/** Counts stand among the amounts. */
const textOf = (key: string, value: bigint): string =>
  /(^|[_ ])(rows|count)$/.test(key)
    ? String(value)
    : formatMinor(value, key.split(' ').find((word) => currencyDigits(word)) ?? '')
