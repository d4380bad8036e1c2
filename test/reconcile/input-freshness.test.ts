import { describe, expect, it, test } from 'vitest'
import { runReconcileCommand } from '../../src/cli/reconcile.ts'
import { readConfig } from '../../src/config.ts'
import { toInstant } from '../../src/domain/clock.ts'
import type { ResourceName } from '../../src/domain/pull.ts'
import { freshnessOfInput, INPUT_RESOURCES } from '../../src/domain/run-evidence.ts'
import { printed } from '../support/printed.ts'
import { DAY_MS, type Week, withWeek } from '../sync/week.ts'

const HOUR_MS = 3_600_000
const NO_CARD_DATA = ['subscription', 'payment_plan', 'customer', 'ach_transaction', 'invoice', 'ach_batch']

test.each([
  ['card_batch', 6, 200],
  ['card_transaction', 7, 40],
  // Five hours at a call each minute and a half, less ten minutes.
  ['card_transaction', 11 + 5 / 6, 200],
  ['card_terminal', 30, 200],
  ['subscription', 30, 200],
  ['ach_transaction', 12, 200],
  ['invoice', 30, 200],
] as const)('%s is stale by its own rhythm and the grace, after %f hours', (resource: ResourceName, hours, calls) => {
  const now = toInstant(Date.parse('2026-10-14T20:00:00Z'))
  const stateAt = (provedAt: number) =>
    freshnessOfInput(
      { resource, provedAt: toInstant(provedAt), isPermitted: true, cardDaysCalls: calls },
      { now, graceMs: 6 * HOUR_MS },
    ).state
  expect(stateAt(now - hours * HOUR_MS)).toBe('fresh')
  expect(stateAt(now - hours * HOUR_MS - 1)).toBe('stale')
})

describe('a run says of each resource that its sums rest on how fresh it was', () => {
  it('and that it is incomplete where only card data came, stored, as JSON and printed', () =>
    withWeek({ scenario: { salesPerDay: 2 } }, async (week) => {
      await week.pullLists()
      const { evidence } = await week.reconcileFully()
      expect(evidence.freshness.map(({ resource, state }) => [resource, state])).toEqual(
        INPUT_RESOURCES.map((resource) => [resource, 'fresh']),
      )
      expect(await shown(week)).not.toContain('incomplete')

      week.clock.advance(10 * DAY_MS)
      for (const kind of ['poll', 'recent', 'week'] as const) await week.comesDue(kind)
      const late = await week.reconcileFully()
      expect(late.evidence).toMatchObject({ countMissingDays: 0, staleResources: NO_CARD_DATA })
      const [stored] = await week.query('select evidence from recon.runs order by run_id desc limit 1')
      const subscription = { resource: 'subscription', provedAt: expect.stringMatching(/^2026-10-14T/), state: 'stale' }
      expect(stored?.evidence).toMatchObject({
        staleResources: NO_CARD_DATA,
        freshness: expect.arrayContaining([subscription]),
      })
      const text = await shown(week)
      expect(text).toContain(`incomplete: ${NO_CARD_DATA.join(', ')} not read lately. `)
      expect(text).toMatch(/^ *subscription +2026-10-14T\S+ +recurring +stale$/m)
      expect(text).toMatch(/^ *card_transaction +2026-10-24T\S+ +cards, recurring, invoices$/m)
      expect(JSON.parse(await shown(week, true))).toMatchObject({ staleResources: NO_CARD_DATA })
    }))

  it('that what was never asked for is stale, and what the token never could read is not permitted', () =>
    withWeek({ scenario: { salesPerDay: 2 } }, async (week) => {
      await week.pullLists()
      await week.query(`delete from recon.pulls where resource = 'invoice'`)
      await week.query(
        `update recon.pulls set state = 'not_permitted' where resource in ('ach_transaction', 'ach_batch')`,
      )
      const { evidence } = await week.reconcileFully()
      expect(evidence.staleResources).toEqual(['invoice'])
      expect(evidence.freshness).toContainEqual({ resource: 'ach_batch', provedAt: null, state: 'not_permitted' })
      const text = await shown(week)
      expect(text).toMatch(/^ *invoice +never +recurring, invoices +stale$/m)
      expect(text).toMatch(/^ *ach_batch +never +ACH +not permitted$/m)
    }))
})

function shown({ runtime, sandbox, clock }: Week, json = false): Promise<string> {
  const config = readConfig({
    DATABASE_URL: runtime.database.url,
    HELCIM_BASE_URL: sandbox.url,
    TIEOUT_CLOCK: `${new Date(clock.now()).toISOString()}@1`,
    LOG_LEVEL: 'silent',
  })
  return printed(() => runReconcileCommand(config, { json }))
}
