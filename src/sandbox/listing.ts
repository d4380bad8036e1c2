import type { EndpointCall } from './endpoint.ts'
import { orderRows } from './ordering.ts'

/** How a list is cut (API.md §4). */
export type Paging =
  | { readonly kind: 'whole' }
  /** `page` from 1; `limit` where it is known. */
  | { readonly kind: 'pages'; readonly sizeMax: number; readonly takesLimit: boolean }
  /** `limit` and a starting index, whose names are presumed. */
  | { readonly kind: 'offset'; readonly sizeMax: number }

/** By which fields a client may sort; by any other nothing is sorted, as with all unknown parameters. */
export type SortKeys<R> = Readonly<Record<string, (row: R) => string | number | bigint>>

/** The rows that this call gets to see of all that match it, in the order of the switches. */
export function shownRows<R extends { readonly id: bigint }>(
  rows: readonly R[],
  paging: Paging,
  call: EndpointCall,
  sortKeys: SortKeys<R> = {},
): readonly R[] {
  if (call.pageShown === 'empty') return []
  const ordered = sortedAsAsked(orderRows(rows, call), sortKeys, call.query.sort)
  if (paging.kind === 'whole') return ordered
  return paging.kind === 'pages' ? pageOf(ordered, paging, call) : stretchOf(ordered, paging, call)
}

/** What can be cut into pages without being held whole. */
export interface Cuttable<R> {
  readonly length: number
  slice(from: number, to: number): readonly R[]
}

/** One page of rows that are in order already. */
export function pageOf<R>(
  rows: Cuttable<R>,
  { sizeMax, takesLimit }: { sizeMax: number; takesLimit: boolean },
  { query, switches, pageShown }: EndpointCall,
): readonly R[] {
  const asked = takesLimit ? readPositive(query.limit) : undefined
  const size = Math.min(asked ?? sizeMax, sizeMax, switches.pageSizeMax)
  const pageLast = Math.max(1, Math.ceil(rows.length / size))
  const page = pageInstead(readPositive(query.page) ?? 1, pageShown)
  const shown = page > pageLast && switches.pagePastEnd === 'repeat-last' ? pageLast : page
  return rows.slice((shown - 1) * size, shown * size)
}

/** Which names the server knows is a switch; of the others it takes no notice and answers from the start. */
function stretchOf<R>(rows: readonly R[], { sizeMax }: { sizeMax: number }, call: EndpointCall): readonly R[] {
  const { query, switches, pageShown } = call
  if (switches.recurringPaging === 'page') return pageOf(rows, { sizeMax, takesLimit: true }, call)
  const isKnown = switches.recurringPaging === 'offset'
  const size = Math.min((isKnown ? readPositive(query.limit) : undefined) ?? sizeMax, sizeMax, switches.pageSizeMax)
  const asked = isKnown && query.offset !== undefined && /^\d{1,9}$/.test(query.offset) ? Number(query.offset) : null
  const start = asked === null ? 0 : Math.max(0, asked - switches.recurringOffsetBase)
  const page = pageInstead(Math.floor(start / size) + 1, pageShown)
  const from = pageShown === 'asked' ? start : (page - 1) * size
  const isPastEnd = from >= rows.length && switches.pagePastEnd === 'repeat-last'
  const shown = isPastEnd ? Math.max(0, Math.ceil(rows.length / size) - 1) * size : from
  return rows.slice(shown, shown + size)
}

/** `FIELD.asc` or `FIELD.desc`; equal ones keep their order. */
function sortedAsAsked<R>(rows: readonly R[], keys: SortKeys<R>, sort: string | undefined): readonly R[] {
  const [, field = '', direction] = /^(\w+)\.(asc|desc)$/.exec(sort ?? '') ?? []
  const keyOf = Object.hasOwn(keys, field) ? keys[field] : undefined
  if (!keyOf) return rows
  const sign = direction === 'asc' ? 1 : -1
  return rows.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -sign : keyOf(a) > keyOf(b) ? sign : 0))
}

function pageInstead(page: number, shown: EndpointCall['pageShown']): number {
  if (shown === 'first') return 1
  return shown === 'previous' ? Math.max(1, page - 1) : page
}

function readPositive(text: string | undefined): number | undefined {
  const number = text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : 0
  return number > 0 ? number : undefined
}
