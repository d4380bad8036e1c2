import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { readConfig, requireToken, tokenFingerprint, variableNames } from '../src/config.ts'
import { UsageError } from '../src/domain/operating-error.ts'
import { createSecret } from '../src/domain/secret.ts'

const LOCAL = 'http://127.0.0.1:4010/v2'
const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const directory = mkdtempSync(join(tmpdir(), 'tieout-config-'))
afterAll(() => rmSync(directory, { recursive: true }))

describe('settings', () => {
  test('an empty environment is a complete configuration, but for the token', () => {
    expect(readConfig({})).toEqual({
      helcim: {
        baseUrl: 'https://api.helcim.com/v2',
        token: null,
        webhookToken: null,
        limits: { concurrent: 5, minute: 100, hour: 3_000 },
      },
      databaseUrl: null,
      redisUrl: null,
      dataDir: resolve('.tieout'),
      zone: 'America/Edmonton',
      clock: null,
      historyDays: 35,
      accountsFile: null,
      booksFile: null,
      checksFile: null,
      syncCron: '*/5 * * * *',
      reconcileCron: '30 3 * * *',
      settle: {
        token: null,
        policy: {
          mode: 'dry-run',
          cron: null,
          kinds: ['card_batch'],
          terminals: null,
          daysOff: { weekdays: [], dates: [] },
          ageMsMin: 0,
          countMin: 1,
          netMinorMin: 0n,
          netMinorMax: null,
          holdSeverity: 'high',
          clearMs: 600_000,
          helcimClosesAt: ['17:00'],
          byTerminal: new Map(),
          ach: { helcimClosesAt: ['15:45', '17:00'] },
        },
      },
      exporting: null,
      alerts: { webhook: null, slackUrl: null, email: null, file: null, allowHosts: [] },
      heartbeatUrl: null,
      http: { host: '127.0.0.1', port: 8701, password: null },
      logLevel: 'info',
    })
  })

  test('every variable changes the setting that it names', () => {
    const config = readConfig({
      HELCIM_API_TOKEN: 'token-1',
      HELCIM_BASE_URL: `${LOCAL}/`,
      HELCIM_LIMITS: 'minute=1000, concurrent=8',
      DATABASE_URL: 'postgres://me:pass@db/tieout',
      REDIS_URL: 'rediss://cache:6380',
      TIEOUT_DATA_DIR: directory,
      TIEOUT_TIMEZONE: 'Europe/Berlin',
      TIEOUT_CLOCK: '2026-10-01T06:00:00Z@600',
      TIEOUT_HISTORY_DAYS: '3650',
      SYNC_CRON: '0 * * * *',
      RECONCILE_CRON: '0 1 * * *',
      HELCIM_SETTLE_API_TOKEN: 'token-2',
      SETTLE_MODE: 'on',
      SETTLE_CRON: '30 16 * * 1-5',
      SETTLE_KINDS: 'card, ach',
      SETTLE_TERMINALS: '54181, 54182',
      SETTLE_DAYS_OFF: 'Sat,2026-12-25',
      SETTLE_AGE_MINUTES_MIN: '30',
      SETTLE_COUNT_MIN: '3',
      SETTLE_NET_MIN: '-12.50',
      SETTLE_NET_MAX: '20000',
      SETTLE_HOLD_SEVERITY: 'medium',
      SETTLE_HELCIM_CLOSE: 'off',
      SETTLE_ACH_HELCIM_CLOSE: '16:00',
      SETTLE_CLEAR_MINUTES: '5',
      EXPORT_CRON: '30 4 * * *',
      EXPORT_DIR: directory,
      EXPORT_KEEP_DAYS: '400',
      ALERT_WEBHOOK_URL: 'http://alerts.internal/tieout',
      ALERT_WEBHOOK_SECRET: WEBHOOK_SECRET,
      ALERT_SLACK_URL: 'https://hooks.slack.com/services/T0/B0/x',
      ALERT_EMAIL_URL: 'smtp://me:p%40ss@mail.example.com:2525',
      ALERT_EMAIL_FROM: 'tieout@example.com',
      ALERT_EMAIL_TO: 'ines@example.com, books@example.com',
      TIEOUT_ALERTS_FILE: join(directory, 'alerts.json'),
      ALERT_ALLOW_HOSTS: 'alerts.internal, 10.0.0.7',
      HEARTBEAT_URL: 'https://beat.example.com/x',
      HTTP_HOST: '0.0.0.0',
      HTTP_PORT: '9000',
      HTTP_PASSWORD: 'correct horse',
      LOG_LEVEL: 'debug',
    })
    expect(config).toMatchObject({
      helcim: { baseUrl: LOCAL, limits: { concurrent: 8, minute: 1_000, hour: 3_000 } },
      dataDir: directory,
      zone: 'Europe/Berlin',
      clock: { startsAt: Date.parse('2026-10-01T06:00:00Z'), rate: 600 },
      historyDays: 3_650,
      syncCron: '0 * * * *',
      reconcileCron: '0 1 * * *',
      settle: {
        policy: {
          mode: 'on',
          cron: '30 16 * * 1-5',
          kinds: ['card_batch', 'ach_batch'],
          terminals: [54181n, 54182n],
          daysOff: { weekdays: [6], dates: ['2026-12-25'] },
          ageMsMin: 1_800_000,
          countMin: 3,
          netMinorMin: -1_250n,
          netMinorMax: 2_000_000n,
          holdSeverity: 'medium',
          clearMs: 300_000,
          helcimClosesAt: [],
          ach: { helcimClosesAt: ['16:00'] },
        },
      },
      exporting: { cron: '30 4 * * *', directory, keepDays: 400 },
      alerts: {
        allowHosts: ['alerts.internal', '10.0.0.7'],
        file: join(directory, 'alerts.json'),
        email: { from: 'tieout@example.com', to: ['ines@example.com', 'books@example.com'] },
      },
      http: { host: '0.0.0.0', port: 9_000 },
      logLevel: 'debug',
    })
    expect(config.alerts.webhook?.url.reveal()).toBe('http://alerts.internal/tieout')
    expect(config.alerts.webhook?.secret.reveal()).toBe(WEBHOOK_SECRET)
    expect(config.alerts.slackUrl?.reveal()).toBe('https://hooks.slack.com/services/T0/B0/x')
    expect(config.alerts.email?.url.reveal()).toBe('smtp://me:p%40ss@mail.example.com:2525')
    expect(config.heartbeatUrl?.reveal()).toBe('https://beat.example.com/x')
    expect(config.http.password?.reveal()).toBe('correct horse')
    expect(requireToken(config).reveal()).toBe('token-1')
    expect(config.databaseUrl?.reveal()).toBe('postgres://me:pass@db/tieout')
    expect(config.redisUrl?.reveal()).toBe('rediss://cache:6380')
  })

  test('a variable left empty counts as not set', () => {
    expect(readConfig({ HELCIM_API_TOKEN: '', TIEOUT_TIMEZONE: '', SYNC_CRON: '', LOG_LEVEL: '' })).toEqual(
      readConfig({}),
    )
  })

  test('a file gives the value without its last line break', () => {
    const path = fileWith('from-a-file\n')
    expect(requireToken(readConfig({ HELCIM_API_TOKEN_FILE: path })).reveal()).toBe('from-a-file')
  })
})

test('README’s table of settings names every variable, and none that is not there', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const named = variablesIn(readme)
  expect([...named].sort()).toEqual([...variableNames()].sort())
  // The control: one that is left out, or made up, would be seen.
  const [first = ''] = named
  expect(variablesIn(readme.replace(`| \`${first}\` |`, '| `OTHER` |'))).toEqual(['OTHER', ...named.slice(1)])
})

test('compose.yaml sets no variable that is not there', () => {
  const compose = readFileSync(new URL('../compose.yaml', import.meta.url), 'utf8')
  const [, worker = ''] = compose.split('\n  worker:\n')
  const [own = ''] = worker.split('\n  postgres:\n')
  const set = [...own.matchAll(/^ {6}([A-Z_]+):/gm)].map(([, name = '']) => name)
  expect(set.length).toBeGreaterThan(10)
  const known: readonly string[] = variableNames().flatMap((name) => [name, `${name}_FILE`])
  expect(set.filter((name) => !known.includes(name))).toEqual([])
})

function variablesIn(readme: string): string[] {
  const [, section = ''] = readme.split('\n## Settings\n')
  const [table = ''] = section.split('\n## ')
  return [...table.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name = '']) => name)
}

describe('problems', () => {
  test('all problems are told in one usage error, a line each, by variable', () => {
    const message = problemsOf({
      HELCIM_API_TOKEN: 'a',
      HELCIM_API_TOKEN_FILE: '/does/not/matter',
      HELCIM_BASE_URL: 'http://example.com/v2',
      HELCIM_LIMITS: 'minute=101',
      DATABASE_URL: 'mysql://db/tieout',
      REDIS_URL: 'cache:6379',
      TIEOUT_TIMEZONE: '+02:00',
      TIEOUT_CLOCK: '2026-10-01T06:00:00Z@600',
      TIEOUT_HISTORY_DAYS: '0',
      SYNC_CRON: 'often',
      RECONCILE_CRON: '61 * * * *',
      ALERT_WEBHOOK_URL: 'alerts.example.com',
      ALERT_WEBHOOK_SECRET: 'whsec_dG9vIHNob3J0',
      ALERT_SLACK_URL: 'slack.example.com',
      ALERT_EMAIL_URL: 'https://mail.example.com',
      ALERT_EMAIL_FROM: 'tieout <tieout@example.com>',
      ALERT_EMAIL_TO: 'a@example.com\r\nBcc: b@example.com',
      HEARTBEAT_URL: 'ftp://beat.example.com',
      HELCIM_WEBHOOK_TOKEN: 'dG9vIHNob3J0',
      HELCIM_SETTLE_API_TOKEN: 'a b',
      SETTLE_MODE: 'maybe',
      SETTLE_CRON: 'at five',
      SETTLE_TERMINALS: 'the blue one',
      SETTLE_DAYS_OFF: 'monthly,2026-02-30',
      SETTLE_AGE_MINUTES_MIN: '1.5',
      SETTLE_COUNT_MIN: '-1',
      SETTLE_NET_MIN: '12.345',
      SETTLE_NET_MAX: 'much',
      SETTLE_HOLD_SEVERITY: 'bad',
      SETTLE_HELCIM_CLOSE: '5 pm',
      SETTLE_CLEAR_MINUTES: 'ten',
      HTTP_PORT: '70000',
      HTTP_PASSWORD: 'short',
      LOG_LEVEL: 'loud',
      TIEOUT_DATA_DIR_FILE: join(directory, 'missing'),
    })
    expect(
      message
        .split('\n')
        .map((line) => line.slice(0, line.indexOf(':')))
        .sort(),
    ).toEqual([
      'ALERT_EMAIL_FROM',
      'ALERT_EMAIL_TO',
      'ALERT_EMAIL_URL',
      'ALERT_SLACK_URL',
      'ALERT_WEBHOOK_SECRET',
      'ALERT_WEBHOOK_URL',
      'DATABASE_URL',
      'HEARTBEAT_URL',
      'HELCIM_API_TOKEN',
      'HELCIM_BASE_URL',
      'HELCIM_LIMITS',
      'HELCIM_SETTLE_API_TOKEN',
      'HELCIM_WEBHOOK_TOKEN',
      'HTTP_PASSWORD',
      'HTTP_PORT',
      'LOG_LEVEL',
      'RECONCILE_CRON',
      'REDIS_URL',
      'SETTLE_AGE_MINUTES_MIN',
      'SETTLE_CLEAR_MINUTES',
      'SETTLE_COUNT_MIN',
      'SETTLE_CRON',
      'SETTLE_DAYS_OFF',
      'SETTLE_HELCIM_CLOSE',
      'SETTLE_HOLD_SEVERITY',
      'SETTLE_MODE',
      'SETTLE_NET_MAX',
      'SETTLE_NET_MIN',
      'SETTLE_TERMINALS',
      'SYNC_CRON',
      'TIEOUT_CLOCK',
      'TIEOUT_DATA_DIR_FILE',
      'TIEOUT_HISTORY_DAYS',
      'TIEOUT_TIMEZONE',
    ])
  })

  test.each([
    [{ ALERT_WEBHOOK_URL: 'https://alerts.example.com/x' }, 'ALERT_WEBHOOK_SECRET'],
    [{ ALERT_WEBHOOK_URL: 'http://alerts.example.com/x', ALERT_WEBHOOK_SECRET: WEBHOOK_SECRET }, 'ALERT_WEBHOOK_URL'],
    [{ ALERT_SLACK_URL: 'http://hooks.example.com/x' }, 'ALERT_SLACK_URL'],
    [{ ALERT_EMAIL_FROM: 'a@example.com', ALERT_EMAIL_TO: 'b@example.com' }, 'ALERT_EMAIL_URL'],
    [{ ALERT_EMAIL_URL: 'smtp://mail.example.com', ALERT_EMAIL_TO: 'b@example.com' }, 'ALERT_EMAIL_FROM'],
    [{ HEARTBEAT_URL: 'http://beat.example.com/x', ALERT_ALLOW_HOSTS: 'example.com' }, 'HEARTBEAT_URL'],
    [{ HTTP_HOST: '0.0.0.0' }, 'HTTP_PASSWORD'],
  ])('what two variables say together is checked: %o', (env, name) => {
    expect(problemsOf(env)).toMatch(new RegExp(`^${name}: .*$`))
  })

  test('hosts that are allowed are known by any spelling of theirs', () => {
    const text = 'Alerts.Internal, 10.0.0.7,::1, [FD00::0:7],0x7f.1'
    const { alerts } = readConfig({ ALERT_ALLOW_HOSTS: text })
    expect(alerts.allowHosts).toEqual(['alerts.internal', '10.0.0.7', '[::1]', '[fd00::7]', '127.0.0.1'])
  })

  test.each(['http://alerts', 'alerts/x', 'alerts:8080', '[::1]:8080', 'a b', '*.internal', 'me@alerts'])(
    'what is no host cannot be allowed: %s',
    (text) => {
      expect(problemsOf({ ALERT_ALLOW_HOSTS: text })).toBe(
        `ALERT_ALLOW_HOSTS: "${text}" is no host; set it to names or addresses, with commas`,
      )
    },
  )

  test.each([
    [{ ALERT_WEBHOOK_URL: 'hunter2' }],
    [{ ALERT_WEBHOOK_URL: 'https://me:hunter2@alerts.example.com/' }],
    [{ HEARTBEAT_URL: 'https://hunter2@beat.example.com/' }],
    [{ ALERT_WEBHOOK_SECRET: 'hunter2' }],
    [{ HTTP_PASSWORD: 'hunter2' }],
    [{ HELCIM_WEBHOOK_TOKEN: 'hunter2' }],
    [{ HELCIM_SETTLE_API_TOKEN: 'hunter2 hunter2' }],
    [{ HELCIM_API_TOKEN: 'hunter2 hunter2' }],
    [{ HELCIM_API_TOKEN: 'hunter2', HELCIM_API_TOKEN_FILE: '/x' }],
    [{ DATABASE_URL: 'hunter2' }],
    [{ DATABASE_URL: 'mysql://me:hunter2@db/tieout' }],
    [{ REDIS_URL: 'redis://:hunter2/2@cache' }],
    [{ HELCIM_API_TOKEN_FILE: () => fileWith('hunter2\nhunter2') }],
  ])('no problem shows a secret: %o', (given) => {
    const env = Object.fromEntries(Object.entries(given).map(([k, v]) => [k, typeof v === 'function' ? v() : v]))
    expect(problemsOf(env)).not.toContain('hunter2')
  })

  test('settings print without their secrets', () => {
    const amountsAsText = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
    const config = readConfig({ HELCIM_API_TOKEN: 'hunter2', DATABASE_URL: 'postgres://me:hunter2@db/x' })
    expect(inspect(config, { depth: 9 }) + JSON.stringify(config, amountsAsText)).not.toContain('hunter2')
  })

  test.each(['minute=101', 'hour=3001', 'concurrent=6'])(
    'the limits are never above Helcim’s own unless calls go to this machine: %s',
    (limits) => {
      expect(problemsOf({ HELCIM_LIMITS: limits })).toMatch(
        /^HELCIM_LIMITS: .* is more than Helcim allows; set at most /,
      )
      expect(() => readConfig({ HELCIM_LIMITS: limits, HELCIM_BASE_URL: LOCAL })).not.toThrow()
    },
  )

  test.each(['minute=0', 'minute', 'second=1', 'minute=1.5', '100', 'minute=-1'])(
    'limits that mean nothing are refused: %s',
    (limits) => {
      expect(problemsOf({ HELCIM_LIMITS: limits, HELCIM_BASE_URL: LOCAL })).toMatch(/^HELCIM_LIMITS: set it to limits/)
    },
  )

  test('a simulated clock is refused for the real Helcim, and only there', () => {
    const clock = { TIEOUT_CLOCK: '2026-10-01T06:00:00Z@600' }
    expect(problemsOf(clock)).toMatch(/^TIEOUT_CLOCK: a simulated clock needs HELCIM_BASE_URL on this machine/)
    expect(() => readConfig({ ...clock, HELCIM_BASE_URL: LOCAL })).not.toThrow()
  })

  test('a broken base URL is one problem, not one more for each setting that depends on it', () => {
    const message = problemsOf({
      HELCIM_BASE_URL: 'api',
      HELCIM_LIMITS: 'minute=500',
      TIEOUT_CLOCK: '2026-10-01T06:00:00Z@2',
    })
    expect(message).toMatch(/^HELCIM_BASE_URL: [^\n]+$/)
  })

  test.each(['0', '3651', '1.5', '1e2', ' 7', 'all'])(
    'days of history are whole and from 1 to 3650, so not "%s"',
    (days) => {
      expect(problemsOf({ TIEOUT_HISTORY_DAYS: days })).toMatch(/^TIEOUT_HISTORY_DAYS: /)
    },
  )

  test('an empty file is told, not taken for a variable that is not set', () => {
    expect(problemsOf({ HELCIM_API_TOKEN_FILE: fileWith('\n') })).toMatch(/^HELCIM_API_TOKEN_FILE: .* is empty/)
  })

  test('a missing token is told with what to set and what works without', () => {
    expect(() => requireToken(readConfig({}))).toThrow(
      new UsageError(
        'HELCIM_API_TOKEN: set it to an API token of your Helcim account (All Tools → Integrations → API Access), ' +
          'or run "npm run demo" to see tieout at work without one',
      ),
    )
  })
})

test('a fingerprint is the first 16 digits of the SHA-256 of the token', () => {
  const sha256 = createHash('sha256').update('token-1').digest('hex')
  expect(tokenFingerprint(createSecret('token-1'))).toBe(sha256.slice(0, 16))
})

describe('log', () => {
  test('a line is JSON with an ISO time, the error’s code and no secret', () => {
    const line = JSON.parse(logged(false))
    expect(line).toMatchObject({
      level: 'error',
      msg: 'pull.failed',
      apiToken: '[redacted]',
      db: { password: '[redacted]' },
    })
    expect(line.err).toMatchObject({ type: 'OperatingError', code: 'timeout', cause: { message: 'cause' } })
    expect(new Date(line.time).toISOString()).toBe(line.time)
  })

  test('a terminal gets a readable line with the same redaction', () => {
    const text = logged(true)
    expect(text).toContain('pull.failed')
    expect(text).toContain('timeout')
    expect(text).not.toContain('hunter2')
    expect(() => JSON.parse(text)).toThrow()
  })
})

function problemsOf(env: NodeJS.ProcessEnv): string {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof UsageError) return error.message
    throw error
  }
  throw new Error('These settings should have been refused.')
}

let countFiles = 0
function fileWith(text: string): string {
  const path = join(directory, `value-${countFiles++}`)
  writeFileSync(path, text)
  return path
}

/** What a process of its own writes to stdout just before it exits. */
function logged(isPretty: boolean): string {
  const program = `
    import { createLog } from './src/log.ts'
    import { OperatingError } from './src/domain/operating-error.ts'
    const err = new OperatingError('timeout', 'No answer.', { retry: { kind: 'backoff' }, cause: new Error('cause') })
    const facts = { err, apiToken: 'hunter2', db: { password: 'hunter2' } }
    createLog({ level: 'info', isPretty: ${isPretty} }).error(facts, 'pull.failed')
    process.exit(0)
  `
  const ran = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  expect(ran.stderr).toBe('')
  return ran.stdout
}
