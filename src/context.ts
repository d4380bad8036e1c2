import type { Logger } from 'pino'
import type { AlertChannel } from './alerts/channel.ts'
import type { Account } from './db/accounts.ts'
import type { Db } from './db/client.ts'
import type { DueKey } from './db/due-work.ts'
import type { Pull } from './db/pulls.ts'
import type { AttemptPlace } from './db/settlement/attempts.ts'
import type { AlertRules } from './domain/alert-rules.ts'
import type { BatchKey } from './domain/batch-key.ts'
import type { Clock } from './domain/clock.ts'
import type { BooksSettings } from './domain/journal/chart.ts'
import type { SettlementPolicy } from './domain/settlement-policy.ts'
import type { HelcimClient } from './helcim/client.ts'
import type { RunScope } from './reconcile/judge-batches.ts'
import type { CheckSettings } from './reconcile/settings.ts'

/** Work that one job asks of others; each is keyed, so asking twice is harmless. */
export interface Enqueue {
  /** Reads the next page of a running pull. */
  pullPage(pull: Pull): Promise<void>
  reconcile(request: { accountId: number; scope: RunScope; cause: string }): Promise<void>
  /** Posts what changed, or everything again. */
  postBooks(request: { accountId: number; scope: RunScope; cause: string }): Promise<void>
  /** @param due `after` names the pull whose end asks: an asking while the work runs is not lost in that run */
  due(due: DueKey & { readonly after?: bigint }): Promise<void>
  /** Looks at one batch for its cut-off, and settles it where nothing speaks against it. */
  settleBatch(request: DueKey & { readonly batch: BatchKey }): Promise<void>
  /** Reads what came of an attempt, after so many milliseconds of the clock. */
  confirmAttempt(request: { attempt: AttemptPlace; delayMs: number }): Promise<void>
  /**
   * Tells what changed; asked too often it finds nothing to tell.
   * @param request `after` names the news: an asking while the work runs is not lost in that run
   */
  alert(request: { accountId: number; after?: string }): Promise<void>
}

/** How an account's batches are settled. */
export interface Settling {
  readonly policy: SettlementPolicy
  /** The account's, in which cut-offs and days are meant. */
  readonly zone: string
  /** Goes by the token that may settle, which may be another than the one that reads. */
  readonly helcim: HelcimClient
  readonly tokenFingerprint: string
  /** How long Helcim may go on working on a call that we gave up. Real milliseconds. */
  readonly drainMs: number
}

export interface Exporting {
  /** Absolute. */
  readonly directory: string
  /** Files of periods that ended longer ago are removed; null to keep all. */
  readonly keepDays: number | null
}

/** What every job of a process shares. */
export interface Services {
  readonly db: Db
  readonly account: Account & { readonly tokenFingerprint: string }
  readonly helcim: HelcimClient
  readonly settling: Settling
  readonly clock: Clock
  readonly settings: CheckSettings
  /** Where files are written by themselves; null for nowhere. */
  readonly exporting: Exporting | null
  /** Chart of accounts and cut-off. */
  readonly books: BooksSettings
  /** Where this process tells what it finds, the quickest first. */
  readonly alertChannels: readonly AlertChannel[]
  /** Who is to be told what of this account. */
  readonly alertRules: AlertRules
}

/** What one run of a job is handed. */
export interface JobContext extends Services {
  readonly enqueue: Enqueue
  readonly log: Logger
  /** Fires at shutdown. */
  readonly signal: AbortSignal
  readonly isLastAttempt: boolean
}
