import type { JobContext, Services } from '../../context.ts'
import type { Tx } from '../../db/client.ts'
import type { MirrorTable } from '../../db/mirror/mirror-table.ts'
import type { Pull } from '../../db/pulls.ts'
import type { Instant } from '../../domain/clock.ts'
import type { PullWindow } from '../../domain/pull.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { EndpointCall, ListEndpoint } from '../../helcim/endpoint.ts'
import { readPage } from './read-page.ts'

/** What changed after a page or a walk, and who must hear of it. */
export interface WalkEnd {
  readonly pull: Pull
  /** Ids of the whole walk. */
  readonly ids: readonly HelcimId[]
  readonly now: Instant
}

/** A resource, described once: everything the one sync loop needs to read any window of it. */
export interface ResourceDescription<R> {
  /** Singular kind, as in subjects of mismatches. */
  readonly name: string
  readonly endpoint: ListEndpoint<R, never>
  readonly mirror: MirrorTable<R>
  /** Rows asked for per page; lists without paging come in one. */
  readonly pageLimit: number
  /** @throws Error for a window that this resource does not have */
  call(window: PullWindow, page: { limit: number; page: number }): EndpointCall
  /** Did the filter hold for this record? Helcim ignores parameters that it does not know (API.md, point 15). */
  isInside(record: R, window: PullWindow): boolean
  /** Runs in the page's transaction, after its rows are stored. */
  afterPage?(tx: Tx, page: { accountId: number; ids: readonly HelcimId[]; readAt: Instant }): Promise<void>
  /** Runs in the transaction that ends a complete walk. */
  afterWalk?(tx: Tx, services: Services, end: WalkEnd): Promise<void>
  /** Helcim answered 404 to a record asked for by its id. */
  afterMissing?(tx: Tx, key: { accountId: number; id: HelcimId }): Promise<void>
}

/** A resource with its record type closed over, so that resources of all types stand in one list. */
export interface Resource {
  readonly name: string
  readonly pageLimit: number
  /** Windows of days are read of it, and can be filled in; else it is read as a whole by each poll. */
  readonly isReadByDays: boolean
  readPage(context: JobContext, pull: Pull): Promise<void>
}

export const defineResource = <R>(description: ResourceDescription<R>): Resource => ({
  name: description.name,
  pageLimit: description.pageLimit,
  isReadByDays: description.mirror.dateColumn !== null,
  readPage: (context, pull) => readPage(description, context, pull),
})
