import type { HelcimId } from '../domain/record.ts'
import type { JsonObject } from './json.ts'
import type { Reading } from './reading.ts'

/** One call, ready to be sent. */
export interface EndpointCall {
  readonly method: 'GET'
  /** e.g. `GET /card-batches/{id}`: for logs and the audit of calls, without ids. */
  readonly name: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** 204 is an empty list here, as the Recurring API says; everywhere else it is an error (API.md §0, fact 4). */
  readonly isEmptyWhen204: boolean
}

/** A call that changes something at Helcim. It is no `EndpointCall`, so that nothing can send it as a reading. */
export interface SettlementCall {
  readonly method: 'POST' | 'PUT'
  /** e.g. `POST /card-batches/{id}/settle`, without ids. */
  readonly name: string
  readonly path: string
  /** Null where the endpoint takes none. */
  readonly idempotencyKey: string | null
}

/** How one kind of record is read out of an answer. */
export interface RecordShape<R> {
  readonly resource: Resource
  /** The key that holds the record's id. */
  readonly idKey: string
  /**
   * The part of a received object that is this record, where it is not all of it; null when the object does not hold one.
   * What is left out is in neither `raw` nor the digest, so that answers in two forms do not pass for changes.
   */
  select?(object: JsonObject): JsonObject | null
  decode(reading: Reading, id: HelcimId): R
}

/** A list of records. `Q` is what can be asked of it. */
export interface ListEndpoint<R, Q> extends RecordShape<R> {
  readonly name: string
  /**
   * `none`: one answer holds all. `page`: numbered pages of at most `limitMax` records, beginning with `pageFirst`; null
   * where nothing says how many. `offset`: stretches that begin behind what was read.
   */
  readonly paging:
    | { readonly style: 'none' }
    | { readonly style: 'page'; readonly pageFirst: 1; readonly limitMax: number | null }
    | { readonly style: 'offset'; readonly limitMax: number }
  list(query: Q): EndpointCall
}

export type Resource =
  | 'card_terminals'
  | 'card_batches'
  | 'card_transactions'
  | 'customers'
  | 'invoices'
  | 'payment_plans'
  | 'add_ons'
  | 'subscriptions'
  | 'subscription_details'
  | 'ach_transactions'
  | 'ach_batches'

/** A query without what was not asked for: unknown or empty parameters are ignored in silence (API.md §1). */
export function queryOf(
  parameters: Readonly<Record<string, string | number | bigint | undefined>>,
): Record<string, string> {
  const query: Record<string, string> = {}
  for (const [key, value] of Object.entries(parameters)) if (value !== undefined) query[key] = String(value)
  return query
}
