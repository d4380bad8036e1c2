import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addDays, type BusinessDate, toBusinessDate } from '../../src/domain/calendar.ts'
import {
  decideNamed,
  decidePage,
  halves,
  type ListOrder,
  NAMED_PAGES_MAX,
  orderOf,
  type PageDecision,
  type PageSeen,
} from '../../src/domain/pull.ts'

/** Printed, so that a failure can be run again: `TIEOUT_TEST_SEED=… npx vitest run test/sync/walk.test.ts`. */
const seed = Number(process.env.TIEOUT_TEST_SEED ?? Date.now() % 2 ** 31)
console.info(`walk seed ${seed}`)
const settings = { seed, numRuns: 1_000 }

/** A list as a server keeps it, and how it serves it. */
interface ModelServer {
  readonly order: ListOrder
  readonly pastEnd: 'empty' | 'repeat-last'
  /** A silent maximum below what is asked for, or as much. */
  readonly rowsMax: number
  readonly rows: number
  readonly limit: number
  /** After which page of the first walk how many rows come, each with an id relative to those there. */
  readonly arrivals: readonly { readonly page: number; readonly at: readonly number[] }[]
  /** This page shows another one, once or always. */
  readonly fault: { readonly page: number; readonly shows: 'previous' | 'first'; readonly isLasting: boolean } | null
}

const server = fc.record<ModelServer>({
  order: fc.constantFrom('ascending', 'descending', 'none'),
  pastEnd: fc.constantFrom('empty', 'repeat-last'),
  rowsMax: fc.constantFrom(10, 20, 1_000),
  rows: fc.oneof(
    fc.nat(130),
    fc.nat(6).map((pages) => pages * 10),
  ),
  limit: fc.constantFrom(7, 10, 20, 33),
  arrivals: fc.array(
    fc.record({ page: fc.integer({ min: 1, max: 8 }), at: fc.array(fc.nat(140), { maxLength: 25 }) }),
    {
      maxLength: 3,
    },
  ),
  fault: fc.option(
    fc.record({
      page: fc.integer({ min: 2, max: 7 }),
      shows: fc.constantFrom('previous', 'first'),
      isLasting: fc.boolean(),
    }),
    { nil: null, freq: 3 },
  ),
})

interface Walked {
  readonly decision: PageDecision
  readonly seen: ReadonlySet<bigint>
  readonly countPages: number
}

/** Walks as the sync loop does; `decide` can be swapped for a worse one. */
function walk(model: ModelServer, decide: typeof decidePage = decidePage): Walked & { throughout: bigint[] } {
  // Gaps between ids leave room for late rows; new ones lie above all.
  let ids = Array.from({ length: model.rows }, (_, index) => BigInt((index + 1) * 1_000))
  const throughout = [...ids]
  let countAdded = 0n
  let before: bigint[] = []
  let order: ListOrder | null = null
  let largestPage = 0
  let isAfterRepeat = false
  const seen = new Set<bigint>()
  const size = Math.min(model.limit, model.rowsMax)
  const salted = (id: bigint) => (id * 2_654_435_761n) % 4_294_967_291n
  const serve = (asked: number): bigint[] => {
    const { fault } = model
    let page = fault && (fault.isLasting ? asked >= fault.page : asked === fault.page) ? pageShown(asked, fault) : asked
    const pageLast = Math.max(1, Math.ceil(ids.length / size))
    if (page > pageLast && model.pastEnd === 'repeat-last') page = pageLast
    const sorted = [...ids].sort((a, b) => {
      if (model.order === 'none') return Number(salted(a) - salted(b))
      return model.order === 'ascending' ? Number(a - b) : Number(b - a)
    })
    return sorted.slice((page - 1) * size, page * size)
  }
  for (let page = 1; page < 3_000; page += 1) {
    const rows = serve(page)
    const fresh = rows.filter((id) => !seen.has(id))
    order = orderOf(fresh, order, before.at(-1) ?? null)
    largestPage = Math.max(largestPage, rows.length)
    const tail = before.slice(-rows.length)
    const decision = decide({
      page,
      limit: model.limit,
      isByOffset: false,
      countRows: rows.length,
      countFresh: fresh.length,
      countRepeated: rows.length - fresh.length,
      isRepeatAtHead: rows.findIndex((id) => !seen.has(id)) === rows.length - fresh.length,
      isRepeatOfLast: rows.length === tail.length && rows.every((id) => tail.includes(id)),
      isAfterRepeat,
      largestPage,
      order,
    })
    isAfterRepeat = page > 1 && fresh.length === 0
    for (const id of fresh) seen.add(id)
    before = [...before, ...fresh]
    if (decision !== 'next') return { decision, seen, countPages: page, throughout }
    for (const { at } of model.arrivals.filter((arrival) => arrival.page === page)) {
      for (const place of at) {
        countAdded += 1n
        ids = [...ids, BigInt(place) * 1_000n + countAdded]
      }
    }
  }
  throw new Error('the walk does not end')
}

const pageShown = (page: number, { shows }: { shows: 'previous' | 'first' }) => (shows === 'first' ? 1 : page - 1)

const missedOf = ({ throughout, seen }: { throughout: bigint[]; seen: ReadonlySet<bigint> }) =>
  throughout.filter((id) => !seen.has(id))

describe('a walk over pages', () => {
  test('ends, whatever the server does', () => {
    fc.assert(
      fc.property(server, (model) => {
        expect(walk(model).countPages).toBeLessThan(40)
      }),
      settings,
    )
  })

  test('that says "end" has seen every row that was there throughout', () => {
    const ends = { end: 0, other: 0 }
    fc.assert(
      fc.property(server, (model) => {
        // Pages that for ever show the one before hide the last one behind an honest end; the batch tie-out shows those.
        // And two troubles at once, new rows on a page that is the wrong one, can look like a page of its own.
        const isHopeless = model.fault?.shows === 'previous' && model.fault.isLasting
        fc.pre(model.fault === null || (!isHopeless && model.arrivals.length === 0))
        const walked = walk(model)
        ends[walked.decision === 'end' ? 'end' : 'other'] += 1
        if (walked.decision === 'end') expect(missedOf(walked)).toEqual([])
      }),
      settings,
    )
    // Both happen often: neither law holds for want of cases.
    expect(Math.min(ends.end, ends.other)).toBeGreaterThan(50)
  })

  test('over a list that stands still, of a server without faults, ends well but where page 2 repeats page 1', () => {
    fc.assert(
      fc.property(server, (model) => {
        const walked = walk({ ...model, arrivals: [], fault: null })
        const isOnePage = model.rows > 0 && model.rows <= Math.min(model.limit, model.rowsMax)
        expect(walked.decision).toBe(
          isOnePage && walked.countPages === 2 && model.pastEnd === 'repeat-last' ? 'stuck' : 'end',
        )
        expect(walked.seen.size).toBe(model.rows)
      }),
      settings,
    )
  })

  test('new rows at the head of a list, newest first, cost no second walk', () => {
    const model: ModelServer = {
      order: 'descending',
      pastEnd: 'empty',
      rowsMax: 1_000,
      rows: 55,
      limit: 10,
      arrivals: [{ page: 2, at: [900, 901, 902] }],
      fault: null,
    }
    const walked = walk(model)
    expect(walked.decision).toBe('end')
    expect(missedOf(walked)).toEqual([])
    expect(walk({ ...model, order: 'ascending', arrivals: [{ page: 2, at: [3] }] }).decision).toBe('walk-again')
  })

  test('a decision that takes any repeated page for the end misses rows (control)', () => {
    const hasty: typeof decidePage = (seen) => (seen.countFresh === 0 ? 'end' : decidePage(seen))
    const counterexample = fc.check(
      fc.property(server, (model) => {
        const walked = walk(model, hasty)
        return walked.decision !== 'end' || missedOf(walked).length === 0
      }),
      settings,
    )
    expect(counterexample.failed).toBe(true)
  })
})

describe('a walk over the records that go by a code', () => {
  const page = (change: Partial<PageSeen>): PageSeen => ({
    page: 1,
    limit: 100,
    isByOffset: false,
    countRows: 1,
    countFresh: change.countRows ?? 1,
    countRepeated: 0,
    isRepeatAtHead: true,
    isRepeatOfLast: false,
    isAfterRepeat: false,
    largestPage: 100,
    order: null,
    ...change,
  })

  test('is one call where the record comes, or none does', () => {
    for (const limit of [100, null]) {
      expect(decideNamed(page({ limit }), { isFound: true })).toBe('end')
      expect(decideNamed(page({ limit, countRows: 0 }), { isFound: false })).toBe('end')
    }
  })

  test('never ends with a full page of others, and a full page that holds it leaves open what comes behind', () => {
    for (const limit of [100, null]) {
      expect(decideNamed(page({ limit, countRows: 100 }), { isFound: false })).toBe('next')
      expect(decideNamed(page({ limit, countRows: 100 }), { isFound: true })).toBe('found')
    }
    // Of a list whose size of a page nothing tells, any page may be full.
    expect(decideNamed(page({ limit: null, countRows: 7 }), { isFound: false })).toBe('next')
    expect(decideNamed(page({ countRows: 7 }), { isFound: false })).toBe('end')
  })

  test('is given up after some pages of others, without proving anything', () => {
    const last = page({ page: NAMED_PAGES_MAX, countRows: 100 })
    expect(decideNamed(last, { isFound: false })).toBe('too-many')
    expect(decideNamed({ ...last, countRows: 99, countFresh: 99 }, { isFound: false })).toBe('end')
  })
})

test('the order of ids is told from any two that differ, and lost for good by one step back', () => {
  const ids = fc.uniqueArray(fc.bigInt({ min: 1n, max: 10_000n }), { minLength: 2, maxLength: 30 })
  fc.assert(
    fc.property(ids, fc.nat(30), (some, cut) => {
      const ascending = [...some].sort((a, b) => Number(a - b))
      const inTwo = (list: bigint[]) => {
        const head = list.slice(0, cut)
        return orderOf(list.slice(cut), orderOf(head, null, null), head.at(-1) ?? null)
      }
      expect(inTwo(ascending)).toBe('ascending')
      expect(inTwo(ascending.toReversed())).toBe('descending')
      const [first, second] = ascending
      if (first === undefined || second === undefined) throw new Error('too few ids')
      expect(orderOf([first], 'ascending', second)).toBe('none')
      expect(orderOf([second], 'none', first)).toBe('none')
    }),
    settings,
  )
})

test('halves are disjoint, cover the window, and end at single days', () => {
  const first = toBusinessDate('2026-02-20')
  const daysOf = (window: { from: BusinessDate; to: BusinessDate }): BusinessDate[] => {
    const parts = halves(window, addDays)
    return parts === null ? [window.from, ...(window.from === window.to ? [] : [window.to])] : parts.flatMap(daysOf)
  }
  fc.assert(
    fc.property(fc.nat(60), (days) => {
      const cut = daysOf({ from: first, to: addDays(first, days) })
      expect(cut).toEqual(Array.from({ length: days + 1 }, (_, index) => addDays(first, index)))
    }),
    { seed, numRuns: 100 },
  )
})
