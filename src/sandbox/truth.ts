import type { Instant } from '../domain/clock.ts'
import { achEntries } from './defects/ach.ts'
import { coincidenceEntries, type ToldOfSubscriptions } from './defects/coincidences.ts'
import { invoiceEntries } from './defects/invoice-truth.ts'
import { recurringEntries } from './defects/recurring-truth.ts'
import { reversesWithChoice, untoldReverses } from './defects/untold-reverses.ts'
import type { Merchant } from './merchant.ts'
import type { Switches } from './options.ts'
import { servedStatistics } from './render.ts'
import {
  BATCH_COUNTS,
  BATCH_FIGURES,
  type BatchRow,
  type CountedTypes,
  computeStatistics,
  type TransactionRow,
} from './rows.ts'

/** Codes of `CHECKS` that what is served can show. */
export type DefectCode =
  | 'record_undecodable'
  | 'value_unknown'
  | 'record_disappeared'
  | 'record_changed'
  | 'card_batch_missing'
  | 'card_batch_count_differs'
  | 'card_batch_number_gap'
  | 'filter_ignored'
  | 'card_batch_total_differs'
  | 'card_batch_open_too_long'
  | 'card_batch_changed_after_close'
  | 'card_batch_currency_mixed'
  | 'charge_missing'
  | 'charge_overdue'
  | 'charge_failed'
  | 'charge_amount_differs'
  | 'charge_duplicated'
  | 'charge_unexpected'
  | 'charge_ambiguous'
  | 'times_billed_differs'
  | 'price_differs_from_plan'
  | 'card_expires_before_next_charge'
  | 'refund_without_original'
  | 'refund_exceeds_original'
  | 'reverse_without_original'
  | 'reverse_after_close'
  | 'transaction_duplicated'
  | 'invoice_paid_without_payment'
  | 'invoice_payment_differs'
  | 'invoice_paid_twice'
  | 'invoice_total_differs'
  | 'invoice_overdue'
  | 'payment_without_invoice'
  | 'ach_batch_total_differs'
  | 'ach_returned'
  | 'ach_clearing_overdue'

export interface Subject {
  readonly kind:
    | 'card_transaction'
    | 'card_batch'
    | 'terminal'
    | 'resource'
    | 'subscription'
    | 'subscription_payment'
    | 'invoice'
    | 'ach_batch'
    | 'ach_transaction'
  /**
   * A batch's figure is `<batch id>:<figure>`, a number in a gap `<terminal id>:<batch number>`, a resource the kind of
   * its records, a payment `<subscription id>:<payment number>`.
   */
  readonly id: string
}

/** One finding that a perfect reader reports, with every consequence of a defect as an entry of its own. */
export interface TruthEntry {
  readonly code: DefectCode
  readonly subject: Subject
  readonly currency?: string
  /** What the batch's statistics state. */
  readonly expectedMinor?: bigint
  /** The sum over those rows that are served, readable and known. */
  readonly actualMinor?: bigint
  readonly expectedCount?: number
  readonly actualCount?: number
  /** True when it only follows from a defect of another code. */
  readonly isConsequence: boolean
  /** True where the API does not let anybody tell what is behind it; then the finding says just that. */
  readonly isUndecidable?: boolean
  readonly note: string
}

export interface Truth {
  /** What is wrong at this instant. Rows that lag count as served: that they are late is no defect. */
  readonly defects: readonly TruthEntry[]
  /** What a complete copy holds at this instant. */
  readonly counts: { readonly transactions: number; readonly batches: number; readonly batchesOpen: number }
}

/** Where defects write down what they did. */
export interface TruthLedger {
  /** A finding that holds while `holds` says so; default: for good. */
  note(entry: TruthEntry, holds?: (now: Instant) => boolean): void
  /** Something about this batch is no longer as it should be: its entries are derived from what is served. */
  touchBatch(batchId: bigint, code: DefectCode): void
  isTouched(batchId: bigint): boolean
  /** Whether its statistics agree with its rows, as both are served. */
  isTied(batchId: bigint): boolean
  /** The terminal's numbers have a hole, or will. */
  touchTerminal(terminalId: bigint, code: DefectCode): void
  /** Takes a record for one defect, so that no other spoils its truth; false when it is taken. */
  claim(record: string): boolean
  truth(now: Instant): Truth
}

/** The list as a whole: what has no id, and what concerns no single record. */
export const CARD_TRANSACTIONS_SUBJECT: Subject = { kind: 'resource', id: 'card_transaction' }
export const cardTransactionSubject = (id: bigint): Subject => ({ kind: 'card_transaction', id: String(id) })
export const cardBatchSubject = (id: bigint): Subject => ({ kind: 'card_batch', id: String(id) })

export function createTruthLedger(
  merchant: Merchant,
  told: {
    countedTypes: CountedTypes
    refundRow: Switches['refundRow']
    /** When a reader takes something to have been that is served with its time. */
    readingOf: (instant: Instant) => Instant
  } & ToldOfSubscriptions,
): TruthLedger {
  const noted: { entry: TruthEntry; holds: (now: Instant) => boolean }[] = []
  const touchedBatches = new Map<bigint, DefectCode[]>()
  const touchedTerminals = new Map<bigint, DefectCode[]>()
  const claimed = new Set<string>()
  function isTied(batchId: bigint): boolean {
    const batch = merchant.batch(batchId)
    if (!batch) throw new Error(`no batch ${batchId}`)
    return !batchEntries(merchant, batch, told).some(({ code }) => code !== 'card_batch_currency_mixed')
  }
  return {
    note: (entry, holds = () => true) => {
      noted.push({ entry, holds })
    },
    touchBatch(batchId, code) {
      touchedBatches.set(batchId, [...(touchedBatches.get(batchId) ?? []), code])
    },
    isTouched: (batchId) => touchedBatches.has(batchId),
    isTied,
    touchTerminal(terminalId, code) {
      touchedTerminals.set(terminalId, [...(touchedTerminals.get(terminalId) ?? []), code])
    },
    claim(record) {
      if (claimed.has(record)) return false
      claimed.add(record)
      return true
    },
    truth(now) {
      const entries = new Map<string, TruthEntry>()
      const add = (entry: TruthEntry) => {
        const key = `${entry.code} ${entry.subject.kind} ${entry.subject.id}`
        if (!entries.has(key)) entries.set(key, entry)
      }
      for (const { entry, holds } of noted) if (holds(now)) add(entry)
      for (const batch of merchant.batches()) {
        if (batch.isHidden) addMissing(batch)
        const codes = touchedBatches.get(batch.id)
        if (!codes || batch.isHidden) continue
        for (const entry of batchEntries(merchant, batch, told))
          add({ ...entry, isConsequence: !codes.includes(entry.code) })
      }
      for (const batch of merchant.batches()) for (const entry of untoldEntries(batch)) add(entry)
      for (const [terminalId, codes] of touchedTerminals) {
        for (const entry of gapEntries(merchant, terminalId))
          add({ ...entry, isConsequence: !codes.includes(entry.code) })
      }
      for (const entry of recurringEntries(merchant, now)) add(entry)
      for (const entry of coincidenceEntries(merchant, told)) add(entry)
      for (const entry of achEntries(merchant, now)) add(entry)
      for (const entry of invoiceEntries(merchant, now, told)) add(entry)
      return { defects: [...entries.values()], counts: countServed(merchant, now) }

      function untoldEntries(batch: BatchRow): TruthEntry[] {
        if (batch.isHidden || told.refundRow === 'with-parent') return []
        const untold = untoldReverses(merchant, batch)
        if (untold.length === 0 || !isTied(batch.id)) return []
        return untold.map((row) => ({
          ...untoldEntry(row, 'several readings of its batch add up to what is stated'),
          isConsequence: false,
        }))
      }

      function addMissing({ id, batchNumber }: BatchRow) {
        if (merchant.transactionsOfBatch(id).every((row) => row.isHidden)) return
        const note = `transactions name batch ${id} (number ${batchNumber}), which is never returned`
        add({ code: 'card_batch_missing', subject: cardBatchSubject(id), isConsequence: false, note })
      }
    },
  }
}

type Derived = Omit<TruthEntry, 'isConsequence'>

/** The statistics as served against the rows as served: the one rule behind all consequences. */
function batchEntries(
  merchant: Merchant,
  batch: BatchRow,
  { countedTypes, refundRow }: { countedTypes: CountedTypes; refundRow: Switches['refundRow'] },
): readonly Derived[] {
  const currency = merchant.terminal(batch.terminalId)?.currency ?? ''
  const stated = servedStatistics(batch, merchant.statistics(batch.id))
  const served = merchant.transactionsOfBatch(batch.id).filter((row) => !row.isHidden)
  const options = { currency, countedTypes, typeOf: (id: bigint) => merchant.transaction(id)?.type }
  const readable = served.filter((row) => row.disguise?.kind !== 'undecodable')
  const known = readable.filter((row) => row.disguise?.kind !== 'unknown-status')
  const figures = computeStatistics(known, options).figures
  const counts = {
    ...computeStatistics(known, options).counts,
    total: computeStatistics(readable, options).counts.total,
  }
  const entries: Derived[] = []
  for (const figure of BATCH_FIGURES) {
    if (stated.figures[figure] === figures[figure]) continue
    entries.push({
      code: 'card_batch_total_differs',
      subject: { kind: 'card_batch', id: `${batch.id}:${figure}` },
      currency,
      expectedMinor: stated.figures[figure],
      actualMinor: figures[figure],
      note: `the statistics' ${figure} is not the sum of the rows`,
    })
  }
  const count = BATCH_COUNTS.find((name) => stated.counts[name] !== counts[name])
  if (count !== undefined) {
    entries.push({
      code: 'card_batch_count_differs',
      subject: cardBatchSubject(batch.id),
      expectedCount: stated.counts[count],
      actualCount: counts[count],
      note: `the statistics' count of ${count} is not that of the rows`,
    })
  }
  if (entries.length > 0) entries.push(...suspended(known, { isParentTold: refundRow === 'with-parent' }))
  const foreign = readable.find((row) => row.currency !== currency)
  if (foreign) {
    const note = `row ${foreign.id} is in ${foreign.currency}, the terminal in ${currency}`
    entries.push({ code: 'card_batch_currency_mixed', subject: cardBatchSubject(batch.id), currency, note })
  }
  return entries
}

/**
 * In a batch whose figures are not those of its rows nothing tells whether a reverse voided a sale, a refund or a preauth
 * of its card and amount, where it can be more than one of these and the reverse does not name it.
 */
function suspended(rows: readonly TransactionRow[], { isParentTold }: { isParentTold: boolean }): readonly Derived[] {
  const approved = rows.filter(({ status }) => status === 'approved')
  return reversesWithChoice(approved)
    .filter(({ originalId }) => !(isParentTold && approved.some(({ id }) => id === originalId)))
    .map((reverse) => untoldEntry(reverse, 'what it voided is not told by figures that do not agree'))
}

const untoldEntry = (reverse: TransactionRow, note: string): Derived => ({
  code: 'reverse_without_original',
  subject: cardTransactionSubject(reverse.id),
  currency: reverse.currency,
  expectedMinor: 0n,
  actualMinor: reverse.amountMinor,
  isUndecidable: true,
  note,
})

function gapEntries(merchant: Merchant, terminalId: bigint): readonly Derived[] {
  const served = merchant.batches().filter((batch) => batch.terminalId === terminalId && !batch.isHidden)
  const numbers = served.map(({ batchNumber }) => batchNumber).toSorted((a, b) => (a < b ? -1 : 1))
  return numbers.slice(1).flatMap((number, index) => {
    const before = numbers[index] ?? number
    const missing = Array.from({ length: Number(number - before) - 1 }, (_, at) => before + BigInt(at + 1))
    return missing.map((each) => ({
      code: 'card_batch_number_gap' as const,
      subject: { kind: 'terminal' as const, id: `${terminalId}:${each}` },
      note: `no batch of terminal ${terminalId} has the number ${each}`,
    }))
  })
}

function countServed(merchant: Merchant, now: Instant): Truth['counts'] {
  const batches = merchant.batches().filter(({ isHidden }) => !isHidden)
  const isServed = (row: TransactionRow) => !row.isHidden && row.visibleAt <= now
  return {
    transactions: merchant.transactions().filter(isServed).length + (merchant.archive()?.length ?? 0),
    batches: batches.length,
    batchesOpen: batches.filter(({ closedAt }) => closedAt === null).length,
  }
}
