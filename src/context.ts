import type { Logger } from 'pino'
import type { AlertChannel } from './alerts/channel.ts'
import type { Account } from './db/accounts.ts'
import type { Db } from './db/client.ts'
import type { Pull } from './db/pulls.ts'
import type { Clock, Instant } from './domain/clock.ts'
import type { HelcimClient } from './helcim/client.ts'
import type { RunScope } from './reconcile/run.ts'
import type { CheckSettings } from './reconcile/settings.ts'

/** Work that one job asks of others; each is keyed, so asking twice is harmless. */
export interface Enqueue {
  /** Reads the next page of a running pull. */
  pullPage(pull: Pull): Promise<void>
  reconcile(request: { accountId: number; scope: RunScope; cause: string }): Promise<void>
  due(due: { accountId: number; kind: string; plannedAt: Instant }): Promise<void>
  /** Tells what changed; asked too often it finds nothing to tell. */
  alert(request: { accountId: number }): Promise<void>
}

/** What every job of a process shares. */
export interface Services {
  readonly db: Db
  readonly account: Account & { readonly tokenFingerprint: string }
  readonly helcim: HelcimClient
  readonly clock: Clock
  readonly settings: CheckSettings
  /** Where this process tells what it finds, the quickest first. */
  readonly alertChannels: readonly AlertChannel[]
}

/** What one run of a job is handed. */
export interface JobContext extends Services {
  readonly enqueue: Enqueue
  readonly log: Logger
  /** Fires at shutdown. */
  readonly signal: AbortSignal
  readonly isLastAttempt: boolean
}
