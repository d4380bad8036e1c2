import type { Instant } from '../domain/clock.ts'
import { hash32 } from './random.ts'
import { addDays } from './zone.ts'

export interface Kept {
  readonly id: bigint
  readonly createdAt: Instant
}

/** The records of one resource. Rows are never changed in place: a change puts a new row under the old id. */
export interface Collection<R extends Kept, I extends string = never> {
  /** Ascending by id, as are all lists here. */
  all(): readonly R[]
  get(id: bigint): R | undefined
  /** @throws Error when there is no such record */
  need(id: bigint): R
  /** The rows that have this key, e.g. of one date. */
  by(index: I, key: string): readonly R[]
  /** First and last key of an index, by text. */
  range(index: I): { readonly from: string; readonly to: string } | undefined
  /** Of these rows those that a reader may see: not hidden, and past their lag. */
  visible(rows: readonly R[], now: Instant): readonly R[]
  isVisible(row: R, now: Instant): boolean
  /** Puts in what `make` makes of the next id, or of the given one; its `createdAt` may lie days back. */
  add(make: (id: bigint) => R, id?: bigint): R
  alter(id: bigint, change: Partial<Omit<R, 'id'>>): R
  remove(id: bigint): void
  /** Leaves the record out of every answer, or takes it in again; the truth keeps it. */
  hide(id: bigint, isHidden?: boolean): void
  /** From now on `key` of the record is served as this JSON text, or left out (null); undefined serves it truly again. */
  disguise(id: bigint, key: string, literal: string | null | undefined): void
  /** What is served in place of the truth, by key. */
  disguiseOf(id: bigint): ReadonlyMap<string, string | null> | undefined
}

export function createCollection<R extends Kept, I extends string = never>(options: {
  name: string
  seed: number
  idFirst: bigint
  /** Ids grow by 1 to this. */
  idStepMax: number
  lagMs: number
  indexes?: readonly (readonly [index: I, keyOf: (row: R) => string])[]
}): Collection<R, I> {
  const { name, seed, idStepMax, lagMs } = options
  const rows: R[] = []
  const lists = new Map<I, { keyOf: (row: R) => string; byKey: Map<string, R[]>; from?: string; to?: string }>()
  for (const [index, keyOf] of options.indexes ?? []) lists.set(index, { keyOf, byKey: new Map() })
  const hidden = new Set<bigint>()
  const disguises = new Map<bigint, Map<string, string | null>>()
  let idLast = options.idFirst

  const listOf = (index: I) => {
    const list = lists.get(index)
    if (!list) throw new Error(`${name} has no index ${index}`)
    return list
  }
  const need = (id: bigint): R => {
    const row = rows[placeOf(rows, id)]
    if (row?.id !== id) throw new Error(`no ${name} ${id}`)
    return row
  }
  /** Takes `before` out and puts `row` in; either may be missing. Where the place stays, nothing else moves. */
  const exchange = (before: R | undefined, row: R | undefined) => {
    exchangeIn(rows, before, rows, row)
    for (const list of lists.values()) {
      const key = row && list.keyOf(row)
      const keyBefore = before && list.keyOf(before)
      const to = key === undefined ? undefined : listIn(list.byKey, key)
      exchangeIn(keyBefore === undefined ? undefined : listIn(list.byKey, keyBefore), before, to, row)
      if (key === undefined) continue
      if (list.from === undefined || key < list.from) list.from = key
      if (list.to === undefined || key > list.to) list.to = key
    }
  }
  const isVisible = (row: R, now: Instant) => !hidden.has(row.id) && row.createdAt + lagMs <= now

  return {
    all: () => rows,
    get: (id) => {
      const row = rows[placeOf(rows, id)]
      return row?.id === id ? row : undefined
    },
    need,
    by: (index, key) => listOf(index).byKey.get(key) ?? [],
    range(index) {
      const { from, to } = listOf(index)
      return from === undefined || to === undefined ? undefined : { from, to }
    },
    visible: (some, now) => (lagMs === 0 && hidden.size === 0 ? some : some.filter((row) => isVisible(row, now))),
    isVisible,
    add(make, id) {
      if (id === undefined) idLast += BigInt(1 + (hash32(seed, name, idLast) % idStepMax))
      else if (rows[placeOf(rows, id)]?.id === id) throw new Error(`${name} ${id} exists`)
      const row = make(id ?? idLast)
      if (row.id > idLast) idLast = row.id
      exchange(undefined, row)
      return row
    },
    alter(id, change) {
      const row = need(id)
      const altered = { ...row, ...change }
      exchange(row, altered)
      return altered
    },
    remove: (id) => exchange(need(id), undefined),
    hide(id, isHidden = true) {
      need(id)
      if (isHidden) hidden.add(id)
      else hidden.delete(id)
    },
    disguise(id, key, literal) {
      need(id)
      const keys = disguises.get(id) ?? new Map<string, string | null>()
      if (literal === undefined) keys.delete(key)
      else keys.set(key, literal)
      disguises.set(id, keys)
    },
    disguiseOf: (id) => disguises.get(id),
  }
}

/** The rows of each local date from `from` to `to`, both included, as far as `range` has any. */
export function rowsBetween<R>(
  range: { readonly from: string; readonly to: string },
  { from = range.from, to = range.to }: { readonly from: string | undefined; readonly to: string | undefined },
  rowsOf: (date: string) => readonly R[],
): readonly R[] {
  const first = from > range.from ? from : range.from
  const last = to < range.to ? to : range.to
  const lists: (readonly R[])[] = []
  for (let date = first; date <= last; date = addDays(date, 1)) lists.push(rowsOf(date))
  // Far quicker than `flat` where they are long; a single one stays as it is.
  const [only = [], ...others] = lists
  return others.length === 0 ? only : only.concat(...others)
}

/** The list under `key`, made when it is not there. */
export function listIn<K, V>(lists: Map<K, V[]>, key: K): V[] {
  const known = lists.get(key)
  if (known) return known
  const list: V[] = []
  lists.set(key, list)
  return list
}

/** New rows have the highest id, so this nearly always appends; altered and late ones find their place. */
export function insertById<R extends { readonly id: bigint }>(list: R[], row: R): void {
  const last = list.at(-1)
  if (last === undefined || last.id < row.id) list.push(row)
  else list.splice(placeOf(list, row.id), 0, row)
}

function exchangeIn<R extends { readonly id: bigint }>(
  from: R[] | undefined,
  before: R | undefined,
  to: R[] | undefined,
  row: R | undefined,
): void {
  const place = from && before ? placeOf(from, before.id) : 0
  if (from && from === to && before && row) from[place] = row
  else {
    if (from && before) from.splice(place, 1)
    if (to && row) insertById(to, row)
  }
}

/** Where the id stands, or would stand, in a list that ascends by id. */
function placeOf(list: readonly { readonly id: bigint }[], id: bigint): number {
  let from = 0
  let to = list.length
  while (from < to) {
    const middle = (from + to) >> 1
    if ((list[middle]?.id ?? id) < id) from = middle + 1
    else to = middle
  }
  return from
}
