import type { JobContext, Services } from '../../context.ts'
import type { CopyTx, Tx } from '../../db/client.ts'
import type { MirrorTable } from '../../db/mirror/mirror-table.ts'
import type { Pull } from '../../db/pulls.ts'
import type { Instant } from '../../domain/clock.ts'
import type { PullWindow, ResourceName } from '../../domain/pull.ts'
import type { HelcimId } from '../../domain/record.ts'
import { RHYTHMS, type Rhythm } from '../../domain/rhythm.ts'
import type { AnswerBody } from '../../helcim/body.ts'
import type { EndpointCall, ListEndpoint } from '../../helcim/endpoint.ts'
import { readPage } from './read-page.ts'
import { type Replay, replayOf } from './replay.ts'

/** What changed after a page or a walk, and who must hear of it. */
export interface WalkEnd {
  readonly pull: Pull
  /** Ids of the whole walk. */
  readonly ids: readonly HelcimId[]
  /** True when the window may hold records beside `ids`: the id of one could not be read, or the walk ended at the record it was for. */
  readonly mayHoldOthers: boolean
  readonly now: Instant
}

/** One answer that is asked for. */
export interface PageAsked {
  /** Rows; 0 where the list takes no number. */
  readonly limit: number
  /** Begins with 1. */
  readonly page: number
  /** Rows that the pages before it held. */
  readonly offset: number
}

/** Records of another kind that answers hold within this one's. */
export interface InnerRecords {
  readonly replay: Replay
  /** Reads them; what it returns stores them, in the page's transaction. */
  read(page: { body: AnswerBody | null; isSingle: boolean }): Promise<(tx: CopyTx, at: StoredAt) => Promise<void>>
}

interface StoredAt {
  readonly accountId: number
  /** When the reading began. */
  readonly readAt: Instant
  readonly now: Instant
}

/** A resource, described once: everything the one sync loop needs to read any window of it. */
export interface ResourceDescription<R> {
  /** Singular kind, as in subjects of mismatches. */
  readonly name: ResourceName
  readonly endpoint: ListEndpoint<R, never>
  readonly mirror: MirrorTable<R>
  /** Rows asked for per page; lists without paging come in one, 0 where the list takes no number. */
  readonly pageLimit: number
  /** @throws Error for a window that this resource does not have */
  call(window: PullWindow, page: PageAsked): EndpointCall
  /** Did the filter hold for this record? Helcim ignores parameters that it does not know (API.md, point 15). */
  isInside(record: R, window: PullWindow): boolean
  readonly inner?: InnerRecords
  /** Runs in the page's transaction, after its rows are stored. */
  afterPage?(tx: Tx, page: { accountId: number; ids: readonly HelcimId[]; readAt: Instant }): Promise<void>
  /** Runs in the transaction that ends a complete walk. @returns what has to be read because of it */
  afterWalk?(tx: Tx, services: Services, end: WalkEnd): Promise<readonly Pull[]>
  /** Runs in the transaction that ends a tail at what was known before: a walk it is not. */
  afterTail?(tx: Tx, end: { pull: Pull }): Promise<void>
  /** Helcim has no record of the id that was asked for. */
  afterMissing?(tx: Tx, missing: { pull: Pull; id: HelcimId; now: Instant }): Promise<void>
}

/** A resource with its record type closed over, so that resources of all types stand in one list. */
export interface Resource {
  readonly name: string
  readonly pageLimit: number
  /** null for card data, which `due` asks for by rules of their own. */
  readonly rhythm: Rhythm | null
  /** One for each table. */
  readonly replays: readonly Replay[]
  /** Windows of days are read of it, and can be filled in; else it is read as a whole by each poll. */
  readonly isReadByDays: boolean
  readPage(context: JobContext, pull: Pull): Promise<void>
}

export const defineResource = <R>(description: ResourceDescription<R>): Resource => ({
  name: description.name,
  pageLimit: description.pageLimit,
  rhythm: RHYTHMS[description.name],
  replays: [
    replayOf(description.endpoint, description.mirror),
    ...(description.inner ? [description.inner.replay] : []),
  ],
  isReadByDays: description.mirror.dateColumn !== null,
  readPage: (context, pull) => readPage(description, context, pull),
})
