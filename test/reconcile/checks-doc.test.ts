import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { MISMATCH_CODES } from '../../src/domain/mismatch.ts'
import { ACH_CHECKS } from '../../src/reconcile/ach-checks.ts'
import { CARD_MONEY_CHECKS } from '../../src/reconcile/card-money-checks.ts'
import { INVOICE_CHECKS } from '../../src/reconcile/invoice-checks.ts'
import { describeChecks, RECURRING_CHECKS } from '../../src/reconcile/recurring-checks.ts'

const doc = readFileSync(fileURLToPath(new URL('../../docs/checks.md', import.meta.url)), 'utf8')

it.each([
  ['recurring charges', RECURRING_CHECKS],
  ['card money', CARD_MONEY_CHECKS],
  ['invoices', INVOICE_CHECKS],
  ['bank payments', ACH_CHECKS],
])('docs/checks.md says of each check of %s what the code says', (_, checks) => {
  expect(doc).toContain(describeChecks(checks))
})

it('and of no code that there is not', () => {
  const named = [...doc.matchAll(/^### `(\w+)`$/gm)].map(([, code]) => code)
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((code) => !MISMATCH_CODES.some((one) => one === code))).toEqual([])
  expect(named.filter((code) => code?.startsWith('charge_')).toSorted()).toEqual(
    MISMATCH_CODES.filter((code) => code.startsWith('charge_')).toSorted(),
  )
})
