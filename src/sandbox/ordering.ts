import type { EndpointCall } from './endpoint.ts'
import { hash32 } from './random.ts'

/** Rows in the order that the switches ask for; `rows` may come in any order and stay untouched. */
export function orderRows<R extends { readonly id: bigint }>(rows: readonly R[], call: EndpointCall): R[] {
  const { listOrder } = call.switches
  if (listOrder === 'ascending') return sortBy(rows, (a, b) => (a.id < b.id ? -1 : 1))
  if (listOrder === 'newest-first') return sortBy(rows, (a, b) => (a.id > b.id ? -1 : 1))
  const salt = listOrder === 'shuffled-stable' ? call.seed : call.callNumber
  return rows
    .map((row) => ({ row, key: hash32(salt, 'order', row.id) }))
    .sort((a, b) => a.key - b.key)
    .map(({ row }) => row)
}

/** Long lists mostly come in ascending order already; then turning them is all there is to do. */
function sortBy<R>(rows: readonly R[], compare: (a: R, b: R) => number): R[] {
  const isSorted = (list: readonly R[]) => {
    for (let at = 1; at < list.length; at += 1) {
      const before = list[at - 1]
      const after = list[at]
      if (before !== undefined && after !== undefined && compare(before, after) > 0) return false
    }
    return true
  }
  if (isSorted(rows)) return [...rows]
  const turned = rows.toReversed()
  return isSorted(turned) ? turned : turned.sort(compare)
}
