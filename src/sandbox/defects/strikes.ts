import type { Instant } from '../../domain/clock.ts'
import type { Merchant } from '../merchant.ts'
import type { BatchRow, TransactionFacts, TransactionRow } from '../rows.ts'
import { cardBatchSubject, cardTransactionSubject, type TruthEntry, type TruthLedger } from '../truth.ts'
import type { DefectContext, DefectName } from './catalogue.ts'

/** A defect that struck. It keeps its number when it is healed and when it returns. */
export interface StrikeFacts {
  readonly strike: number
  readonly name: DefectName
  readonly at: Instant
  readonly isHealed: boolean
}

/** One strike, as it can be taken back and done again. */
export interface Strike {
  facts(): StrikeFacts
  /** What its defect works with: what is done through it is remembered. */
  readonly context: DefectContext
  /** @throws Error that says why, when what is served could not become sound by it */
  heal(): void
  /** @throws Error that says why, when the same damage cannot be done again */
  relapse(): void
}

/** One thing that was done to one record. */
interface Deed {
  readonly record: string
  undo(): void
  redo(): void
  /** Of a transaction that was altered. */
  readonly row?: { readonly before: TransactionRow; readonly change: Partial<TransactionFacts> }
  /** Of a batch whose statement was altered. */
  readonly batchId?: bigint
  readonly wasOpen: boolean
}

/**
 * @param input `touchedLater`: whether a later strike that still stands struck the record. One is healed in reverse
 *   order, or what the later one did to it would be lost
 */
export function createStrike(input: {
  strike: number
  name: DefectName
  context: DefectContext & { heedFilters(names: readonly string[]): void }
  touchedLater: (record: string) => boolean
}): Strike & { touches(record: string): boolean } {
  const { strike, name, context, touchedLater } = input
  const { merchant, ledger, at } = context
  const deeds: Deed[] = []
  let lasting: string | null = null
  let isHealed = false
  let countHealed = 0
  const isOpen = (batchId: bigint) => merchant.batch(batchId)?.closedAt === null
  const remember = (deed: Deed) => void deeds.push(deed)

  const remembering: Merchant = {
    ...merchant,
    alterTransaction(id, change) {
      const before = rowOf(merchant, id)
      const altered = merchant.alterTransaction(id, change)
      remember({
        record: `transaction ${id}`,
        undo: () => void merchant.alterTransaction(id, picked(before, change)),
        redo: () => void merchant.alterTransaction(id, change),
        row: { before, change },
        wasOpen: isOpen(before.batchId),
      })
      return altered
    },
    removeTransaction(id) {
      const before = rowOf(merchant, id)
      merchant.removeTransaction(id)
      remember({
        record: `transaction ${id}`,
        undo: () => void merchant.addTransaction(before, id),
        redo: () => merchant.removeTransaction(id),
        row: { before, change: {} },
        wasOpen: isOpen(before.batchId),
      })
    },
    alterBatch(id, change) {
      const before = { ...merchant.batch(id) } as BatchRow
      const altered = merchant.alterBatch(id, change)
      if ('closesAt' in change) lasting = 'a batch that stayed open has had its sales'
      remember({
        record: `batch ${id}`,
        undo: () => void merchant.alterBatch(id, picked(before, change)),
        redo: () => void merchant.alterBatch(id, change),
        batchId: id,
        wasOpen: before.closedAt === null,
      })
      return altered
    },
    addTransaction(...args) {
      lasting = 'a row that came too late would disappear'
      return merchant.addTransaction(...args)
    },
    skipBatchNumbers(...args) {
      lasting = 'a number that was skipped stays so'
      merchant.skipBatchNumbers(...args)
    },
    hideNextBatch(terminalId) {
      lasting = 'a batch that was never returned has had its time'
      merchant.hideNextBatch(terminalId)
    },
  }

  const noteWhile = (holds: () => boolean, entry: Omit<TruthEntry, 'note'>, note: string) =>
    ledger.note({ ...entry, note }, holds)
  const remembered: TruthLedger = {
    ...ledger,
    claim(record) {
      lasting = `what happened to ${record} since follows from it`
      return ledger.claim(record)
    },
    note: (entry, holds = () => true) => ledger.note(entry, (now) => !isHealed && holds(now)),
  }
  const changedAfterClose = (batchId: bigint) =>
    ({ code: 'card_batch_changed_after_close', subject: cardBatchSubject(batchId), isConsequence: true }) as const

  /** The reader who saw a row damaged from its first moment sees it change when it is healed. */
  function noteChangesSeen(): void {
    for (const { row } of deeds) {
      if (!row || row.before.createdAt !== at || row.change.disguise?.kind === 'undecodable') continue
      const subject = cardTransactionSubject(row.before.id)
      const entry = { code: 'record_changed', subject, isConsequence: true } as const
      noteWhile(() => isHealed, entry, 'it was another one when it was first returned')
    }
  }

  return {
    facts: () => ({ strike, name, at, isHealed }),
    touches: (record) => !isHealed && deeds.some((deed) => deed.record === record),
    context: {
      ...context,
      merchant: remembering,
      ledger: remembered,
      ignoreFilters(names) {
        context.ignoreFilters(names)
        remember({
          record: `filters ${names}`,
          undo: () => context.heedFilters(names),
          redo: () => context.ignoreFilters(names),
          wasOpen: false,
        })
      },
    },
    heal() {
      const refuse = (why: string) => new Error(`strike ${strike} (${name}) cannot be healed: ${why}`)
      if (isHealed) throw refuse('it is healed')
      if (lasting !== null) throw refuse(lasting)
      for (const { record, row, wasOpen } of deeds) {
        if (touchedLater(record)) throw refuse(`a later one struck ${record} as well`)
        // Its figures were those of the damaged row when it closed, and agreed with it.
        if (row && wasOpen && !isOpen(row.before.batchId) && !isSeenInFigures(row.change))
          throw refuse(`batch ${row.before.batchId} has closed since and would change after its close`)
      }
      for (const deed of deeds.toReversed()) deed.undo()
      isHealed = true
      if (countHealed === 0) noteChangesSeen()
      countHealed += 1
    },
    relapse() {
      const refuse = (why: string) => new Error(`strike ${strike} (${name}) cannot return: ${why}`)
      if (!isHealed) throw refuse('it is not healed')
      for (const { record, row, wasOpen } of deeds) {
        if (touchedLater(record)) throw refuse(`a later one struck ${record} as well`)
        if (row && wasOpen && !isOpen(row.before.batchId))
          throw refuse(`batch ${row.before.batchId} has closed since and would change after its close`)
      }
      const soundBatchIds = deeds.flatMap(({ batchId }) =>
        batchId !== undefined && !isOpen(batchId) && ledger.isTied(batchId) ? [batchId] : [],
      )
      for (const deed of deeds) deed.redo()
      isHealed = false
      // It was sound when it closed or has been since: from now on the same batch says something else.
      for (const batchId of soundBatchIds)
        noteWhile(() => !isHealed, changedAfterClose(batchId), 'its statistics changed after its close')
    },
  }
}

/** While a row is damaged in this way, the statistics of its batch do not agree with the rows that are served. */
const isSeenInFigures = ({ disguise, isHidden }: Partial<TransactionFacts>): boolean =>
  Boolean(disguise) || isHidden === true

function rowOf(merchant: Merchant, id: bigint): TransactionRow {
  const row = merchant.transaction(id)
  if (!row) throw new Error(`no transaction ${id}`)
  return row
}

/** The former values of what a change sets. */
const picked = <T extends object>(before: T, change: Partial<T>): Partial<T> =>
  Object.fromEntries(Object.entries(before).filter(([key]) => Object.hasOwn(change, key))) as Partial<T>
