import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { type Config, parsedBy } from './config.ts'
import {
  type AlertRules,
  DEFAULT_DIGEST_AT,
  DEFAULT_DUTIES,
  defaultAlertRules,
  type Route,
  rulesOfAccount,
  type Silence,
} from './domain/alert-rules.ts'
import { parseInstant } from './domain/clock.ts'
import { MISMATCH_CODES, type MismatchCode, parseSubject, SEVERITIES } from './domain/mismatch.ts'
import { UsageError } from './domain/operating-error.ts'
import { printable } from './domain/printable.ts'
import type { Secret } from './domain/secret.ts'
import { parseEmailAddress, parseOutgoingUrl } from './outgoing-settings.ts'
import { placeOf, readJsonFile, readSecretFile } from './settings-file.ts'

/** A channel beside those of the environment. */
export type NamedChannel =
  | { readonly name: string; readonly kind: 'slack'; readonly url: Secret }
  | { readonly name: string; readonly kind: 'email'; readonly to: readonly string[] }

/** How alerts are told, of all accounts. */
export interface AlertSettings {
  readonly named: readonly NamedChannel[]
  /** The rules of one account, by its name. */
  rulesOf(account: string): AlertRules
  /** Accounts that a rule names: one that is misspelt would be a rule for nobody. */
  readonly accountNames: readonly string[]
}

/**
 * The rules of `TIEOUT_ALERTS_FILE`, or the defaults. What the file leaves out is as the defaults say.
 * @throws UsageError that lists every problem on a line of its own, and no secret
 */
export function readAlertSettings(config: Config): AlertSettings {
  const { file } = config.alerts
  if (file === null) return settingsOf({ channels: {} }, channelsOf(config))
  const parsed = fileWith(dirname(file)).safeParse(readJson(file))
  const problems = parsed.success
    ? problemsOf(parsed.data, config)
    : parsed.error.issues.map((issue) => `${placeOf(issue.path)}: ${wordsOfIssue(issue)}`)
  if (!parsed.success || problems.length > 0) {
    throw new UsageError(problems.map((problem) => `TIEOUT_ALERTS_FILE: ${file}: ${problem}`).join('\n'))
  }
  return settingsOf(parsed.data, [...channelsOf(config), ...Object.keys(parsed.data.channels)])
}

const readJson = (path: string): unknown =>
  readJsonFile(
    path,
    'docs/operations.md, "Who is told what"',
    (words) => new UsageError(`TIEOUT_ALERTS_FILE: ${path} ${words}`),
  )

/** Names of the channels that the environment sets up. */
const channelsOf = ({ alerts }: Config): string[] => [
  'log',
  ...(alerts.webhook ? ['webhook'] : []),
  ...(alerts.slackUrl ? ['slack'] : []),
  ...(alerts.email ? ['email'] : []),
]

function settingsOf(file: RulesFile, channels: readonly string[]): AlertSettings {
  const rules = defaultAlertRules(channels)
  const { routes = rules.routes, duties = [], silences = [], digest } = file
  const selections = [...routes, ...duties, ...silences]
  return {
    accountNames: [...new Set(selections.flatMap(({ accounts }) => accounts ?? []))].sort(),
    named: Object.entries(file.channels).map(([name, channel]) => ({ ...channel, name })),
    rulesOf: (account) => ({
      channels,
      routes: rulesOfAccount(routes, account),
      // Those of the file come first: the first that says something is right.
      duties: [...rulesOfAccount(duties, account), ...DEFAULT_DUTIES],
      silences: rulesOfAccount(silences, account),
      digest: digest === null ? null : { at: digest?.at ?? DEFAULT_DIGEST_AT, to: digest?.to ?? channels },
    }),
  }
}

const CHANNEL_NAME = /^[a-z][a-z0-9-]{0,30}$/
const OWN_NAMES: readonly string[] = ['log', 'webhook', 'slack', 'email']
const NAME_LENGTH_MAX = 100

const text = (what: string) =>
  z
    .string(`set it to ${what}`)
    .transform((value) => value.trim())
    .refine((value) => value !== '' && value.length <= NAME_LENGTH_MAX && printable(value) === value, {
      message: `set it to ${what}, of at most ${NAME_LENGTH_MAX} letters`,
    })

const days = z
  .int('set it to a whole number of days')
  .min(0, 'set it to 0 or more')
  .max(3_650, 'set it to at most 3650')

const channelNames = z.array(z.string(), 'set it to a list of channels').min(1, 'name at least one channel')

const selection = {
  severity: z
    .enum(SEVERITIES, `set it to one of ${SEVERITIES.join(', ')}`)
    .nullable()
    .default(null),
  codes: z
    .array(parsedBy(parseCodes), 'set it to a list of codes')
    .min(1, 'name at least one code')
    .transform((lists) => lists.flat())
    .nullable()
    .default(null),
  accounts: z
    .array(z.string(), 'set it to a list of names')
    .min(1, 'name at least one account')
    .nullable()
    .default(null),
}

/** @param folder of the file: paths in it are relative to it */
const fileWith = (folder: string) =>
  z.strictObject({
    channels: z
      .record(
        z.string().regex(CHANNEL_NAME, 'name a channel by small letters, digits and "-"'),
        z.discriminatedUnion(
          'kind',
          [
            z.strictObject({
              kind: z.literal('slack'),
              urlFile: parsedBy((path) => readSecretFile(resolve(folder, path), 'URL', parseOutgoingUrl)),
            }),
            z.strictObject({
              kind: z.literal('email'),
              to: z
                .array(parsedBy(parseEmailAddress), 'set it to a list of addresses')
                .min(1, 'name at least one address'),
            }),
          ],
          'set its "kind" to slack or email',
        ),
      )
      .default({})
      .transform((channels) =>
        Object.fromEntries(
          Object.entries(channels).map(([name, one]) => [
            name,
            one.kind === 'slack' ? { kind: one.kind, url: one.urlFile } : one,
          ]),
        ),
      ),
    routes: z.array(z.strictObject({ ...selection, to: channelNames }), 'set it to a list of routes').optional(),
    duties: z
      .array(
        z.strictObject({
          ...selection,
          olderThanDays: days.default(0),
          owner: text('the name of a person').nullable().default(null),
          dueDays: days.nullable().default(null),
        }),
        'set it to a list of duties',
      )
      .optional(),
    silences: z
      .array(
        z
          .strictObject({
            code: parsedBy(parseCode).nullable().default(null),
            subject: parsedBy(parseSubject).nullable().default(null),
            accounts: selection.accounts,
            until: parsedBy(parseUntil),
            reason: text('why'),
          })
          .refine(({ code, subject }) => code !== null || subject !== null, {
            message: 'name a "code", a "subject" or both; to switch everything off, leave out the channel',
          }),
        'set it to a list of silences',
      )
      .optional(),
    digest: z
      .strictObject({
        at: z
          .string()
          .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'set it to a time like 07:30')
          .default(DEFAULT_DIGEST_AT),
        to: channelNames.optional(),
      })
      .nullable()
      .optional(),
  })

interface RulesFile {
  readonly channels: Readonly<Record<string, { kind: 'slack'; url: Secret } | { kind: 'email'; to: string[] }>>
  readonly routes?: readonly Route[] | undefined
  readonly duties?: AlertRules['duties'] | undefined
  readonly silences?: readonly (Silence & { accounts: readonly string[] | null })[] | undefined
  /** Null for none; what is not there is as the defaults say. */
  readonly digest?: { readonly at: string; readonly to?: readonly string[] | undefined } | null | undefined
}

/** What several keys say together, or with the environment. */
function problemsOf(file: RulesFile, config: Config): string[] {
  const problems: string[] = []
  const known = [...channelsOf(config), ...Object.keys(file.channels)]
  for (const [name, { kind }] of Object.entries(file.channels)) {
    if (OWN_NAMES.includes(name)) problems.push(`channels.${name}: this name is that of a channel of the environment`)
    if (kind === 'email' && config.alerts.email === null) {
      problems.push(`channels.${name}: set ALERT_EMAIL_URL, ALERT_EMAIL_FROM and ALERT_EMAIL_TO as well`)
    }
  }
  const lists = [
    ...(file.routes ?? []).map(({ to }, index) => [`routes[${index}].to`, to] as const),
    ...(file.digest?.to ? [['digest.to', file.digest.to] as const] : []),
  ]
  for (const [place, to] of lists) {
    for (const name of to.filter((one) => !known.includes(one))) {
      problems.push(`${place}: there is no channel "${name}"; choose from ${known.join(', ')}`)
    }
  }
  return problems
}

/** One code, or all that begin alike: `settlement_*`. */
function parseCodes(code: string): MismatchCode[] {
  const begin = code.endsWith('*') ? code.slice(0, -1) : null
  const codes = MISMATCH_CODES.filter((one) => (begin === null ? one === code : one.startsWith(begin)))
  if (codes.length > 0) return codes
  throw new Error(`"${code}" is no code; see docs/operations.md, "Mismatches"`)
}

function parseCode(code: string): MismatchCode {
  const known = MISMATCH_CODES.find((one) => one === code)
  if (known !== undefined) return known
  throw new Error(`"${code}" is no code; see docs/operations.md, "Mismatches"`)
}

function parseUntil(until: string): Silence['until'] {
  const at = parseInstant(until)
  if (at !== null) return at
  throw new Error(`"${until}" is not an instant like 2026-10-31T17:00:00Z, or with an offset like -06:00`)
}

function wordsOfIssue(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'unrecognized_keys':
      return `there is no ${issue.keys.map((key) => `"${key}"`).join(', ')}`
    case 'invalid_key':
      return issue.issues[0]?.message ?? issue.message
    default:
      return issue.message
  }
}
