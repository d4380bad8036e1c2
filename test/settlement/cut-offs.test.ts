import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/config.ts'
import { cutOffKindOf, cutOffsOf, isSettleKind, SETTLE_KIND } from '../../src/domain/settlement-cut-offs.ts'
import { parseDaysOff, type SettlementPolicy } from '../../src/domain/settlement-policy.ts'
import { createPointQueue } from '../kills/points/point-queue.ts'
import { brokenLaws } from './laws.ts'
import { withTill } from './till.ts'

const OWN = '0 18 * * *'
const policyWith = (change: Partial<SettlementPolicy>): SettlementPolicy => ({
  ...readConfig({}).settle.policy,
  mode: 'on',
  cron: '30 16 * * *',
  ...change,
})
const kindsOf = (change: Partial<SettlementPolicy>) =>
  cutOffsOf(policyWith(change)).map(({ kind, batchKinds }) => `${kind}: ${batchKinds.join(', ')}`)

describe('a terminal, or ACH, with a cron of its own', () => {
  test.each<[string, Partial<SettlementPolicy>, string[]]>([
    ['nothing of its own', { kinds: ['card_batch', 'ach_batch'] }, ['settle: card_batch, ach_batch']],
    ['off', { mode: 'off', byTerminal: new Map([[1n, { cron: OWN }]]) }, []],
    ['limits alone', { byTerminal: new Map([[1n, { countMin: 5 }]]) }, ['settle: card_batch']],
    ['a terminal', { byTerminal: new Map([[1n, { cron: OWN }]]) }, ['settle: card_batch', 'settle-1: card_batch']],
    ['a terminal alone', { cron: null, byTerminal: new Map([[1n, { cron: OWN }]]) }, ['settle-1: card_batch']],
    [
      'ACH',
      { kinds: ['card_batch', 'ach_batch'], ach: { cron: OWN } },
      ['settle: card_batch', 'settle-ach: ach_batch'],
    ],
    ['ACH, which is not settled', { ach: { cron: OWN } }, ['settle: card_batch']],
    [
      'a terminal, where cards are not settled',
      { kinds: ['ach_batch'], byTerminal: new Map([[1n, { cron: OWN }]]) },
      ['settle: ach_batch'],
    ],
  ])('%s', (_name, change, kinds) => {
    expect(kindsOf(change)).toEqual(kinds)
    expect(cutOffsOf(policyWith(change)).every(({ kind }) => isSettleKind(kind))).toBe(true)
  })

  test('each batch goes by one of them', () => {
    const policy = policyWith({ byTerminal: new Map([[1n, { cron: OWN }]]), ach: { cron: OWN } })
    expect(cutOffKindOf(policy, { kind: 'card_batch', terminalId: 1n })).toBe('settle-1')
    expect(cutOffKindOf(policy, { kind: 'card_batch', terminalId: 2n })).toBe(SETTLE_KIND)
    expect(cutOffKindOf(policy, { kind: 'card_batch', terminalId: null })).toBe(SETTLE_KIND)
    expect(cutOffKindOf(policy, { kind: 'ach_batch', terminalId: null })).toBe('settle-ach')
    expect(cutOffKindOf(policyWith({}), { kind: 'ach_batch', terminalId: null })).toBe(SETTLE_KIND)
  })

  test('its batch is left alone at the account’s cut-off, and settled once at its own', () =>
    withTill({ settlePolicy: { byTerminal: new Map([[54181n, { cron: OWN }]]) } }, async (till) => {
      const batch = till.sell()
      await till.settle()
      expect(await till.decisions(batch)).toEqual([])
      expect(till.isClosed(batch)).toBe(false)
      await till.settle('settle-54181')
      expect(await till.attempts(batch)).toMatchObject([{ state: 'confirmed' }])
      expect(till.posts(batch)).toHaveLength(1)
      expect(await brokenLaws(till)).toEqual([])
      const rows = await till.query('select kind, outcome from recon.due_work order by planned_at')
      expect(rows.filter(({ kind }) => isSettleKind(String(kind)))).toEqual([
        { kind: 'settle', outcome: 'done' },
        { kind: 'settle-54181', outcome: 'done' },
      ])
    }))

  test('another terminal’s batch is left alone at these', () =>
    withTill({ settlePolicy: { byTerminal: new Map([[1n, { cron: OWN }]]) } }, async (till) => {
      const batch = till.sell()
      await till.settle('settle-1')
      expect(await till.decisions(batch)).toEqual([])
      expect(till.posts(batch)).toEqual([])
    }))

  test('its days off are its own', () =>
    withTill(
      { settlePolicy: { byTerminal: new Map([[54181n, { daysOff: parseDaysOff('mon,tue,wed,thu,fri,sat,sun') }]]) } },
      async (till) => {
        const batch = till.sell()
        await till.settle()
        expect((await till.decisions(batch)).map(({ verdict }) => verdict)).toEqual(['skip'])
        expect(till.posts(batch)).toEqual([])
      },
    ))

  test('cut-offs that are no more end, and settle nothing', () =>
    withTill({}, async (till) => {
      const batch = till.sell()
      const { job } = await till.cutOff('settle-54181')
      await till.rest(createPointQueue([job]))
      expect(till.posts(batch)).toEqual([])
      const [row] = await till.query(`select outcome, reason from recon.due_work where kind = 'settle-54181'`)
      expect(row).toEqual({ outcome: 'failed', reason: 'nothing is settled by these cut-offs any more' })
    }))
})
