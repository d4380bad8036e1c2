import { ACH_FIGURES, type AchFigure } from './ach.ts'
import { addBankingDays } from './banking-days.ts'
import { addDays, type BusinessDate, startOfDay } from './calendar.ts'
import type { Instant } from './clock.ts'
import type { DaysRead } from './days-read.ts'
import { HELCIM_ZONE, helcimDate } from './helcim-time.ts'
import type { HelcimId } from './record.ts'

type Figures = Readonly<Record<AchFigure, { readonly minor: bigint; readonly count: number }>>

export interface AchBatchFacts {
  readonly achBatchId: HelcimId
  readonly isClosed: boolean
  readonly openedAt: Instant | null
  readonly closedAt: Instant | null
  readonly stated: Figures
  /** Of its approved rows, each kind gross. */
  readonly summed: Figures
  /** Of its rows: the batch names none (API.md §11). */
  readonly currencies: readonly string[]
}

export interface AchRow {
  readonly achTransactionId: HelcimId
  /** null while it is in none. */
  readonly achBatchId: HelcimId | null
  readonly type: string
  readonly statusAuth: string
  readonly statusClearing: string
  readonly amountMinor: bigint
  readonly currency: string
  readonly createdOn: BusinessDate | null
  /** Whether we have seen it as cleared. */
  readonly wasCleared: boolean
  /** When it was last read, changed or not. */
  readonly readAt: Instant
}

export interface AchSettings {
  /** So many banking days after its day an approved payment has cleared. */
  readonly clearingBankingDays: number
  /** Days on which banks are closed beside weekends and the holidays of the currency, `YYYY-MM-DD`. */
  readonly bankHolidays: readonly string[]
}

/** Rows may have been made so many days before the batch was opened that took them when they were approved. */
const APPROVED_AFTER_DAYS = 2

export type AchBatchVerdict =
  | { readonly state: 'ties' }
  /** `never`: its rows lie before the history. */
  | { readonly state: 'open' | 'waiting' | 'never' }
  | { readonly state: 'differs'; readonly figures: readonly AchFigure[] }

/** Holds a closed batch against its rows, once all days of them were read after it had closed. */
export function judgeAchBatch(
  { isClosed, openedAt, closedAt, stated, summed }: AchBatchFacts,
  { daysRead, from }: { daysRead: DaysRead; from: BusinessDate },
): AchBatchVerdict {
  if (!isClosed || openedAt === null || closedAt === null) return { state: 'open' }
  const first = addDays(helcimDate(openedAt), -APPROVED_AFTER_DAYS)
  if (first < from) return { state: 'never' }
  const last = helcimDate(closedAt)
  for (let day = first; day <= last; day = addDays(day, 1)) {
    if ((daysRead.get(day) ?? 0) < closedAt) return { state: 'waiting' }
  }
  const figures = ACH_FIGURES.filter(
    (figure) => stated[figure].minor !== summed[figure].minor || stated[figure].count !== summed[figure].count,
  )
  return figures.length === 0 ? { state: 'ties' } : { state: 'differs', figures }
}

export type AchRowVerdict =
  | { readonly state: 'fine' }
  /** Time decides, or from then on a reading. */
  | { readonly state: 'waiting'; readonly at: Instant }
  | { readonly state: 'returned' }
  | { readonly state: 'overdue'; readonly sinceOn: BusinessDate }

/** What failed before it had cleared never counted as money; what is returned had been settled by its very name. */
export function judgeAchRow(row: AchRow, now: Instant, settings: AchSettings): AchRowVerdict {
  const { statusAuth, statusClearing, createdOn, currency, wasCleared, readAt } = row
  if (statusClearing === 'RETURNED') return { state: 'returned' }
  if ((statusClearing === 'REJECTED' || statusClearing === 'CONTESTED') && wasCleared) return { state: 'returned' }
  if (statusAuth !== 'APPROVED' || statusClearing !== 'OPENED' || createdOn === null) return { state: 'fine' }
  const alsoClosed = new Set(settings.bankHolidays)
  const sinceOn = addBankingDays(createdOn, settings.clearingBankingDays, { currency, alsoClosed })
  const at = startOfDay(addDays(sinceOn, 1), HELCIM_ZONE)
  return now < at || readAt < at ? { state: 'waiting', at } : { state: 'overdue', sinceOn }
}
