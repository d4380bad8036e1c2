import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { z } from 'zod'
import { parseCloseTimes } from './domain/automatic-close.ts'
import { assertCron, isTimeZone } from './domain/calendar.ts'
import { type CallLimits, HELCIM_LIMITS } from './domain/call-budget.ts'
import { parseClock } from './domain/clock.ts'
import { UsageError } from './domain/operating-error.ts'
import { createSecret, type Secret } from './domain/secret.ts'
import {
  parseAmount,
  parseCount,
  parseDaysOff,
  parseKinds,
  parseMinutes,
  parseMode,
  parseSeverity,
  parseTerminals,
  type SettlementPolicy,
} from './domain/settlement-policy.ts'
import { checkBaseUrl, isLoopback } from './helcim/base-url.ts'
import {
  parseEmailAddress,
  parseEmailAddresses,
  parseHosts,
  parseOutgoingUrl,
  parseSmtpUrl,
  parseWebhookSecret,
} from './outgoing-settings.ts'

/** The settings of a process, checked. */
export type Config = ReturnType<typeof toConfig>

/**
 * Reads the settings from environment variables. Each may also be given as `NAME_FILE`, the path of a file that holds
 * the value. An empty variable counts as not set, because compose files hand over empty ones for those left out.
 * @throws UsageError that lists every problem on a line of its own, by variable, and no secret's value
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const { values, problems } = readVariables(env)
  const parsed = settingsWith(isBaseUrlLocal(values.HELCIM_BASE_URL)).safeParse(values)
  if (parsed.success) problems.push(...problemsBetween(parsed.data))
  if (parsed.success && problems.length === 0) return toConfig(parsed.data)
  const issues = parsed.error?.issues ?? []
  throw new UsageError([...problems, ...issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)].join('\n'))
}

/**
 * The token, for commands that call Helcim.
 * @throws UsageError that says what to set when there is none
 */
export function requireToken(config: Config): Secret {
  if (config.helcim.token) return config.helcim.token
  throw new UsageError(
    'HELCIM_API_TOKEN: set it to an API token of your Helcim account (All Tools → Integrations → API Access), ' +
      'or run "npm run demo" to see tieout at work without one',
  )
}

/** Tells tokens apart in the database without keeping them: 16 hexadecimal digits. */
export const tokenFingerprint = (token: Secret): string =>
  createHash('sha256').update(token.reveal()).digest('hex').slice(0, 16)

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const HISTORY_DAYS_MAX = 3_650
const LIMIT_NAMES = ['concurrent', 'minute', 'hour'] as const

/** @param isLocal whether calls go to this machine only, where limits may be raised and the clock may be simulated */
const settingsWith = (isLocal: boolean) =>
  z.object({
    HELCIM_API_TOKEN: parsedBy(parseToken).optional(),
    TIEOUT_ACCOUNTS_FILE: parsedBy((text) => resolve(text)).optional(),
    TIEOUT_BOOKS_FILE: parsedBy((text) => resolve(text)).optional(),
    TIEOUT_CHECKS_FILE: parsedBy((text) => resolve(text)).optional(),
    HELCIM_BASE_URL: parsedBy((text) => checkBaseUrl(text).href).prefault('https://api.helcim.com/v2'),
    HELCIM_WEBHOOK_TOKEN: parsedBy(parseVerifierToken).optional(),
    HELCIM_LIMITS: parsedBy((text) => parseLimits(text, isLocal)).default(HELCIM_LIMITS),
    DATABASE_URL: parsedBy((text) => parseStoreUrl(text, ['postgres', 'postgresql'])).optional(),
    REDIS_URL: parsedBy((text) => parseStoreUrl(text, ['redis', 'rediss'])).optional(),
    TIEOUT_DATA_DIR: parsedBy((text) => resolve(text)).prefault('.tieout'),
    TIEOUT_TIMEZONE: parsedBy(parseZone).prefault('America/Edmonton'),
    TIEOUT_CLOCK: parsedBy((text) => parseLocalClock(text, isLocal)).optional(),
    TIEOUT_HISTORY_DAYS: parsedBy(parseHistoryDays).prefault('35'),
    SYNC_CRON: parsedBy(parseCron).prefault('*/5 * * * *'),
    RECONCILE_CRON: parsedBy(parseCron).prefault('30 3 * * *'),
    HELCIM_SETTLE_API_TOKEN: parsedBy(parseToken).optional(),
    SETTLE_MODE: parsedBy(parseMode).prefault('dry-run'),
    SETTLE_CRON: parsedBy(parseCron).optional(),
    SETTLE_KINDS: parsedBy(parseKinds).prefault('card'),
    SETTLE_TERMINALS: parsedBy(parseTerminals).optional(),
    SETTLE_DAYS_OFF: parsedBy(parseDaysOff).prefault(''),
    SETTLE_AGE_MINUTES_MIN: parsedBy(parseMinutes).prefault('0'),
    SETTLE_COUNT_MIN: parsedBy(parseCount).prefault('1'),
    SETTLE_NET_MIN: parsedBy(parseAmount).prefault('0'),
    SETTLE_NET_MAX: parsedBy(parseAmount).optional(),
    SETTLE_HOLD_SEVERITY: parsedBy(parseSeverity).prefault('high'),
    SETTLE_CLEAR_MINUTES: parsedBy(parseMinutes).prefault('10'),
    SETTLE_HELCIM_CLOSE: parsedBy(parseCloseTimes).prefault('17:00'),
    // Two hours are documented for ACH, and they contradict each other (API.md §11): both are kept clear of.
    SETTLE_ACH_HELCIM_CLOSE: parsedBy(parseCloseTimes).prefault('15:45,17:00'),
    EXPORT_CRON: parsedBy(parseCron).optional(),
    EXPORT_DIR: parsedBy((text) => resolve(text)).optional(),
    EXPORT_KEEP_DAYS: parsedBy(parseKeepDays).optional(),
    ALERT_WEBHOOK_URL: parsedBy(parseOutgoingUrl).optional(),
    ALERT_WEBHOOK_SECRET: parsedBy(parseWebhookSecret).optional(),
    ALERT_SLACK_URL: parsedBy(parseOutgoingUrl).optional(),
    ALERT_EMAIL_URL: parsedBy(parseSmtpUrl).optional(),
    ALERT_EMAIL_FROM: parsedBy(parseEmailAddress).optional(),
    ALERT_EMAIL_TO: parsedBy(parseEmailAddresses).optional(),
    TIEOUT_ALERTS_FILE: parsedBy((text) => resolve(text)).optional(),
    ALERT_ALLOW_HOSTS: parsedBy(parseHosts).prefault(''),
    HEARTBEAT_URL: parsedBy(parseOutgoingUrl).optional(),
    HTTP_HOST: z.string().default('127.0.0.1'),
    HTTP_PORT: parsedBy(parsePort).prefault('8701'),
    HTTP_PASSWORD: parsedBy(parseHttpPassword).optional(),
    LOG_LEVEL: z.enum(LOG_LEVELS, `set it to one of ${LOG_LEVELS.join(', ')}`).default('info'),
  })

/** What two variables say together. */
function problemsBetween(settings: Settings): string[] {
  const problems: string[] = []
  if (settings.HELCIM_API_TOKEN && settings.TIEOUT_ACCOUNTS_FILE) {
    problems.push('TIEOUT_ACCOUNTS_FILE: set either it or HELCIM_API_TOKEN, not both')
  }
  if (settings.HELCIM_SETTLE_API_TOKEN && settings.TIEOUT_ACCOUNTS_FILE) {
    problems.push('HELCIM_SETTLE_API_TOKEN: with an accounts file each account names its own, as settle.tokenFile')
  }
  if (settings.HELCIM_WEBHOOK_TOKEN && settings.TIEOUT_ACCOUNTS_FILE) {
    problems.push('HELCIM_WEBHOOK_TOKEN: name a "webhookTokenFile" with each account in TIEOUT_ACCOUNTS_FILE instead')
  }
  if ((settings.EXPORT_CRON === undefined) !== (settings.EXPORT_DIR === undefined)) {
    const [missing, given] = settings.EXPORT_DIR ? ['EXPORT_CRON', 'EXPORT_DIR'] : ['EXPORT_DIR', 'EXPORT_CRON']
    problems.push(
      `${missing}: set it as well, or leave ${given} out; together they say when files are written, and where to`,
    )
  }
  if (settings.EXPORT_KEEP_DAYS !== undefined && settings.EXPORT_DIR === undefined) {
    problems.push('EXPORT_KEEP_DAYS: it is about the files of EXPORT_CRON in EXPORT_DIR; set these, or leave it out')
  }
  if (settings.ALERT_WEBHOOK_URL && !settings.ALERT_WEBHOOK_SECRET) {
    problems.push(
      'ALERT_WEBHOOK_SECRET: set it to the secret that signs alerts, "whsec_" and at least 24 bytes in base64',
    )
  }
  const isEmailMeant = settings.ALERT_EMAIL_URL || settings.ALERT_EMAIL_FROM || settings.ALERT_EMAIL_TO
  for (const [name, what] of EMAIL_SETTINGS) {
    if (isEmailMeant && !settings[name]) problems.push(`${name}: set it as well, to ${what}`)
  }
  for (const name of ['ALERT_WEBHOOK_URL', 'ALERT_SLACK_URL', 'HEARTBEAT_URL'] as const) {
    const url = settings[name] && new URL(settings[name].reveal())
    if (url && url.protocol !== 'https:' && !settings.ALERT_ALLOW_HOSTS.includes(url.hostname)) {
      problems.push(`${name}: set it to an https URL, or name its host in ALERT_ALLOW_HOSTS`)
    }
  }
  if (settings.HTTP_PORT !== null && !LOOPBACK_HOSTS.includes(settings.HTTP_HOST) && !settings.HTTP_PASSWORD) {
    problems.push(`HTTP_PASSWORD: set one, because HTTP_HOST=${settings.HTTP_HOST} can be reached from other machines`)
  }
  return problems
}

const EMAIL_SETTINGS = [
  ['ALERT_EMAIL_URL', 'the mail server, like smtps://user:password@mail.example.com'],
  ['ALERT_EMAIL_FROM', 'the sender, like tieout@example.com'],
  ['ALERT_EMAIL_TO', 'the receivers, with commas'],
] as const

const LOOPBACK_HOSTS: readonly string[] = ['127.0.0.1', '::1', 'localhost']

type Settings = z.output<ReturnType<typeof settingsWith>>
type Name = keyof Settings

const toConfig = (settings: Settings) => ({
  helcim: {
    /** Without a trailing slash. */
    baseUrl: settings.HELCIM_BASE_URL,
    token: settings.HELCIM_API_TOKEN ?? null,
    /** Verifies webhooks of Helcim; null where none are taken. */
    webhookToken: settings.HELCIM_WEBHOOK_TOKEN ?? null,
    limits: settings.HELCIM_LIMITS,
  },
  /** Absolute path of the file that names several accounts; null for the one of the environment. */
  accountsFile: settings.TIEOUT_ACCOUNTS_FILE ?? null,
  /** Absolute path of the file with the chart of accounts; null for the defaults. */
  booksFile: settings.TIEOUT_BOOKS_FILE ?? null,
  /** Absolute path of the file with the settings of checks; null for their defaults. */
  checksFile: settings.TIEOUT_CHECKS_FILE ?? null,
  /** Null for the embedded PostgreSQL. Secret, because it holds a password. */
  databaseUrl: settings.DATABASE_URL ?? null,
  /** Null for a queue on Postgres. Secret, because it holds a password. */
  redisUrl: settings.REDIS_URL ?? null,
  /** Absolute. */
  dataDir: settings.TIEOUT_DATA_DIR,
  /** The merchant's zone, in which schedules and business dates are meant. */
  zone: settings.TIEOUT_TIMEZONE,
  /** Null for the machine's own clock. */
  clock: settings.TIEOUT_CLOCK ?? null,
  historyDays: settings.TIEOUT_HISTORY_DAYS,
  syncCron: settings.SYNC_CRON,
  /** When the full reconciliation runs; incremental ones follow each pull. */
  reconcileCron: settings.RECONCILE_CRON,
  settle: {
    /** For settling alone; null for the one token that does everything. */
    token: settings.HELCIM_SETTLE_API_TOKEN ?? null,
    policy: policyOf(settings),
  },
  /** Files that are written by themselves; null for none. */
  exporting:
    settings.EXPORT_CRON && settings.EXPORT_DIR
      ? { cron: settings.EXPORT_CRON, directory: settings.EXPORT_DIR, keepDays: settings.EXPORT_KEEP_DAYS ?? null }
      : null,
  alerts: {
    /** Null for no webhook; alerts are always logged. Secret, because a path may be what authorizes. */
    webhook:
      settings.ALERT_WEBHOOK_URL && settings.ALERT_WEBHOOK_SECRET
        ? { url: settings.ALERT_WEBHOOK_URL, secret: settings.ALERT_WEBHOOK_SECRET }
        : null,
    /** Null for none. An incoming webhook of Slack; secret, because its path is what authorizes. */
    slackUrl: settings.ALERT_SLACK_URL ?? null,
    /** Null for none. The URL is secret, because it holds a password. */
    email:
      settings.ALERT_EMAIL_URL && settings.ALERT_EMAIL_FROM && settings.ALERT_EMAIL_TO
        ? { url: settings.ALERT_EMAIL_URL, from: settings.ALERT_EMAIL_FROM, to: settings.ALERT_EMAIL_TO }
        : null,
    /** Absolute path of the file with routes, duties, silences and the digest; null for the defaults. */
    file: settings.TIEOUT_ALERTS_FILE ?? null,
    /** Hosts, as in a URL, that may resolve to addresses that are not public and may be called without TLS. */
    allowHosts: settings.ALERT_ALLOW_HOSTS,
  },
  /** Called each minute while the daemon works; null for none. */
  heartbeatUrl: settings.HEARTBEAT_URL ?? null,
  http: {
    host: settings.HTTP_HOST,
    /** Null for no server, 0 for any free port. */
    port: settings.HTTP_PORT,
    /** For `/metrics` and everything that is no health check; needed where the host is not this machine alone. */
    password: settings.HTTP_PASSWORD ?? null,
  },
  logLevel: settings.LOG_LEVEL,
})

const policyOf = (settings: Settings): SettlementPolicy => ({
  mode: settings.SETTLE_MODE,
  cron: settings.SETTLE_CRON ?? null,
  kinds: settings.SETTLE_KINDS,
  terminals: settings.SETTLE_TERMINALS ?? null,
  daysOff: settings.SETTLE_DAYS_OFF,
  ageMsMin: settings.SETTLE_AGE_MINUTES_MIN,
  countMin: settings.SETTLE_COUNT_MIN,
  netMinorMin: settings.SETTLE_NET_MIN,
  netMinorMax: settings.SETTLE_NET_MAX ?? null,
  holdSeverity: settings.SETTLE_HOLD_SEVERITY,
  clearMs: settings.SETTLE_CLEAR_MINUTES,
  helcimClosesAt: settings.SETTLE_HELCIM_CLOSE,
  byTerminal: new Map(),
  ach: { helcimClosesAt: settings.SETTLE_ACH_HELCIM_CLOSE },
})

/** Every variable there is. */
export const variableNames = (): readonly Name[] => settingsWith(false).keyof().options

/** Are themselves paths of files. */
const PATH_NAMES: ReadonlySet<Name> = new Set([
  'TIEOUT_ACCOUNTS_FILE',
  'TIEOUT_BOOKS_FILE',
  'TIEOUT_CHECKS_FILE',
  'TIEOUT_ALERTS_FILE',
])

function readVariables(env: NodeJS.ProcessEnv): { values: Partial<Record<Name, string>>; problems: string[] } {
  const values: Partial<Record<Name, string>> = {}
  const problems: string[] = []
  for (const name of variableNames()) {
    if (PATH_NAMES.has(name)) {
      if (env[name]) values[name] = env[name]
      continue
    }
    const fileName = `${name}_FILE`
    const path = env[fileName]
    const text = env[name]
    if (text && path) problems.push(`${name}: set either ${name} or ${fileName}, not both`)
    else if (text) values[name] = text
    else if (path) {
      try {
        values[name] = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
        if (values[name] === '') problems.push(`${fileName}: the file "${path}" is empty; write the value into it`)
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
        problems.push(`${fileName}: the file "${path}" cannot be read${code}; set it to one that this user may read`)
      }
    }
  }
  return { values, problems }
}

/** True as well for a base URL that cannot be read: that is one problem, and what depends on it should not look like more. */
function isBaseUrlLocal(text: string | undefined): boolean {
  if (text === undefined) return false
  return !URL.canParse(text) || isLoopback(new URL(text))
}

/** Text that `parse` turns into a value; what it throws is the problem to show, so it must not hold a secret. */
export const parsedBy = <T>(parse: (text: string) => T) =>
  z.string().transform((text, context) => {
    try {
      return parse(text)
    } catch (error) {
      context.issues.push({
        code: 'custom',
        message: error instanceof Error ? error.message : String(error),
        input: null,
      })
      return z.NEVER
    }
  })

export function parseToken(text: string): Secret {
  // Anything else cannot be sent in a header, and comes from a slip while copying.
  if (!/^[\x21-\x7e]+$/.test(text)) throw new Error('it holds blanks or unusual characters; copy the API token again')
  return createSecret(text)
}

/** A key of fewer bytes comes from a slip while copying. */
const VERIFIER_BYTES_MIN = 16

/** The verifier token of Helcim's webhooks, base64 as the dashboard shows it (API.md §13). */
export function parseVerifierToken(text: string): Secret {
  try {
    new Webhook(text)
  } catch {
    throw new Error('it is not base64; copy the verifier token again (All Tools → Integrations → Webhooks)')
  }
  if (Buffer.from(text, 'base64').length >= VERIFIER_BYTES_MIN) return createSecret(text)
  throw new Error('it is too short; copy the verifier token again (All Tools → Integrations → Webhooks)')
}

function parseStoreUrl(text: string, schemes: readonly string[]): Secret {
  const isRight = URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1))
  if (isRight) return createSecret(text)
  throw new Error(`set it to a URL like ${schemes[0]}://user:password@host/0, special characters percent-encoded`)
}

function parsePort(text: string): number | null {
  if (text === 'off') return null
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new Error(`"${text}" is no port; set it to a number up to 65535, 0 for any free one, or off`)
}

function parseHttpPassword(text: string): Secret {
  if (text.length >= 12) return createSecret(text)
  throw new Error('set it to at least 12 characters')
}

export function parseZone(text: string): string {
  if (!isTimeZone(text)) throw new Error(`"${text}" is not a time zone; set it to one like America/Edmonton`)
  return text
}

export function parseCron(text: string): string {
  assertCron(text)
  return text
}

export function parseHistoryDays(text: string): number {
  const days = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (days >= 1 && days <= HISTORY_DAYS_MAX) return days
  throw new Error(`"${text}" will not do; set it to a whole number of days from 1 to ${HISTORY_DAYS_MAX}`)
}

/** A month that is written anew until it is over must not be removed in between. */
function parseKeepDays(text: string): number {
  const days = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (days >= 31) return days
  throw new Error(`"${text}" will not do; set it to a whole number of days, at least 31`)
}

function parseLocalClock(text: string, isLocal: boolean): ReturnType<typeof parseClock> {
  if (!isLocal)
    throw new Error('a simulated clock needs HELCIM_BASE_URL on this machine; remove it for the real Helcim')
  return parseClock(text)
}

export function parseLimits(text: string, isLocal: boolean): CallLimits {
  const limits = { ...HELCIM_LIMITS }
  for (const part of text.split(',')) {
    const [, key, digits] = /^\s*(\w+)=(\d{1,9})\s*$/.exec(part) ?? []
    const name = LIMIT_NAMES.find((known) => known === key)
    if (name === undefined || Number(digits) < 1) {
      throw new Error('set it to limits of at least 1, like concurrent=5,minute=100,hour=3000')
    }
    if (!isLocal && Number(digits) > HELCIM_LIMITS[name]) {
      throw new Error(`${name}=${digits} is more than Helcim allows; set at most ${name}=${HELCIM_LIMITS[name]}`)
    }
    limits[name] = Number(digits)
  }
  return limits
}
