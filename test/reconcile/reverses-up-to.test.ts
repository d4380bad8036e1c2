import { describe, expect, it } from 'vitest'
import type { BatchFacts } from '../../src/db/batch-facts.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { judgeCardBatch } from '../../src/reconcile/card-batches.ts'
import { DEFAULT_CHECK_SETTINGS } from '../../src/reconcile/settings.ts'

const NOW = toInstant(Date.parse('2026-10-01T12:00:00Z'))
const none = { approved: 0, declined: 0, unknown: 0 }

/** A charge of 5.00 that was authorized before, and a reverse, 9, of one of them: Helcim states neither yet. */
const factsOf = (isClosed: boolean): BatchFacts => ({
  cardBatchId: 7n,
  batch: {
    terminalId: 1n,
    batchNumber: 1n,
    isClosed,
    createdAt: NOW,
    updatedAt: NOW,
    closedAt: isClosed ? NOW : null,
    currency: 'CAD',
    statistics: {
      amounts: { net: 500n, sales: 500n, refunds: 0n, reversed: 0n, refundsReversed: 0n },
      counts: { total: 2, approved: 2, declined: 0 },
    },
    isVanished: false,
  },
  rows: {
    salesMinor: 500n,
    refundsMinor: 0n,
    reverseGroups: [{ amountMinor: 500n, reverses: 1, sales: 1, refunds: 0, preauths: 1 }],
    counts: { preauth: { ...none, approved: 1 }, verify: none, other: { ...none, approved: isClosed ? 1 : 2 } },
  },
  newestReverseId: 9n,
  currencies: ['CAD'],
  moneyByCurrency: [],
  composition: null,
  countLate: 0,
  movedAt: null,
  check: null,
})

const judge = (facts: BatchFacts, rule: 'all' | null, tiedBefore: bigint | null = null) => {
  const context = { rule, isReading: false, tiedBefore, listReadAt: null, settings: DEFAULT_CHECK_SETTINGS, now: NOW }
  const { state, reversesUpTo } = judgeCardBatch(facts, context)
  return { state, reversesUpTo }
}

describe('up to which reverse the figures of a batch reach', () => {
  it('is not known of an open batch whose sums alone agree: as if it had voided the authorization', () => {
    expect(judge(factsOf(false), null)).toEqual({ state: 'tied', reversesUpTo: 0n })
    // The control: Helcim's count says that one is missing.
    expect(judge(factsOf(false), 'all')).toEqual({ state: 'waiting', reversesUpTo: 0n })
    expect(judge(factsOf(false), null, 8n)).toEqual({ state: 'tied', reversesUpTo: 0n })
  })

  it('is its last one where the batch is closed, and takes no more', () => {
    expect(judge(factsOf(true), null)).toEqual({ state: 'tied', reversesUpTo: 9n })
  })

  it('is where it tied out before, and no later than its last one', () => {
    expect(judge(factsOf(false), 'all', 8n)).toEqual({ state: 'tied', reversesUpTo: 8n })
    expect(judge(factsOf(false), 'all', 12n)).toEqual({ state: 'tied', reversesUpTo: 9n })
  })
})
