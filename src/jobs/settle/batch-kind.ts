import type { JobContext } from '../../context.ts'
import type { Attempt } from '../../db/settlement/attempts.ts'
import type { Instant } from '../../domain/clock.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { BatchReading } from '../../domain/settlement.ts'
import type { Tie } from '../../domain/settlement-policy.ts'
import type { SettlementCall } from '../../helcim/endpoint.ts'

/** What differs between batches of cards and of ACH; how an attempt lives does not. */
export interface SettleableKind {
  /** The resource whose list tells which batches are open. */
  readonly list: string
  /** The name of the call, from which a token may be blocked. */
  readonly endpoint: string
  /** The one call of an attempt. */
  call(attempt: Attempt): SettlementCall
  /** Null where the endpoint takes none. */
  createIdempotencyKey(): string | null
  /** Reads one batch now, and mirrors it. Null where Helcim does not have it, or tells it illegibly. */
  read(context: JobContext, id: HelcimId): Promise<SeenBatch | null>
}

/** A batch as Helcim has just shown it. */
export interface SeenBatch {
  /** Null for ACH. */
  readonly terminalId: HelcimId | null
  readonly openedAt: Instant | null
  readonly closedAt: Instant | null
  readonly isClosed: boolean
  readonly isStrictlyOpen: boolean
  readonly currency: string | null
  /** Of ACH only its rows tell it. */
  readonly netMinor: bigint | null
  readonly countTotal: number | null
  /**
   * Reads its rows now and holds them against what it states, reading that once more where they do not agree.
   * @param cause for the readings; another one each time
   */
  prove(cause: string): Promise<Proof>
}

export interface Proof {
  /** As read last. */
  readonly seen: SeenBatch
  readonly tie: Tie
}

/** What a reading says about whether the batch is closed; a close without its date is not believed. */
export function readingOf(seen: SeenBatch | null): BatchReading {
  if (seen?.isStrictlyOpen) return { kind: 'open' }
  if (seen?.isClosed && seen.closedAt !== null) return { kind: 'closed', closedAt: seen.closedAt }
  return { kind: 'unclear' }
}
