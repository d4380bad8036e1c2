import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { accountFingerprint, readAccounts } from '../../src/accounts-file.ts'
import { readConfig } from '../../src/config.ts'
import { problemsIn } from '../support/settings-problems.ts'

const VERIFIER = Buffer.alloc(32, 7).toString('base64')

/** Writes an accounts file with token files `a`, `b` and an empty one beside it. */
function write(content: unknown): NodeJS.ProcessEnv {
  const folder = mkdtempSync(join(tmpdir(), 'tieout-accounts-'))
  writeFileSync(join(folder, 'a'), 'token-a\n')
  writeFileSync(join(folder, 'b'), 'token-b')
  writeFileSync(join(folder, 'empty'), '')
  writeFileSync(join(folder, 'verifier'), `${VERIFIER}\n`)
  const path = join(folder, 'accounts.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return { TIEOUT_ACCOUNTS_FILE: path, TIEOUT_TIMEZONE: 'America/Toronto' }
}

const read = (content: unknown) => readAccounts(readConfig(write(content)))
const problemsOf = (content: unknown): string[] => problemsIn(() => read(content), 'TIEOUT_ACCOUNTS_FILE')

test('without a file there is one account, named default', () => {
  const [account, ...others] = readAccounts(readConfig({ HELCIM_API_TOKEN: 'token-1' }))
  expect(account).toMatchObject({ name: 'default', zone: 'America/Edmonton', historyDays: 35 })
  expect(account?.token.reveal()).toBe('token-1')
  expect(others).toEqual([])
})

test('what an account leaves out is as the environment says, and each has its own', () => {
  const [a, b] = read({
    accounts: [
      { name: 'shop-a', tokenFile: 'a' },
      {
        name: 'shop-b',
        tokenFile: 'b',
        webhookTokenFile: 'verifier',
        baseUrl: 'http://127.0.0.1:8700/v2/',
        limits: 'minute=500',
        zone: 'Europe/Berlin',
        historyDays: 7,
        syncCron: '0 * * * *',
        reconcileCron: '0 1 * * *',
      },
    ],
  })
  expect(a).toMatchObject({
    name: 'shop-a',
    baseUrl: 'https://api.helcim.com/v2',
    zone: 'America/Toronto',
    historyDays: 35,
    limits: { concurrent: 5, minute: 100, hour: 3_000 },
  })
  expect(a?.token.reveal()).toBe('token-a')
  expect(a?.webhookToken).toBe(null)
  expect(b?.webhookToken?.reveal()).toBe(VERIFIER)
  expect(b).toMatchObject({
    baseUrl: 'http://127.0.0.1:8700/v2',
    zone: 'Europe/Berlin',
    historyDays: 7,
    syncCron: '0 * * * *',
    limits: { concurrent: 5, minute: 500, hour: 3_000 },
  })
})

test('a fingerprint follows the token and every setting, and shows none of them', () => {
  const of = (account: object) => {
    const [one] = read({ accounts: [{ name: 'shop', tokenFile: 'a', ...account }] })
    if (!one) throw new Error('no account')
    return accountFingerprint(one)
  }
  expect(of({})).toBe(of({}))
  const others = [
    of({ tokenFile: 'b' }),
    of({ webhookTokenFile: 'verifier' }),
    of({ zone: 'Europe/Berlin' }),
    of({ historyDays: 3 }),
    of({}),
  ]
  expect(new Set(others).size).toBe(5)
  expect(of({})).toMatch(/^[0-9a-f]{64}$/)
})

test('every problem is told at once, by its place, and no token is', () => {
  expect(
    problemsOf({
      accounts: [
        { name: 'shop a', tokenFile: 'a' },
        { name: 'b', tokenFile: 'missing' },
        { name: 'c', tokenFile: 'empty', zone: 'Mars/Olympus' },
        { name: 'd', tokenFile: 'a', historyDays: 0, syncCron: 'often' },
        { name: 'e', tokenFile: 'b', token: 'secret-inline' },
        { name: 'f', tokenFile: 'b', baseUrl: 'http://example.com' },
        { name: 'g', tokenFile: 'b', limits: 'minute=101' },
      ],
    }),
  ).toEqual([
    'accounts[0].name: set it to letters, digits, ".", "_" and "-", at most 63 of them',
    expect.stringMatching(/^accounts\[1\]\.tokenFile: ".*missing" cannot be read \(ENOENT\)/),
    expect.stringMatching(/^accounts\[2\]\.tokenFile: ".*empty" is empty/),
    expect.stringMatching(/^accounts\[2\]\.zone: "Mars\/Olympus" is not a time zone/),
    expect.stringMatching(/^accounts\[3\]\.historyDays: "0" will not do/),
    expect.stringMatching(/^accounts\[3\]\.syncCron: /),
    expect.stringMatching(/^accounts\[4\]: there is no "token"; a token belongs into a file of its own/),
    expect.stringMatching(/^accounts\[5\]\.baseUrl: /),
  ])
  expect(problemsOf({ accounts: [{ name: 'g', tokenFile: 'b', limits: 'minute=101' }] })).toEqual([
    expect.stringMatching(/^accounts\[0\]\.limits: minute=101 is more than Helcim allows/),
  ])
})

test.each([
  ['no JSON', '{', 'is no JSON; see docs/operations.md, "Several merchants"'],
  ['no list', {}, 'accounts: set it to a list of accounts'],
  ['nobody', { accounts: [] }, 'accounts: name at least one account'],
  [
    'a name twice',
    {
      accounts: [
        { name: 'x', tokenFile: 'a' },
        { name: 'x', tokenFile: 'b' },
      ],
    },
    'the name "x" stands there twice; each account needs its own',
  ],
  [
    'a token twice, which would spend its limits twice over',
    {
      accounts: [
        { name: 'x', tokenFile: 'a' },
        { name: 'y', tokenFile: './a' },
      ],
    },
    'the token of "./a" stands there twice; each account needs its own',
  ],
])('%s is refused', (_, content, problem) => {
  expect(problemsOf(content)).toEqual([problem])
})

test('a simulated clock never meets a real Helcim', () => {
  const env = { ...write({ accounts: [{ name: 'x', tokenFile: 'a' }] }), TIEOUT_CLOCK: '2026-10-01T00:00:00Z@60' }
  expect(() => readAccounts(readConfig({ ...env, HELCIM_BASE_URL: 'http://127.0.0.1:1/v2' }))).not.toThrow()
  const far = write({ accounts: [{ name: 'x', tokenFile: 'a', baseUrl: 'https://api.helcim.com/v2' }] })
  const config = () =>
    readConfig({ ...far, TIEOUT_CLOCK: '2026-10-01T00:00:00Z@60', HELCIM_BASE_URL: 'http://127.0.0.1:1/v2' })
  expect(() => readAccounts(config())).toThrow(/accounts\[0\]\.baseUrl: TIEOUT_CLOCK is set/)
})

test('a file and a token of the environment are one too many', () => {
  const env = write({ accounts: [{ name: 'x', tokenFile: 'a' }] })
  expect(() => readConfig({ ...env, HELCIM_API_TOKEN: 'token' })).toThrow(
    'TIEOUT_ACCOUNTS_FILE: set either it or HELCIM_API_TOKEN, not both',
  )
  expect(() => readConfig({ ...env, HELCIM_WEBHOOK_TOKEN: VERIFIER })).toThrow(
    'HELCIM_WEBHOOK_TOKEN: name a "webhookTokenFile" with each account in TIEOUT_ACCOUNTS_FILE instead',
  )
})

test('how batches are settled is said per account, and per terminal; what is left out is as the environment says', () => {
  const settle = {
    mode: 'on',
    cron: '30 16 * * *',
    tokenFile: 'b',
    netMax: '20000',
    daysOff: 'sun',
    byTerminal: { '54182': { countMin: 5, helcimClose: 'off', cron: '0 18 * * *', daysOff: 'sat' } },
    kinds: 'card,ach',
    ach: { netMax: '500', helcimClose: '15:45', cron: '0 9 * * 1-5' },
  }
  const env = { ...write({ accounts: [{ name: 'x', tokenFile: 'a', settle }] }), SETTLE_COUNT_MIN: '2' }
  const [account] = readAccounts(readConfig(env))
  expect(account?.settle.token?.reveal()).toBe('token-b')
  const policy = account?.settle.policy
  expect(policy).toMatchObject({
    mode: 'on',
    cron: '30 16 * * *',
    netMinorMax: 2_000_000n,
    countMin: 2,
    holdSeverity: 'high',
  })
  expect(policy?.byTerminal).toEqual(
    new Map([[54182n, { cron: '0 18 * * *', daysOff: { weekdays: [6], dates: [] }, countMin: 5, helcimClosesAt: [] }]]),
  )
  expect(policy?.kinds).toEqual(['card_batch', 'ach_batch'])
  expect(policy?.ach).toEqual({ cron: '0 9 * * 1-5', netMinorMax: 50_000n, helcimClosesAt: ['15:45'] })
  // A changed policy is a changed account.
  const [other] = read({ accounts: [{ name: 'x', tokenFile: 'a', settle: { ...settle, netMax: 20001 } }] })
  const [same] = read({ accounts: [{ name: 'x', tokenFile: 'a', settle: { ...settle, netMax: 20000, countMin: 2 } }] })
  if (!account || !other || !same) throw new Error('an account is missing')
  expect(accountFingerprint(same)).toBe(accountFingerprint(account))
  expect(accountFingerprint(other)).not.toBe(accountFingerprint(account))
  expect(problemsOf({ accounts: [{ name: 'x', tokenFile: 'a', settle: { mode: 'yes', netMax: 'a lot' } }] })).toEqual([
    'accounts[0].settle.mode: "yes" is none of off, dry-run, on',
    'accounts[0].settle.netMax: "a lot" is no amount; set it to one like 5000 or 12.50, in the currency of the batch',
  ])
})
