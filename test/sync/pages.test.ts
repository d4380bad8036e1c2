import { describe, expect, it } from 'vitest'
import type { Switches } from '../../src/sandbox/options.ts'
import type { Look } from '../days/support.ts'
import { countOf, mirrored, missed, PAGE_LIMIT, read, readBatches, served, states, withShop, wrong } from './support.ts'

const LIST = '/card-transactions'
const ALWAYS = Number.POSITIVE_INFINITY
const SMALL = String(PAGE_LIMIT)

/** Batches that are called tied though one of these rows belongs to them. */
async function tiedBatchesOf(look: Look, rows: readonly string[]): Promise<string[]> {
  const ids = new Set(rows.map((row) => row.split(' ')[0]))
  const merchant = look.sandbox.state.merchant()
  const batches = new Set(
    merchant
      .transactions()
      .filter((row) => ids.has(String(row.id)))
      .map((row) => String(row.batchId)),
  )
  const tied = await look.query(`select card_batch_id::text as id from recon.batch_checks where state = 'tied'`)
  return tied.map((row) => String(row.id)).filter((id) => batches.has(id))
}

describe('fault 17: pages that repeat, are empty, or ignore what was asked for', () => {
  interface Case {
    readonly name: string
    readonly switches?: Partial<Switches>
    readonly shows?: 'previous' | 'first' | 'empty'
    readonly pages?: readonly number[]
    readonly times?: number
    /** Whether the days end as read; if not, they must be told to be incomplete. */
    readonly isComplete: boolean
    /** Nobody can tell it from the end of the list; the batches whose rows are missing do not tie. */
    readonly isHidden?: boolean
  }
  const behind = [2, 3, 4, 5, 6, 7]
  const cases: Case[] = [
    { name: 'a page twice, once', shows: 'previous', pages: [3], isComplete: true },
    { name: 'a page twice, for ever', shows: 'previous', pages: [3], times: ALWAYS, isComplete: false },
    { name: 'the first page for ever', shows: 'first', pages: behind, times: ALWAYS, isComplete: false },
    { name: 'an empty page in the middle, once', shows: 'empty', pages: [2], isComplete: true },
    {
      name: 'an empty page in the middle, for ever',
      shows: 'empty',
      pages: [2],
      times: ALWAYS,
      isComplete: true,
      isHidden: true,
    },
    { name: 'the limit ignored', switches: { filtersIgnored: ['limit'] }, isComplete: true },
    { name: 'limit and page ignored', switches: { filtersIgnored: ['limit', 'page'] }, isComplete: false },
    { name: 'the last page for ever past the end', switches: { pagePastEnd: 'repeat-last' }, isComplete: true },
  ]

  it.each(cases)('$name: doubles 0, the loop ends, nothing is complete that misses rows', async (one) => {
    await withShop({ ...(one.switches ? { switches: one.switches } : {}) }, async (look) => {
      const { shows, times = 1 } = one
      expect(served(look).length).toBeGreaterThan(PAGE_LIMIT * 3)
      const rules = (one.pages ?? []).map((page) =>
        look.sandbox.faults.add({
          match: { path: LIST, query: { page: String(page), limit: SMALL }, times },
          act: { kind: 'page', shows: shows ?? 'empty' },
        }),
      )
      await readBatches(look, 'batches')
      await read(look, { cause: 'days' })
      for (const rule of rules.slice(0, 1)) expect(rule.countStruck()).toBeGreaterThan(0)

      expect(await wrong(look)).toEqual([])
      expect(await countOf(look, 'helcim.record_versions where changed is not null')).toBe(0)
      expect((await states(look)).includes('incomplete')).toBe(!one.isComplete)
      if (!one.isComplete) expect(await countOf(look, 'recon.covered_days')).toBeLessThan(3)
      const lost = await missed(look)
      if (one.isComplete && !one.isHidden) expect(lost).toEqual([])
      if (one.isHidden) expect(lost.length).toBeGreaterThan(0)
      await look.reconcileFully()
      expect(await tiedBatchesOf(look, lost)).toEqual([])
      for (const rule of rules) rule.remove()
      if (one.isHidden) {
        await look.pullAgain()
        expect(await missed(look)).toEqual([])
        // The same question is answered "tied" where the rows are there: the law above can fail.
        expect((await tiedBatchesOf(look, lost)).length).toBeGreaterThan(0)
      }
    })
  })
})

describe('fault 18: rows inserted or removed while paging', () => {
  it.each(['newest-first', 'ascending', 'shuffled-stable'] as const)(
    '%s: missed after the next proof read 0',
    async (listOrder) => {
      await withShop({ switches: { listOrder } }, async (look) => {
        const { sandbox } = look
        const customer = sandbox.state.customers[0]
        if (!customer) throw new Error('no customer')
        const { clock } = look.runtime.services
        const removed: bigint[] = []
        const after = () => {
          for (const amountMinor of [501n, 502n])
            sandbox.state.payments.purchase({ at: clock.now(), customer, amountMinor })
        }
        const remove = () => {
          for (const place of [5, 40]) {
            const id = sandbox.state.merchant().transactions().at(place)?.id
            if (id === undefined) throw new Error('no such row')
            sandbox.state.merchant().removeTransaction(id)
            removed.push(id)
          }
        }
        const match = { path: LIST, query: { limit: SMALL } }
        sandbox.faults.add({ match: { ...match, nth: 2, times: 2 }, act: { kind: 'hook', after } })
        sandbox.faults.add({ match: { ...match, nth: 3 }, act: { kind: 'hook', after: remove } })
        await read(look, { cause: 'moving' })
        expect(removed).toHaveLength(2)

        const proof = await read(look, { cause: 'proof' })
        expect(proof.state).toBe('complete')
        expect(await mirrored(look)).toEqual(served(look))
        // What was read before it vanished stays, and is no longer counted as present.
        expect(await countOf(look, 'helcim.card_transactions')).toBeGreaterThanOrEqual(served(look).length)
      })
    },
  )
})
