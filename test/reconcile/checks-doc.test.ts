import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { MISMATCH_CODES } from '../../src/domain/mismatch.ts'
import { ACH_CHECKS } from '../../src/reconcile/ach-checks.ts'
import { CARD_MONEY_CHECKS } from '../../src/reconcile/card-money-checks.ts'
import { INVOICE_CHECKS } from '../../src/reconcile/invoice-checks.ts'
import { describeChecks, RECURRING_CHECKS } from '../../src/reconcile/recurring-checks.ts'

const docOf = (name: string) => readFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), 'utf8')
const doc = docOf('checks.md')

it.each([
  ['recurring charges', RECURRING_CHECKS],
  ['card money', CARD_MONEY_CHECKS],
  ['invoices', INVOICE_CHECKS],
  ['bank payments', ACH_CHECKS],
])('docs/checks.md says of each check of %s what the code says', (_, checks) => {
  expect(doc).toContain(describeChecks(checks))
})

const named = [...doc.matchAll(/^### `(\w+)`$/gm)].map(([, code]) => code ?? '')

it('every code there is has a part of its own, or a row in the table of docs/operations.md, and no other code has', () => {
  const [, table = ''] = docOf('operations.md').split('\n## Mismatches\n')
  const [ofMismatches = ''] = table.split('\n## ')
  const rows = [...ofMismatches.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code ?? '')
  expect(rows.length).toBeGreaterThan(10)
  expect([...named, ...rows].toSorted()).toEqual([...MISMATCH_CODES].toSorted())
  // So that the file names them all.
  expect(rows.filter((code) => !doc.includes(`\`${code}\``))).toEqual([])
})
