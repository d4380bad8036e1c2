import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readAlertSettings } from '../../src/alerts-file.ts'
import { readConfig } from '../../src/config.ts'
import { dutyOf } from '../../src/domain/alert-rules.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { UsageError } from '../../src/domain/operating-error.ts'

const folder = mkdtempSync(join(tmpdir(), 'tieout-alert-rules-'))
afterAll(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'oncall.url'), 'https://hooks.slack.com/services/T0/B0/secret-path\n')
writeFileSync(join(folder, 'empty'), '')
const path = join(folder, 'alerts.json')

const EMAIL = {
  ALERT_EMAIL_URL: 'smtps://me:hunter2@mail.example.com',
  ALERT_EMAIL_FROM: 'tieout@example.com',
  ALERT_EMAIL_TO: 'ines@example.com',
}

function read(content: unknown, env: Record<string, string> = EMAIL) {
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return readAlertSettings(readConfig({ ...env, TIEOUT_ALERTS_FILE: path }))
}

function problemsOf(content: unknown, env: Record<string, string> = {}): string[] {
  try {
    read(content, env)
    return []
  } catch (error) {
    if (!(error instanceof UsageError) || error.exitCode !== 2) throw error
    return error.message.split('\n').map((line) => line.replace(`TIEOUT_ALERTS_FILE: ${path}: `, ''))
  }
}

describe('without a file', () => {
  test('every channel of the environment is told all but info, and has a digest', () => {
    const { named, rulesOf } = readAlertSettings(
      readConfig({ ...EMAIL, ALERT_SLACK_URL: 'https://hooks.slack.com/services/x' }),
    )
    const channels = ['log', 'slack', 'email']
    expect(named).toEqual([])
    expect(rulesOf('any')).toMatchObject({
      channels,
      routes: [{ severity: 'low', codes: null, to: channels }],
      silences: [],
      digest: { at: '07:30', to: channels },
    })
  })
})

describe('a file', () => {
  test('names channels, routes, duties, silences and the digest; each account has its own', () => {
    const { named, rulesOf, accountNames } = read({
      channels: {
        oncall: { kind: 'slack', urlFile: 'oncall.url' },
        finance: { kind: 'email', to: ['books@example.com', 'ines@example.com'] },
      },
      routes: [
        { severity: 'high', to: ['email', 'oncall'] },
        { codes: ['settlement_*', 'charge_missing'], accounts: ['north'], to: ['finance'] },
      ],
      duties: [
        { severity: 'high', olderThanDays: 3, owner: 'Zoe' },
        { owner: 'Ines', dueDays: 5, accounts: ['north'] },
      ],
      silences: [
        { subject: 'card_batch:42', accounts: ['south'], until: '2026-12-01T00:00:00-07:00', reason: 'closed by hand' },
      ],
      digest: { at: '06:05', to: ['finance'] },
    })
    expect(named).toMatchObject([
      { name: 'oncall', kind: 'slack' },
      { name: 'finance', kind: 'email', to: ['books@example.com', 'ines@example.com'] },
    ])
    expect(accountNames).toEqual(['north', 'south'])
    const [oncall] = named
    expect(oncall?.kind === 'slack' && oncall.url.reveal()).toBe('https://hooks.slack.com/services/T0/B0/secret-path')
    expect(JSON.stringify(named)).not.toContain('secret-path')
    const [north, south] = [rulesOf('north'), rulesOf('south')]
    expect(north.routes.map(({ codes, to }) => [codes, to])).toEqual([
      [null, ['email', 'oncall']],
      [['settlement_refused', 'settlement_unconfirmed', 'settlement_overdue', 'charge_missing'], ['finance']],
    ])
    expect(south.routes).toHaveLength(1)
    expect([north.silences, south.silences]).toMatchObject([
      [],
      [{ code: null, subject: { kind: 'card_batch', id: '42' }, until: Date.parse('2026-12-01T07:00:00Z') }],
    ])
    expect(north.digest).toEqual({ at: '06:05', to: ['finance'] })
    const seen = { severity: 'low' as const, code: 'record_changed', assignedTo: null, zone: 'UTC' }
    const at = { firstSeenAt: toInstant(0), now: toInstant(1) }
    expect(dutyOf(north.duties, { ...seen, ...at })).toMatchObject({ owner: 'Ines', dueOn: '1970-01-06' })
    // What the file does not say is as without it.
    expect(dutyOf(south.duties, { ...seen, ...at })).toMatchObject({ owner: null, dueOn: '1970-01-31' })
  })

  test('may switch the digest off, and leave everything else as it is', () => {
    const { rulesOf } = read({ digest: null })
    expect(rulesOf('any')).toMatchObject({ digest: null, routes: [{ severity: 'low', to: ['log', 'email'] }] })
  })

  test('with problems is one usage error, a line each by file and key, and shows no secret', () => {
    const problems = problemsOf({
      channels: {
        Finance: { kind: 'slack', urlFile: 'oncall.url' },
        fax: { kind: 'fax' },
        oncall: { kind: 'slack', urlFile: 'missing' },
      },
      routes: [
        { severity: 'bad', to: [] },
        { codes: ['charge_mising'], to: ['log'] },
        { sevrity: 'low', to: ['log'] },
      ],
      duties: [{ owner: 'a\u202eb', dueDays: 1.5 }],
      silences: [
        { until: '2026-12-01', reason: ' ', code: 'x' },
        { until: '2026-12-01T00:00:00Z', reason: 'why' },
      ],
      digest: { at: '7:30' },
    })
    expect(problems.map((line) => line.slice(0, line.indexOf(':')))).toEqual([
      'channels.Finance',
      'channels.fax.kind',
      'channels.oncall.urlFile',
      'routes[0].severity',
      'routes[0].to',
      'routes[1].codes[0]',
      'routes[2]',
      'duties[0].owner',
      'duties[0].dueDays',
      'silences[0].code',
      'silences[0].until',
      'silences[0].reason',
      'silences[1]',
      'digest.at',
    ])
    expect(problems.join()).toContain('there is no "sevrity"')
    expect(problems.slice(0, 2)).toEqual([
      'channels.Finance: name a channel by small letters, digits and "-"',
      'channels.fax.kind: set its "kind" to slack or email',
    ])
  })

  test.each([
    [{ routes: [{ to: ['slak'] }] }, 'routes[0].to: there is no channel "slak"; choose from log'],
    [{ digest: { to: ['email'] } }, 'digest.to: there is no channel "email"; choose from log'],
    [
      { channels: { books: { kind: 'email', to: ['b@example.com'] } } },
      'channels.books: set ALERT_EMAIL_URL, ALERT_EMAIL_FROM and ALERT_EMAIL_TO as well',
    ],
    [
      { channels: { slack: { kind: 'slack', urlFile: 'oncall.url' } } },
      'channels.slack: this name is that of a channel of the environment',
    ],
    [
      { channels: { x: { kind: 'slack', urlFile: 'empty' } } },
      `channels.x.urlFile: "${join(folder, 'empty')}" is empty; write the URL into it`,
    ],
  ])('that fits nothing: %j', (content, problem) => {
    expect(problemsOf(content)).toEqual([problem])
  })

  test('that is no JSON, or is not there', () => {
    expect(problemsOf('{')[0]).toMatch(/is no JSON; see docs\/operations\.md, "Who is told what"$/)
    const missing = { TIEOUT_ALERTS_FILE: join(folder, 'nowhere.json') }
    expect(() => readAlertSettings(readConfig(missing))).toThrow(/nowhere\.json cannot be read \(ENOENT\)/)
  })

  test('of docs/operations.md is taken as it stands there', () => {
    const operations = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
    const [, example = ''] = /### Who is told what[\s\S]*?```json\n([\s\S]*?)```/.exec(operations) ?? []
    mkdirSync(join(folder, 'secrets'))
    writeFileSync(join(folder, 'secrets', 'slack-oncall-url'), 'https://hooks.slack.com/services/T0/B0/x')
    const { named, rulesOf } = read(example)
    expect(named.map(({ name }) => name)).toEqual(['oncall', 'finance'])
    const { routes, duties, silences, digest } = rulesOf('north')
    expect([routes.length, silences.length, digest]).toEqual([2, 1, { at: '06:30', to: ['finance', 'log'] }])
    expect(duties.slice(0, 2)).toMatchObject([{ owner: 'Zoe' }, { owner: 'Ines', dueDays: null }])
  })
})
