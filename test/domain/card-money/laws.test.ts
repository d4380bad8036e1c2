import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findRepetitions, type Repeatable } from '../../../src/domain/card-money/duplicates.ts'
import { judgeRefunds } from '../../../src/domain/card-money/refunds.ts'
import { judgeReverses, type Reverse } from '../../../src/domain/card-money/reverses.ts'
import { type CardRow, withoutVoided } from '../../../src/domain/card-money/rows.ts'
import { toInstant } from '../../../src/domain/clock.ts'

/** Another one with `SEED=<number>`; printed with every failure by fast-check. */
const SEED = Number(process.env.SEED ?? 20_261_126)
console.log(`card money laws: seed ${SEED}`)
const OPTIONS = { seed: SEED, numRuns: 300 }

const HOUR_MS = 3_600_000
const START = toInstant(Date.parse('2026-10-01T12:00:00Z'))
/** Every batch of these rows closes a day after the first of October's hour in which they were made. */
const rowAt = (id: number, hours: number, cents: number, facts: Partial<CardRow> = {}): CardRow => ({
  transactionId: BigInt(id),
  createdAt: toInstant(START + hours * HOUR_MS),
  amountMinor: BigInt(cents),
  cardBatchId: BigInt(Math.floor(hours / 24)),
  batchClosedAt: toInstant(START + (Math.floor(hours / 24) + 1) * 24 * HOUR_MS - 1),
  holder: null,
  invoiceNumber: null,
  originalId: null,
  ...facts,
})

const amounts = fc.constantFrom(500, 1_000, 1_500, 2_000, 3_000)
const holder = fc.constantFrom(null, 'Ada', 'Ada', 'Bo')
const invoice = fc.constantFrom(null, 'INV1', 'INV2', 'INV3')
const rows = (first: number, hoursMin: number, hoursMax: number, count: number) =>
  fc
    .array(fc.record({ hours: fc.integer({ min: hoursMin, max: hoursMax }), cents: amounts, holder, invoice }), {
      maxLength: count,
    })
    .map((all) =>
      all.map(({ hours, cents, holder: name, invoice: number }, place) =>
        rowAt(first + place, hours, cents, { holder: name, invoiceNumber: number }),
      ),
    )
const card = fc.record({ sales: rows(100, 0, 90, 5), refunds: rows(200, 10, 160, 5) })
/** The same values in another order. */
const shuffled = <T>(values: readonly T[]) => fc.shuffledSubarray([...values], { minLength: values.length })

const plain = (value: unknown): string =>
  JSON.stringify(value, (_, one) =>
    typeof one === 'bigint' ? String(one) : one instanceof Map ? [...one].toSorted() : one,
  )
const always = () => true

describe('refunds of a card', () => {
  it('are not too much while a row that can have voided one of them may be unread, and the sale is held', () => {
    const sale = rowAt(100, 1, 1_000, { invoiceNumber: 'INV1' })
    const refunds = [50, 60].map((hours, place) => rowAt(200 + place, hours, 1_000, { invoiceNumber: 'INV1' }))
    const unread = refunds[1]
    const judged = judgeRefunds({ sales: [sale], refunds }, always, (refund) => refund !== unread)
    expect(judged).toMatchObject({ findings: [], heldIds: [100n] })
    expect(judged.waiting.map(({ transactionId }) => transactionId)).toEqual([201n])
    const lone = judgeRefunds({ sales: [], refunds }, always, () => false)
    expect(lone.findings).toEqual([])
    // The control: with all rows read both are found.
    expect(judgeRefunds({ sales: [sale], refunds }, always).findings).toMatchObject([
      { code: 'refund_exceeds_original' },
    ])
  })

  it('are not too much while one of them may be of a sale that is still unread', () => {
    const sale = rowAt(101, 30, 1_000, { invoiceNumber: 'INV2' })
    const ofUnread = rowAt(200, 60, 1_000, { invoiceNumber: 'INV1' })
    const own = rowAt(201, 80, 1_000, { invoiceNumber: 'INV2' })
    const refunds = [ofUnread, own]
    const judged = judgeRefunds({ sales: [sale], refunds }, () => false)
    expect(judged).toMatchObject({ findings: [], heldIds: [101n] })
    expect(judgeRefunds({ sales: [sale], refunds }, always).findings).toMatchObject([
      { code: 'refund_exceeds_original' },
    ])
    const all = [rowAt(100, 1, 1_000, { invoiceNumber: 'INV1' }), sale]
    expect(judgeRefunds({ sales: all, refunds }, () => false)).toMatchObject({ findings: [], waiting: [], heldIds: [] })
  })

  it('each end in exactly one: their sale, a finding, or waiting', () => {
    fc.assert(
      fc.property(card, fc.boolean(), ({ sales, refunds }, isProved) => {
        const { originals, findings, waiting } = judgeRefunds({ sales, refunds }, () => isProved)
        const beyond = findings.flatMap((found) =>
          found.code === 'refund_without_original'
            ? [found.refund]
            : found.refunds.filter(({ transactionId }) => !originals.has(transactionId)),
        )
        const ids = [
          ...originals.keys(),
          ...beyond.map((row) => row.transactionId),
          ...waiting.map((row) => row.transactionId),
        ]
        expect(ids.toSorted()).toEqual(refunds.map(({ transactionId }) => transactionId).toSorted())
        if (!isProved) expect(findings.filter(({ code }) => code === 'refund_without_original')).toEqual([])
      }),
      OPTIONS,
    )
  })

  it('say the same in whatever order they come', () => {
    fc.assert(
      fc.property(
        card.chain((one) => fc.tuple(fc.constant(one), shuffled(one.sales), shuffled(one.refunds))),
        ([one, sales, refunds]) => {
          const sorted = ({ findings, originals, waiting }: ReturnType<typeof judgeRefunds>) =>
            plain([findings.map(plain).toSorted(), originals, waiting.map(plain).toSorted()])
          expect(sorted(judgeRefunds({ sales, refunds }, always))).toBe(sorted(judgeRefunds(one, always)))
        },
      ),
      OPTIONS,
    )
  })

  it('are innocent when sales share them out, however they are split', () => {
    const split = fc.record({
      hours: fc.integer({ min: 0, max: 20 }),
      cents: fc.integer({ min: 3, max: 9_000 }),
      parts: fc.integer({ min: 0, max: 3 }),
    })
    fc.assert(
      fc.property(fc.array(split, { maxLength: 5 }), (splits) => {
        const sales = splits.map(({ hours, cents }, place) => rowAt(100 + place, hours, cents))
        const refunds = splits.flatMap(({ cents, parts }, place) =>
          Array.from({ length: parts }, (_, part) => {
            const each = Math.floor(cents / parts)
            return rowAt(200 + place * 10 + part, 30 + place + part, part === parts - 1 ? cents - each * part : each)
          }),
        )
        expect(judgeRefunds({ sales, refunds }, always).findings).toEqual([])
      }),
      OPTIONS,
    )
  })

  it('that come to more than all sales never go unnoticed', () => {
    fc.assert(
      fc.property(card, ({ sales, refunds }) => {
        const sum = (all: readonly CardRow[]) => all.reduce((total, { amountMinor }) => total + amountMinor, 0n)
        fc.pre(sum(refunds) > sum(sales))
        expect(judgeRefunds({ sales, refunds }, always).findings.length).toBeGreaterThan(0)
      }),
      OPTIONS,
    )
  })

  it('of one sale by its invoice exceed it, also beside another sale that they might have been shared out to', () => {
    const sales = [rowAt(1, 0, 10_000, { invoiceNumber: 'INV1' }), rowAt(2, 1, 10_000, { invoiceNumber: 'INV2' })]
    const refunds = [30, 31].map((hours) => rowAt(hours, hours, 6_000, { invoiceNumber: 'INV1' }))
    const { findings } = judgeRefunds({ sales, refunds }, () => false)
    expect(findings).toMatchObject([
      { code: 'refund_exceeds_original', original: { transactionId: 1n }, isOneOfSeveral: false },
    ])
    // Without the invoice they are one each.
    const nameless = refunds.map((refund) => ({ ...refund, invoiceNumber: null }))
    expect(judgeRefunds({ sales, refunds: nameless }, always).findings).toEqual([])
  })

  it('have no original in a batch that was still open, nor in a sale after them', () => {
    const codes = (sales: readonly CardRow[]) =>
      judgeRefunds({ sales, refunds: [rowAt(9, 20, 500)] }, always).findings.map(({ code }) => code)
    expect(codes([rowAt(1, 2, 500)])).toEqual(['refund_without_original'])
    expect(codes([rowAt(1, 21, 500)])).toEqual(['refund_without_original'])
    expect(codes([rowAt(1, 2, 500, { batchClosedAt: toInstant(START + 10 * HOUR_MS) })])).toEqual([])
  })
})

describe('repeated sales', () => {
  const sale = fc
    .record({ minutes: fc.integer({ min: 0, max: 60 }), isExpected: fc.boolean(), holder })
    .map(({ minutes, ...rest }) => ({ minutes, ...rest }))
  const salesOf = (all: readonly { minutes: number; isExpected: boolean; holder: string | null }[]): Repeatable[] =>
    all.map(({ minutes, ...rest }, place) => ({ ...rowAt(place, minutes / 60, 500), ...rest }))
  const find = (sales: readonly Repeatable[], fullRefunds: readonly CardRow[] = []) =>
    findRepetitions({ sales, fullRefunds }, 10 * 60_000)

  it('are the same in whatever order they come, never two that were expected, never far apart', () => {
    fc.assert(
      fc.property(
        fc.array(sale, { maxLength: 6 }).chain((all) => fc.tuple(fc.constant(salesOf(all)), shuffled(salesOf(all)))),
        ([sales, others]) => {
          const found = find(sales)
          expect(plain(find(others))).toBe(plain(found))
          for (const { earlier, later } of found) {
            expect(later.createdAt - earlier.createdAt).toBeLessThanOrEqual(10 * 60_000)
            expect(earlier.isExpected && later.isExpected).toBe(false)
          }
        },
      ),
      OPTIONS,
    )
  })

  it('are none once the one too many was refunded, and one again without the refund', () => {
    const sales = salesOf([0, 3].map((minutes) => ({ minutes, isExpected: false, holder: null })))
    expect(find(sales)).toHaveLength(1)
    expect(find(sales, [rowAt(9, 40, 500)])).toEqual([])
  })

  it('stay while a refund can be of another sale as well, and say so; not when as many refunds as that came', () => {
    const named = (sale: Repeatable) => ({ ...sale, invoiceNumber: `INV${sale.transactionId}` })
    const sales = [
      { ...rowAt(7, -160, 500), isExpected: true },
      ...salesOf([0, 3].map((minutes) => ({ minutes, isExpected: false, holder: null }))),
    ].map(named)
    const told = (refunds: readonly CardRow[]) =>
      find(sales, refunds).map(({ later, refundsPossible }) => [
        Number(later.transactionId),
        refundsPossible.map(({ transactionId }) => Number(transactionId)),
      ])
    const refund = rowAt(9, 40, 500)
    expect(told([])).toEqual([[1, []]])
    expect(told([refund])).toEqual([[1, [9]]])
    expect(told([refund, rowAt(10, 41, 500)])).toEqual([])
    expect(told([{ ...refund, invoiceNumber: 'INV7' }])).toEqual([[1, []]])
    expect(told([{ ...refund, invoiceNumber: 'INV0' }])).toEqual([])
    expect(told([{ ...refund, originalId: 1n }])).toEqual([])
  })

  it('of three in a row are one less for each refund, and those of two pairs are all told beside one refund', () => {
    const of = (...minutes: number[]) =>
      salesOf(minutes.map((one) => ({ minutes: one, isExpected: false, holder: null })))
    const refunds = [40, 41, 42].map((hours) => rowAt(100 + hours, hours, 500))
    expect([0, 1, 2].map((count) => find(of(0, 3, 6), refunds.slice(0, count)).length)).toEqual([2, 1, 0])
    expect([0, 1, 2, 3].map((count) => find(of(0, 3, 40, 43), refunds.slice(0, count)).length)).toEqual([2, 2, 2, 0])
  })
})

describe('reverses of a batch', () => {
  const reverse = (id: number, hours: number, facts: Partial<Reverse> = {}): Reverse => ({
    ...rowAt(id, hours, 500),
    kind: 'sale',
    isToCome: false,
    told: null,
    ...facts,
  })
  const judge = (facts: Partial<Parameters<typeof judgeReverses>[0]>) =>
    judgeReverses({ reverses: [reverse(9, 5)], originals: [], settled: [], batchClosedAt: null, ...facts }).map(
      ({ code }) => code,
    )

  it('are fine with something to void, and found without', () => {
    expect(judge({ originals: [rowAt(1, 2, 500)] })).toEqual([])
    expect(judge({})).toEqual(['reverse_without_original'])
    expect(judge({ originals: [rowAt(1, 2, 500)], reverses: [reverse(8, 4), reverse(9, 5)] })).toEqual([
      'reverse_without_original',
    ])
    const untold = { kind: null, isToCome: true }
    expect(judge({ originals: [rowAt(1, 2, 500)], reverses: [reverse(9, 5, untold)] })).toEqual([])
    expect(judge({ reverses: [reverse(9, 5, untold)] })).toEqual(['reverse_without_original'])
    expect(judge({ originals: [rowAt(1, 2, 500)], reverses: [reverse(9, 5, { kind: null })] })).toEqual([
      'reverse_without_original',
    ])
  })

  it('void nothing that had closed: one candidate in another batch is named, of several none', () => {
    expect(judge({ settled: [rowAt(1, 2, 500)] })).toEqual(['reverse_after_close'])
    expect(judge({ settled: [rowAt(1, 2, 500), rowAt(2, 3, 500)] })).toEqual(['reverse_without_original'])
    expect(judge({ originals: [rowAt(1, 2, 500)], batchClosedAt: toInstant(START + 4 * HOUR_MS) })).toEqual([
      'reverse_after_close',
    ])
  })

  it('take out of sales and refunds what they voided, and what nothing tells from the refunds', () => {
    const sales = [rowAt(1, 1, 500, { invoiceNumber: 'INV1' }), rowAt(2, 2, 500, { invoiceNumber: 'INV2' })]
    const refunds = [rowAt(3, 3, 500)]
    const gone = {
      cardBatchId: 0n,
      amountMinor: 500n,
      createdAt: toInstant(START + 5 * HOUR_MS),
      invoiceNumber: 'INV1',
      isToCome: false,
    }
    const left = (kind: 'sale' | 'refund' | 'preauth' | null) => {
      const { voidedIds } = withoutVoided({ sales, refunds, voids: [{ ...gone, kind }] })
      return voidedIds.map(Number)
    }
    expect([left('sale'), left('refund'), left('preauth'), left(null)]).toEqual([[1], [3], [], [3]])
  })
})
