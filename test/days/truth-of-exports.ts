import type { TransactionRow } from '../../src/sandbox/rows.ts'
import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import type { TruthEntry } from '../../src/sandbox/truth.ts'
import type { Zone } from '../../src/sandbox/zone.ts'
import { movedMinor } from '../exports/moved.ts'

/** The rows of each report, as texts that stand for them. */
export interface Expected {
  readonly transactions: readonly string[]
  readonly settlement: readonly string[]
  readonly unsettled: readonly string[]
  /** Folded over card brands; amounts in cents. */
  readonly dailySales: readonly string[]
  /** Those that stand with what is at stake. */
  readonly mismatches: readonly string[]
}
export const NAMES = ['transactions', 'settlement', 'unsettled', 'dailySales', 'mismatches'] as const

/** What was true at some look. */
interface KnownMismatch {
  readonly entry: TruthEntry
  readonly isOpen: boolean
  /** Was true some night, by when all must have been found; what came and went between two of them may have been. */
  readonly isFound: boolean
}

interface Amount {
  readonly currency: string
  readonly minor: bigint
}

/** All that was ever true, and what each row was when it was last served. */
export interface Memory {
  readonly known: ReadonlyMap<string, KnownMismatch>
  /** By its id: when it was first served, and when last. */
  readonly amounts: ReadonlyMap<string, { readonly first: Amount; readonly last: Amount }>
  /** Takes in what is true, and what is served, now. */
  note(sandbox: Pick<Sandbox, 'state' | 'truth'>, isNight: boolean): void
}

export function createMemory(): Memory {
  const known = new Map<string, KnownMismatch>()
  const amounts = new Map<string, { first: Amount; last: Amount }>()
  return {
    known,
    amounts,
    note({ state, truth }, isNight) {
      for (const [key, former] of known) known.set(key, { ...former, isOpen: false })
      for (const entry of truth().defects) {
        const key = `${entry.code} ${entry.subject.kind} ${entry.subject.id}`
        known.set(key, { entry, isOpen: true, isFound: isNight || known.get(key)?.isFound === true })
      }
      for (const { id, amountMinor, currency, isHidden } of state.merchant().transactions()) {
        if (isHidden) continue
        const last = { currency, minor: amountMinor }
        amounts.set(String(id), { first: amounts.get(String(id))?.first ?? last, last })
      }
    },
  }
}

/**
 * What the files must show, from what the merchant's Helcim holds and serves, and nothing of ours:
 *
 * - A row that is served nowhere (it vanished, or is left out of the lists) counts nowhere; that it is gone is a mismatch.
 *   So does one whose amount or id cannot be read: nobody knows it.
 * - A status that nobody knows moves nothing that could be told.
 * - The statistics of a batch may lie: the files show its rows, never its statistics.
 * - Where a batch's figures are not those of its rows, what a reverse voided cannot always be told. Then it has no amount.
 */
export function expectedOf(
  { state }: Pick<Sandbox, 'state'>,
  input: { period: { from: string; to: string }; zone: Zone; memory: Memory },
): Expected {
  const merchant = state.merchant()
  const { period, zone, memory } = input
  const known = [...memory.known.values()]
  const undecided = new Set(
    known.flatMap(({ entry, isOpen }) => (isOpen && entry.isUndecidable === true ? [entry.subject.id] : [])),
  )
  const served = merchant.transactions().filter((row) => !row.isHidden && row.disguise?.kind !== 'undecodable')
  const dateOf = (row: TransactionRow) => zone.date(row.createdAt)
  const isUndecided = (row: TransactionRow) => undecided.has(String(row.id))
  const signedMinor = (row: TransactionRow): bigint | null =>
    row.disguise !== null || isUndecided(row) ? null : (movedMinor(merchant, row) ?? 0n)
  const isMovement = (row: TransactionRow) =>
    row.disguise === null && (isUndecided(row) || movedMinor(merchant, row) !== null)
  const closedOn = (row: TransactionRow) => {
    const closedAt = merchant.batch(row.batchId)?.closedAt ?? null
    return closedAt === null ? null : zone.date(closedAt)
  }
  const isWithin = (day: string | null) => day !== null && day >= period.from && day <= period.to
  const movement = (row: TransactionRow) =>
    [row.batchId === 0n ? '' : row.batchId, row.id, row.currency, moneyText(signedMinor(row))].join(' ')

  const created = served.filter((row) => isWithin(dateOf(row)))
  return {
    transactions: created.map((row) =>
      [row.id, row.currency, moneyText(row.amountMinor), moneyText(signedMinor(row))].join(' '),
    ),
    settlement: served.filter((row) => isMovement(row) && isWithin(closedOn(row))).map(movement),
    unsettled: served
      .filter((row) => isMovement(row) && dateOf(row) <= period.to && (closedOn(row) ?? '9999') > period.to)
      .map(movement),
    dailySales: dailySalesOf(created.filter((row) => isMovement(row) && !isUndecided(row))),
    mismatches: known.flatMap(({ entry, isOpen, isFound }) => {
      const { code, subject } = entry
      if (isOpen) return [`${code} ${subject.kind} ${subject.id} open ${atStake(entry, memory)}`]
      return isFound ? [`${code} ${subject.kind} ${subject.id} resolved`] : []
    }),
  }

  function dailySalesOf(rows: readonly TransactionRow[]): string[] {
    const byDay = new Map<string, TransactionRow[]>()
    for (const row of rows) {
      const key = `${dateOf(row)} ${row.currency}`
      byDay.set(key, [...(byDay.get(key) ?? []), row])
    }
    return [...byDay].map(([key, some]) => {
      const of = (...types: readonly string[]) => some.filter(({ type }) => types.includes(type))
      const sum = (part: readonly TransactionRow[]) => part.reduce((total, row) => total + (signedMinor(row) ?? 0n), 0n)
      const [sales, refunds, reverses] = [of('purchase', 'capture'), of('refund'), of('reverse')]
      const amounts = [sales.length, sum(sales), refunds.length, -sum(refunds), reverses.length, -sum(reverses)]
      return [key, ...amounts, sum(some)].join(' ')
    })
  }
}

/** What a row was, for one that is gone; by how much it changed; else the two sides where the truth has them. */
function atStake({ code, subject, expectedMinor, actualMinor }: TruthEntry, { amounts }: Memory): string {
  const row = amounts.get(subject.id)
  if (row && code === 'record_disappeared') return moneyText(-row.last.minor)
  if (row && code === 'record_changed') {
    const isOfMoney = row.first.currency === row.last.currency && row.first.minor !== row.last.minor
    return isOfMoney ? moneyText(row.last.minor - row.first.minor) : ''
  }
  return expectedMinor === undefined || actualMinor === undefined ? '' : moneyText(actualMinor - expectedMinor)
}

function moneyText(minor: bigint | null): string {
  if (minor === null) return ''
  const digits = String(minor < 0n ? -minor : minor).padStart(3, '0')
  return `${minor < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`
}
