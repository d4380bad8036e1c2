import { describe, expect, it } from 'vitest'
import { runReconcile } from '../../src/reconcile/run.ts'
import { MONEY_NAMES } from '../../src/sandbox/defects/catalogue.ts'
import { type Look, withRuntime } from '../days/support.ts'
import { isLong } from '../support/long.ts'
import { createCopy } from './copied-account.ts'
import { caseOf, SETTINGS, shopOf } from './money-shop.ts'
import { createReader } from './recurring-support.ts'

const SEEDS = isLong ? [61, 62, 63, 64, 65, 66, 67, 68] : [61]
const COUNT_PARTS = 4
/** What was read completely is known by days, of each of these by itself. */
const BY_DAYS = ['card_transaction', 'invoice', 'ach_transaction']
/** When it is known: a run that comes before it judges rows that nothing marks again. */
const COVERED = [
  { when: 'before all rows', before: BY_DAYS, after: [] },
  { when: 'after all rows, bank payments last', before: [], after: BY_DAYS },
  ...(isLong ? [{ when: 'after all rows, bank payments first', before: [], after: BY_DAYS.toReversed() }] : []),
]
const NOTHING = { countOpened: 0, countReopened: 0, countResolved: 0 }

/** What is open in an account, with both sides and the rows behind it. */
const openIn = async ({ query }: Look, accountId: number) =>
  query(`select code, severity, subject_kind, subject_id, period, currency, expected_minor, actual_minor, expected_text,
      actual_text, summary, evidence
    from recon.mismatches where account_id = ${accountId} and state = 'open'
    order by code, subject_kind, subject_id, period`)

const matchesIn = async ({ query }: Look, accountId: number) =>
  query(`select via, transaction_id, subscription_id, payment_number, rule from recon.matches
    where account_id = ${accountId} order by via, transaction_id`)

describe('runs say the same however they came to it', () => {
  it.each(SEEDS)('seed %i', async (seed) => {
    await withRuntime(shopOf(caseOf(seed), MONEY_NAMES), async (look) => {
      const reader = createReader(look, SETTINGS)
      const { db, account, clock } = look.runtime.services
      await reader.read('first')
      await reader.readPayments('needs', ['subscription', 'invoice'])
      await reader.reconcile('full')
      const said = await openIn(look, account.accountId)
      expect(said.length).toBeGreaterThan(MONEY_NAMES.length / 2)

      // Twice changes nothing, whole or in part, and what is due again is not lost.
      expect(await reader.reconcile('full')).toMatchObject(NOTHING)
      expect(await reader.reconcile('marked')).toMatchObject(NOTHING)

      // The same ids in other accounts, brought in another order and judged after every part of it.
      for (const { when, before, after } of COVERED) {
        const copy = await createCopy(look, { name: `${seed} ${when}`, seed, countParts: COUNT_PARTS })
        const reconcileCopy = (scope: 'marked' | 'full') =>
          runReconcile(db, {
            accountId: copy.accountId,
            historyFrom: account.historyFrom,
            scope,
            settings: SETTINGS,
            clock,
          })
        for (const resource of before) await copy.coverDays(resource)
        for (let part = 0; part < COUNT_PARTS; part += 1) {
          await copy.addPart(part)
          await reconcileCopy('marked')
          // Half of it told other things: the comparison below can fail.
          if (part === 0) expect(await openIn(look, copy.accountId)).not.toEqual(said)
        }
        for (const resource of after) {
          // So do rows alone.
          expect(await openIn(look, copy.accountId)).not.toEqual(said)
          await copy.coverDays(resource)
          await reconcileCopy('marked')
        }
        expect(await openIn(look, copy.accountId)).toEqual(said)
        expect(await matchesIn(look, copy.accountId)).toEqual(await matchesIn(look, account.accountId))
        const { evidence, ...full } = await reconcileCopy('full')
        expect(full).toMatchObject(NOTHING)
        const own = await reader.reconcile('full')
        expect(own).toMatchObject(NOTHING)
        expect(evidence.cards).toEqual(own.evidence.cards)
        expect(evidence.ach).toEqual(own.evidence.ach)
        // Neither account took anything of the other.
        expect(await openIn(look, account.accountId)).toEqual(said)
      }
    })
  })
})
