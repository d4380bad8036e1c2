import type { AchSettings } from '../domain/ach-judgement.ts'
import type { CodeRules } from '../domain/check-rules.ts'
import type { InvoiceSettings } from '../domain/invoices/judge.ts'
import { DEFAULT_RECURRING_SETTINGS, type RecurringSettings } from '../domain/recurring/sides.ts'

/** What the checks allow; durations in milliseconds of the clock. */
export interface CheckSettings {
  readonly batchOpenMediumMs: number
  readonly batchOpenHighMs: number
  /** Statistics read earlier than this after a close may still move: the batch is read once more. */
  readonly closedBatchSettlesMs: number
  /** Rows read sooner after Helcim last touched their batch may lack what its statistics count already. */
  readonly rowsLagMs: number
  /** A batch in motion whose newest rows did not explain its figures is read whole at most so often. */
  readonly wholeBatchEveryMs: number
  /** A batch that the list does not show, and on which no sales fall, is read by its id so often until it has closed. */
  readonly unlistedBatchEveryMs: number
  /** How long a list or days may be asked for in vain before it is told. */
  readonly pullIncompleteMs: number
  readonly recurring: RecurringSettings
  readonly cardMoney: CardMoneySettings
  readonly invoices: InvoiceSettings
  readonly ach: AchSettings
  /** How long it may be unknown whether a batch was settled. */
  readonly settlementUnconfirmedMs: number
  /** How long a batch that was to be settled may be held. */
  readonly settlementOverdueMs: number
  /** Severities, thresholds and tolerances by code. */
  readonly rules: CodeRules
}

export interface CardMoneySettings {
  /** A refund gives back a sale of so many days before it at most: without that many read, none is missed. */
  readonly originalWithinDays: number
  /** A reverse that came after the close voids a sale made so long before it at most. */
  readonly settledWithinMs: number
  /** Equal sales of one card so close together are one too many. */
  readonly repeatedWithinMs: number
}

const HOUR_MS = 3_600_000

export const DEFAULT_CHECK_SETTINGS: CheckSettings = {
  batchOpenMediumMs: 24 * HOUR_MS,
  batchOpenHighMs: 48 * HOUR_MS,
  closedBatchSettlesMs: 10 * 60_000,
  rowsLagMs: 2 * 60_000,
  wholeBatchEveryMs: 15 * 60_000,
  unlistedBatchEveryMs: HOUR_MS,
  pullIncompleteMs: 6 * HOUR_MS,
  recurring: DEFAULT_RECURRING_SETTINGS,
  cardMoney: { originalWithinDays: 180, settledWithinMs: 10 * 24 * HOUR_MS, repeatedWithinMs: 10 * 60_000 },
  invoices: { overdueAfterMs: 30 * 24 * HOUR_MS, lagMs: 60_000 },
  ach: { clearingBankingDays: 5, bankHolidays: [] },
  settlementUnconfirmedMs: 15 * 60_000,
  settlementOverdueMs: HOUR_MS,
  rules: new Map(),
}
