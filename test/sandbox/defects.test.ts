import { describe, expect, it } from 'vitest'
import {
  CHANGE_DEFECTS,
  DEFECTS,
  type DefectName,
  LABELLED_DEFECTS,
  MONEY_NAMES,
} from '../../src/sandbox/defects/catalogue.ts'
import type { Truth } from '../../src/sandbox/truth.ts'
import { findBetween, findInOneLook, look } from './oracle.ts'
import { SMALL_SHOP, start } from './support.ts'

const WITH_PARENT = { refundRow: 'with-parent' } as const
const LOCAL_NOW = '2026-11-10 12:30:00'
const NOW = '2026-11-10T19:30:00Z'

const keys = ({ defects }: Truth) => defects.map(({ code, subject }) => `${code} ${subject.kind} ${subject.id}`).sort()

describe('what is served and what the truth says', () => {
  it('agree where nothing is wrong', async () => {
    const client = await start({ now: NOW, switches: WITH_PARENT })
    expect([...findInOneLook(await look(client), LOCAL_NOW)]).toEqual([])
    expect(keys(client.sandbox.truth())).toEqual([])
  })

  it.each([1, 2, 3, 4, 5])('agree on every labelled defect and all its consequences, seed %i', async (seed) => {
    const scenario = { ...SMALL_SHOP, defects: 'labelled' } as const
    const client = await start({ now: NOW, seed, scenario, switches: WITH_PARENT })
    const truth = client.sandbox.truth()
    expect([...findInOneLook(await look(client), LOCAL_NOW)].sort()).toEqual(keys(truth))
    const codes = new Set(truth.defects.filter((entry) => !entry.isConsequence).map(({ code }) => code))
    expect(codes).toEqual(new Set(LABELLED_DEFECTS.map((name) => name.split(':')[0])))
  })

  it.each(LABELLED_DEFECTS)('agree on %s alone', async (name) => {
    const client = await start({ now: NOW, scenario: { ...SMALL_SHOP, defects: [name] }, switches: WITH_PARENT })
    const truth = client.sandbox.truth()
    expect(truth.defects.some(({ code, isConsequence }) => name.startsWith(code) && !isConsequence)).toBe(true)
    expect([...findInOneLook(await look(client), LOCAL_NOW)].sort()).toEqual(keys(truth))
  })

  it.each(CHANGE_DEFECTS)('agree on %s, seen by two looks', async (name) => {
    const client = await start({ now: NOW, switches: WITH_PARENT })
    const before = await look(client)
    client.sandbox.state.apply(name)
    const after = await look(client)
    const found = new Set([...findBetween(before, after), ...findInOneLook(after, LOCAL_NOW)])
    expect(found.size).toBeGreaterThan(0)
    expect([...found].sort()).toEqual(keys(client.sandbox.truth()))
  })

  it('name all defects there are', () => {
    const elsewhere: DefectName[] = ['filter_ignored', 'filter_ignored:dates', 'card_batch_open_too_long:48h']
    // Those of subscriptions, cards, invoices and bank payments are held to what tieout finds of them
    // (test/reconcile/money-detection.test.ts).
    expect([...LABELLED_DEFECTS, ...CHANGE_DEFECTS, ...elsewhere, ...MONEY_NAMES].sort()).toEqual(
      Object.keys(DEFECTS).sort(),
    )
  })
})

describe('each entry of the truth', () => {
  it('carries the amount that the statistics state and the sum of the rows', async () => {
    const defects = ['card_batch_total_differs:net'] as const
    const client = await start({ scenario: { ...SMALL_SHOP, defects } })
    const [entry] = client.sandbox.truth().defects
    expect(entry).toMatchObject({ code: 'card_batch_total_differs', currency: 'CAD', isConsequence: false })
    expect((entry?.expectedMinor ?? 0n) - (entry?.actualMinor ?? 0n)).toBe(-777n)
  })

  it('is about now: a batch is open too long from 24 hours on until it closes after 48', async () => {
    const defects = ['card_batch_open_too_long:48h'] as const
    const client = await start({ now: '2026-10-02T20:00:00Z', scenario: { ...SMALL_SHOP, defects } })
    const codes = () => client.sandbox.truth().defects.map(({ code }) => code)
    expect(codes()).toEqual([])
    client.clock.set('2026-10-03T20:00:00Z')
    expect(codes()).toEqual(['card_batch_open_too_long'])
    client.clock.set('2026-10-04T20:00:00Z')
    expect(codes()).toEqual([])
  })

  it('ends when the batch that stays open is settled', async () => {
    const client = await start({ now: NOW, scenario: { ...SMALL_SHOP, defects: ['card_batch_open_too_long'] } })
    const id = client.sandbox.truth().defects[0]?.subject.id
    await client.post(`/card-batches/${id}/settle`)
    expect(client.sandbox.truth().defects).toEqual([])
  })
})

it('a filter that is ignored lets rows through which it excludes, and says so', async () => {
  const client = await start()
  const [batch] = (await client.get('/card-batches')).rows()
  const foreign = async () =>
    (await client.get(`/card-transactions?cardBatchId=${batch?.id}`))
      .rows()
      .filter((row) => row.cardBatchId !== batch?.id)
  expect(await foreign()).toEqual([])
  client.sandbox.state.apply('filter_ignored')
  expect((await foreign()).length).toBeGreaterThan(0)
  expect(keys(client.sandbox.truth())).toEqual(['filter_ignored resource card_transaction'])
})

it('a defect that finds nothing to damage says so', async () => {
  const client = await start({ now: '2026-10-01T12:00:00Z' })
  expect(() => client.sandbox.state.apply('record_changed')).toThrow(/finds nothing to damage/)
})
