import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { accountFingerprint, readAccounts } from '../../src/accounts-file.ts'
import { readChecks } from '../../src/checks-file.ts'
import { runDoctor } from '../../src/cli/doctor.ts'
import { runReconcileCommand } from '../../src/cli/reconcile.ts'
import { readConfig } from '../../src/config.ts'
import { weighFindings } from '../../src/domain/check-rules.ts'
import type { Finding } from '../../src/domain/mismatch.ts'
import { UsageError } from '../../src/domain/operating-error.ts'
import { DEFAULT_CHECK_SETTINGS } from '../../src/reconcile/settings.ts'
import { totalDiffers } from '../mismatches/support.ts'

const folder = mkdtempSync(join(tmpdir(), 'tieout-checks-'))
afterAll(() => rmSync(folder, { recursive: true }))
let countWritten = 0

function configOf(content: unknown, env: NodeJS.ProcessEnv = {}) {
  countWritten += 1
  const path = join(folder, `checks-${countWritten}.json`)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return readConfig({ HELCIM_API_TOKEN: 'token', TIEOUT_CHECKS_FILE: path, ...env })
}

const settingsOf = (checks: unknown) => readChecks(configOf({ checks })).settingsOf('default')

function problemOf(content: unknown): string {
  try {
    readAccounts(configOf(content))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    expect(error.exitCode).toBe(2)
    return error.message.replaceAll(folder, '')
  }
  throw new Error('nothing was wrong with it')
}

test('without a file checks are as they come', () => {
  const [account] = readAccounts(readConfig({ HELCIM_API_TOKEN: 'token' }))
  expect(account?.checks).toBe(DEFAULT_CHECK_SETTINGS)
})

const HOUR_MS = 3_600_000

/** Every key of every check with the setting that it is. */
test.each([
  ['pull_incomplete', { grace: '2h' }, { pullIncompleteMs: 2 * HOUR_MS }],
  [
    'card_batch_open_too_long',
    { grace: '30h', graceHigh: '3d' },
    { batchOpenMediumMs: 30 * HOUR_MS, batchOpenHighMs: 72 * HOUR_MS },
  ],
  ['settlement_unconfirmed', { grace: '30m' }, { settlementUnconfirmedMs: HOUR_MS / 2 }],
  ['settlement_overdue', { grace: '4h' }, { settlementOverdueMs: 4 * HOUR_MS }],
  [
    'charge_missing',
    { grace: '2d', windowBefore: '1h', windowAfter: '6h' },
    { recurring: { missingAfterMs: 48 * HOUR_MS, windowBeforeMs: HOUR_MS, windowAfterMs: 6 * HOUR_MS } },
  ],
  ['charge_overdue', { grace: '3d' }, { recurring: { overdueAfterMs: 72 * HOUR_MS } }],
  [
    'charge_amount_differs',
    { window: '5m', toleranceAmount: '0.05', toleranceShare: '0.5%' },
    { recurring: { nearMs: 300_000, tolerance: { amountMinor: 5n, sharePpm: 5_000n } } },
  ],
  ['charge_duplicated', { window: '20m' }, { recurring: { duplicateMs: 1_200_000 } }],
  ['refund_without_original', { window: '12d' }, { cardMoney: { originalWithinDays: 12 } }],
  ['reverse_after_close', { window: '3d' }, { cardMoney: { settledWithinMs: 72 * HOUR_MS } }],
  ['transaction_duplicated', { window: '15m' }, { cardMoney: { repeatedWithinMs: 900_000 } }],
  ['invoice_overdue', { grace: '45d' }, { invoices: { overdueAfterMs: 45 * 24 * HOUR_MS } }],
  [
    'ach_clearing_overdue',
    { bankingDays: 7, bankHolidays: ['2026-10-13'] },
    { ach: { clearingBankingDays: 7, bankHolidays: ['2026-10-13'] } },
  ],
])('%s takes %j', (code, entry, expected) => {
  expect(settingsOf({ [code]: entry })).toMatchObject(expected)
  expect(DEFAULT_CHECK_SETTINGS).not.toMatchObject(expected)
})

test('an account goes key by key over what is said for all, and a change of it is seen', () => {
  const content = {
    checks: { charge_missing: { grace: '2d', severity: 'high' } },
    accounts: { default: { checks: { charge_missing: { grace: '3d' } } } },
  }
  const checks = readChecks(configOf(content))
  expect(checks.settingsOf('default').recurring.missingAfterMs).toBe(72 * HOUR_MS)
  expect(checks.settingsOf('default').rules.get('charge_missing')?.severity).toBe('high')
  expect(checks.settingsOf('other').recurring.missingAfterMs).toBe(48 * HOUR_MS)
  const fingerprints = [content, { checks: {} }].map((one) => {
    const [account] = readAccounts(configOf(one))
    return account && accountFingerprint(account)
  })
  expect(fingerprints[0]).not.toBe(fingerprints[1])
})

test.each([
  [{ checks: { charge_mising: {} } }, 'checks: there is no check "charge_mising"; docs/checks.md lists them'],
  [
    { checks: { charge_missing: { gracePeriod: '2d' } } },
    'checks.charge_missing: there is no "gracePeriod"; docs/checks.md, "Settings", lists what this takes',
  ],
  [{ checks: { card_batch_missing: { grace: '2d' } } }, 'checks.card_batch_missing: there is no "grace"'],
  [{ checks: { charge_missing: { grace: '2 days' } } }, 'checks.charge_missing.grace: "2 days" is no duration'],
  [{ checks: { charge_missing: { severity: 'bad' } } }, 'checks.charge_missing.severity: set it to one of critical'],
  [
    { checks: { charge_missing: { raise: [{ from: 'much', severity: 'high' }] } } },
    'checks.charge_missing.raise[0].from: "much" is no amount',
  ],
  [{ checks: { price_differs_from_plan: { toleranceShare: '5' } } }, 'toleranceShare: "5" is no share'],
  [{ accounts: { shop: {} } }, 'accounts.shop: there is no such account; choose from default'],
  [{ check: {} }, 'the file: there is no "check"'],
  ['{', 'is no JSON; see docs/checks.md, "Settings"'],
])('%j is refused with one line', (content, words) => {
  const problem = problemOf(content)
  expect(problem).toContain(words)
  expect(problem).toMatch(/^TIEOUT_CHECKS_FILE: \/checks-\d+\.json/)
  expect(problem.split('\n')).toHaveLength(1)
})

test('a file that is not there is refused, by reconcile and doctor as well, before anything is opened', async () => {
  const env = { HELCIM_API_TOKEN: 'token', TIEOUT_CHECKS_FILE: join(folder, 'none.json') }
  const config = readConfig({ ...env, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' })
  expect(() => readAccounts(config)).toThrow(/cannot be read \(ENOENT\)/)
  expect(() => runReconcileCommand(config, {})).toThrow(/cannot be read \(ENOENT\)/)
  await expect(runDoctor(config, { offline: true })).rejects.toThrow(/cannot be read \(ENOENT\)/)
})

const weigh = (checks: unknown, ...findings: Finding[]) => weighFindings(findings, settingsOf(checks).rules)

test('a severity replaces the own one, and a threshold raises it from its amount on', () => {
  const raise = [
    { from: '50.00', severity: 'high' },
    { from: '100.00', severity: 'critical' },
  ]
  const checks = { card_batch_total_differs: { severity: 'low', raise } }
  // 100.00 expected.
  const off = (cents: number) => totalDiffers(1, 10_000 + cents)
  const severities = [1, 4_999, 5_000, -9_999, 10_000].map((cents) => weigh(checks, off(cents))[0]?.severity)
  expect(severities).toEqual(['low', 'low', 'high', 'high', 'critical'])
  const worse = { card_batch_total_differs: { raise: [{ from: '0', severity: 'low' }] } }
  expect(weigh(worse, off(1))[0]?.severity).toBe('critical')
})

test('a difference up to the greater of both tolerances is none', () => {
  const off = (cents: number) => totalDiffers(1, 10_000 + cents)
  const count = (checks: unknown, cents: number) => weigh(checks, off(cents)).length
  const amount = { card_batch_total_differs: { toleranceAmount: '0.05' } }
  expect([-5, 5, 6].map((cents) => count(amount, cents))).toEqual([0, 0, 1])
  const share = { card_batch_total_differs: { toleranceAmount: '0.05', toleranceShare: '0.1%' } }
  expect([10, -10, 11].map((cents) => count(share, cents))).toEqual([0, 0, 1])
  expect(weigh({}, off(1))).toHaveLength(1)
})
