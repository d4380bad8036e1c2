import { type Instant, toInstant } from '../domain/clock.ts'
import { insertById, listIn } from './collection.ts'
import { type Archive, createArchive } from './history/archive.ts'
import type { Customer } from './history/customers.ts'
import type { ArchiveOptions, TerminalOptions } from './options.ts'
import { hash32 } from './random.ts'
import { createRecords, type Records } from './records/records.ts'
import {
  type BatchRow,
  type CountedTypes,
  computeStatistics,
  type Statistics,
  type TerminalRow,
  type TransactionFacts,
  type TransactionRow,
} from './rows.ts'
import type { Zone } from './zone.ts'

/** One merchant's records and the rules by which Helcim keeps them. */
export interface Merchant {
  readonly records: Records
  terminals(): readonly TerminalRow[]
  terminal(id: bigint): TerminalRow | undefined
  /** Days before history; null: none. Of the lists here `batches` holds theirs too, and whatever is asked by id. */
  archive(): Archive | null
  openArchive(archive: ArchiveOptions, until: string, customers: readonly Customer[]): void
  transaction(id: bigint): TransactionRow | undefined
  /** Ascending by id, as are all lists here; without those of the archive, which may be too many to hold. */
  transactions(): readonly TransactionRow[]
  transactionsOfBatch(batchId: bigint): readonly TransactionRow[]
  /** Of one local date in the zone served. */
  transactionsOfDate(date: string): readonly TransactionRow[]
  /** First and last local date with a transaction. */
  dateRange(): { readonly from: string; readonly to: string } | undefined
  batch(id: bigint): BatchRow | undefined
  batches(): readonly BatchRow[]
  /** The batch that takes the terminal's next payment, if one is open. */
  openBatch(terminalId: bigint): BatchRow | undefined
  /** Opens the terminal's batch at that instant, or returns the one that is open. */
  ensureOpenBatch(terminalId: bigint, at: Instant): BatchRow
  /** The true figures. What is served is these plus the batch's lie. */
  statistics(batchId: bigint): Statistics
  /** Adds a row under the next id (or the given one) and moves its batch's `updatedAt` to a second later. */
  addTransaction(facts: TransactionFacts, id?: bigint): TransactionRow
  alterTransaction(id: bigint, change: Partial<TransactionFacts>): TransactionRow
  removeTransaction(id: bigint): void
  alterBatch(id: bigint, change: Partial<Omit<BatchRow, 'id' | 'terminalId' | 'closedAt'>>): BatchRow
  closeBatch(id: bigint, at: Instant): BatchRow
  /** The terminal's next batch gets a number that much higher. */
  skipBatchNumbers(terminalId: bigint, count: bigint): void
  /** The terminal's next batch will never be served. */
  hideNextBatch(terminalId: bigint): void
  nextInvoiceNumber(): string
  /** Tells of every row that is added from now on. */
  watchTransactions(watcher: (row: TransactionRow) => void): void
}

const TRANSACTION_ID_FIRST = 30_537_000n
const BATCH_ID_FIRST = 4_209_000n
const INVOICE_NUMBER_FIRST = 1001

type Writable<T> = { -readonly [K in keyof T]: T[K] }

export function createMerchant(options: {
  seed: number
  terminals: readonly TerminalOptions[]
  /** The zone served, by whose dates rows are found. */
  zone: Zone
  lagMs: number
  countedTypes: CountedTypes
  /** When a batch opened at that instant closes by itself. */
  closesAt: (openedAt: Instant) => Instant
}): Merchant {
  const { seed, zone } = options
  const terminals = options.terminals.map(
    ({ id, currency, nickname = `Card Terminal ${id} - ${currency}` }): TerminalRow => ({
      id: BigInt(id),
      nickname,
      currency,
      status: 'ACTIVE',
    }),
  )
  const batchNumberNext = new Map(
    options.terminals.map(({ id, batchNumberFirst = 1 }) => [BigInt(id), BigInt(batchNumberFirst)]),
  )
  const hideNext = new Set<bigint>()
  const openByTerminal = new Map<bigint, bigint>()
  const rowById = new Map<bigint, TransactionRow>()
  const rows: TransactionRow[] = []
  const rowsByBatch = new Map<bigint, TransactionRow[]>()
  const rowsByDate = new Map<string, TransactionRow[]>()
  const batchById = new Map<bigint, Writable<BatchRow>>()
  const statisticsByBatch = new Map<bigint, Statistics>()
  let transactionIdLast = TRANSACTION_ID_FIRST
  let batchIdLast = BATCH_ID_FIRST
  let invoiceNumberNext = INVOICE_NUMBER_FIRST
  let archive: Archive | null = null
  const watchers: ((row: TransactionRow) => void)[] = []
  let dates: { from: string; to: string } | undefined

  const terminalOf = (id: bigint) => {
    const terminal = terminals.find((each) => each.id === id)
    if (!terminal) throw new Error(`no terminal ${id}`)
    return terminal
  }
  const batchOf = (id: bigint) => {
    const batch = batchById.get(id)
    if (!batch) throw new Error(`no batch ${id}`)
    return batch
  }
  const index = (row: TransactionRow) => {
    const date = zone.date(row.createdAt)
    dates = { from: dates && dates.from < date ? dates.from : date, to: dates && dates.to > date ? dates.to : date }
    rowById.set(row.id, row)
    insertById(rows, row)
    insertById(listIn(rowsByBatch, row.batchId), row)
    insertById(listIn(rowsByDate, date), row)
    statisticsByBatch.delete(row.batchId)
  }
  const unindex = (row: TransactionRow) => {
    rowById.delete(row.id)
    for (const list of [rows, listIn(rowsByBatch, row.batchId), listIn(rowsByDate, zone.date(row.createdAt))]) {
      const at = list.lastIndexOf(row)
      if (at >= 0) list.splice(at, 1)
    }
    statisticsByBatch.delete(row.batchId)
  }
  const rowOf = (id: bigint) => {
    const row = rowById.get(id)
    if (!row) throw new Error(`no transaction ${id}`)
    return row
  }
  const touchBatch = (batchId: bigint, at: Instant) => {
    const batch = batchById.get(batchId)
    const updatedAt = toInstant(at + 1000)
    if (batch && batch.closedAt === null && updatedAt > batch.updatedAt) batch.updatedAt = updatedAt
  }

  return {
    records: createRecords(options),
    terminals: () => terminals,
    terminal: (id) => terminals.find((terminal) => terminal.id === id),
    archive: () => archive,
    openArchive(opened, until, customers) {
      archive = createArchive({
        archive: opened,
        until,
        seed,
        terminals,
        customers,
        batchNumbersFirst: new Map(batchNumberNext),
        idNext: TRANSACTION_ID_FIRST,
        batchIdNext: BATCH_ID_FIRST,
      })
      for (const [id, number] of batchNumberNext) batchNumberNext.set(id, number + BigInt(archive.countDays))
    },
    transaction: (id) => rowById.get(id) ?? archive?.find(id),
    transactions: () => rows,
    transactionsOfBatch: (batchId) => rowsByBatch.get(batchId) ?? archive?.rowsOfBatch(batchId) ?? [],
    transactionsOfDate: (date) => rowsByDate.get(date) ?? [],
    dateRange: () => dates,
    batch: (id) => batchById.get(id) ?? archive?.batch(id),
    batches: () => [...(archive?.batches() ?? []), ...batchById.values()],
    openBatch(terminalId) {
      const id = openByTerminal.get(terminalId)
      return id === undefined ? undefined : batchOf(id)
    },
    ensureOpenBatch(terminalId, at) {
      const open = openByTerminal.get(terminalId)
      if (open !== undefined) return batchOf(open)
      terminalOf(terminalId)
      batchIdLast += BigInt(1 + (hash32(seed, 'batch-id', batchIdLast) % 40))
      const batchNumber = batchNumberNext.get(terminalId) ?? 1n
      batchNumberNext.set(terminalId, batchNumber + 1n)
      const batch: Writable<BatchRow> = {
        id: batchIdLast,
        terminalId,
        batchNumber,
        createdAt: at,
        updatedAt: at,
        closedAt: null,
        closesAt: options.closesAt(at),
        isHidden: hideNext.delete(terminalId),
        lie: { figures: {}, counts: {} },
      }
      batchById.set(batch.id, batch)
      openByTerminal.set(terminalId, batch.id)
      return batch
    },
    statistics(batchId) {
      const known = statisticsByBatch.get(batchId)
      if (known) return known
      const isArchived = !batchById.has(batchId) && archive?.batch(batchId) !== undefined
      const computed =
        isArchived && archive
          ? archive.statistics(batchId)
          : computeStatistics(rowsByBatch.get(batchId) ?? [], {
              currency: terminalOf(batchOf(batchId).terminalId).currency,
              countedTypes: options.countedTypes,
              typeOf: (id) => rowById.get(id)?.type,
            })
      statisticsByBatch.set(batchId, computed)
      return computed
    },
    addTransaction(facts, id) {
      if (id === undefined) transactionIdLast += BigInt(1 + (hash32(seed, 'id', transactionIdLast) % 7))
      else if (rowById.has(id)) throw new Error(`transaction ${id} exists`)
      const row: TransactionRow = {
        ...facts,
        id: id ?? transactionIdLast,
        visibleAt: toInstant(facts.createdAt + options.lagMs),
      }
      if (row.id > transactionIdLast) transactionIdLast = row.id
      if (row.batchId !== 0n) batchOf(row.batchId)
      index(row)
      touchBatch(row.batchId, row.createdAt)
      for (const watch of watchers) watch(row)
      return row
    },
    alterTransaction(id, change) {
      const row = rowOf(id)
      const altered = { ...row, ...change }
      unindex(row)
      index(altered)
      return altered
    },
    removeTransaction: (id) => unindex(rowOf(id)),
    alterBatch: (id, change) => Object.assign(batchOf(id), change),
    closeBatch(id, at) {
      const batch = batchOf(id)
      if (batch.closedAt !== null) throw new Error(`batch ${id} is closed`)
      batch.closedAt = at
      batch.updatedAt = at
      openByTerminal.delete(batch.terminalId)
      return batch
    },
    skipBatchNumbers: (terminalId, count) => {
      batchNumberNext.set(terminalId, (batchNumberNext.get(terminalId) ?? 1n) + count)
    },
    hideNextBatch: (terminalId) => {
      hideNext.add(terminalId)
    },
    nextInvoiceNumber() {
      const number = `INV${String(invoiceNumberNext).padStart(6, '0')}`
      invoiceNumberNext += 1
      return number
    },
    watchTransactions: (watcher) => {
      watchers.push(watcher)
    },
  }
}
