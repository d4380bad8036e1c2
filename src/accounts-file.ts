import { createHash } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { readChecks } from './checks-file.ts'
import {
  type Config,
  parseCron,
  parsedBy,
  parseHistoryDays,
  parseLimits,
  parseToken,
  parseVerifierToken,
  parseZone,
  requireToken,
} from './config.ts'
import { ACCOUNT_NAME } from './domain/account-name.ts'
import { parseCloseTimes } from './domain/automatic-close.ts'
import type { CallLimits } from './domain/call-budget.ts'
import { UsageError } from './domain/operating-error.ts'
import type { Secret } from './domain/secret.ts'
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
  type SettlementTerms,
} from './domain/settlement-policy.ts'
import { checkBaseUrl, isLoopback } from './helcim/base-url.ts'
import type { CheckSettings } from './reconcile/settings.ts'
import { placeOf, readJsonFile, readSecretFile } from './settings-file.ts'

/** One merchant: everything that is not the same for all merchants of a process. */
export interface AccountSettings {
  /** Stands in the database, metrics and logs. */
  readonly name: string
  readonly token: Secret
  /** Verifies webhooks of Helcim; null where none are taken. */
  readonly webhookToken: Secret | null
  /** Without a trailing slash. */
  readonly baseUrl: string
  readonly limits: CallLimits
  /** In which its schedules and business dates are meant. */
  readonly zone: string
  readonly historyDays: number
  readonly syncCron: string
  readonly reconcileCron: string
  /** How its checks are meant. */
  readonly checks: CheckSettings
  readonly settle: {
    /** For settling alone; null for the one token that does everything. */
    readonly token: Secret | null
    readonly policy: SettlementPolicy
  }
}

/**
 * The accounts of a process: those of `TIEOUT_ACCOUNTS_FILE`, or one named `default` with `HELCIM_API_TOKEN`. What an
 * account leaves out is as the environment says; its checks are as `TIEOUT_CHECKS_FILE` says.
 * @throws UsageError that lists every problem on a line of its own, and no token
 */
export function readAccounts(config: Config): readonly AccountSettings[] {
  const checks = readChecks(config)
  if (config.accountsFile === null) {
    checks.assertAccounts([ACCOUNT_NAME])
    return [{ ...accountOfEnvironment(config), checks: checks.settingsOf(ACCOUNT_NAME) }]
  }
  const entries = parseFile(config)
  checks.assertAccounts(entries.map(({ name }) => name))
  return entries.map(({ tokenFile: _, ...entry }) => ({ ...entry, checks: checks.settingsOf(entry.name) }))
}

/** Changes whenever anything of an account does, and shows nothing of it: two readings can be compared. */
export const accountFingerprint = ({ token, webhookToken, settle, checks, ...rest }: AccountSettings): string => {
  const { byTerminal, ...policy } = settle.policy
  const settling = [checks, [...checks.rules], policy, [...byTerminal], settle.token?.reveal(), webhookToken?.reveal()]
  return createHash('sha256')
    .update(
      JSON.stringify([rest, token.reveal(), settling], (_, value) =>
        typeof value === 'bigint' ? String(value) : value,
      ),
    )
    .digest('hex')
}

const accountOfEnvironment = (config: Config): Omit<AccountSettings, 'checks'> => ({
  name: ACCOUNT_NAME,
  token: requireToken(config),
  webhookToken: config.helcim.webhookToken,
  baseUrl: config.helcim.baseUrl,
  limits: config.helcim.limits,
  zone: config.zone,
  historyDays: config.historyDays,
  syncCron: config.syncCron,
  reconcileCron: config.reconcileCron,
  settle: config.settle,
})

/** @param folder of the accounts file: paths in it are relative to it */
const entriesWith = (config: Config, folder: string) =>
  z
    .strictObject({
      accounts: z
        .array(
          z.strictObject({
            name: parsedBy(parseName),
            tokenFile: parsedBy((text) => ({ path: text, token: readToken(resolve(folder, text)) })),
            webhookTokenFile: parsedBy((text) =>
              readSecretFile(resolve(folder, text), 'verifier token', parseVerifierToken),
            ).optional(),
            baseUrl: parsedBy((text) => checkBaseUrl(text).href.replace(/\/$/, '')).prefault(config.helcim.baseUrl),
            limits: z.string().optional(),
            zone: parsedBy(parseZone).prefault(config.zone),
            historyDays: z
              .number('set it to a number')
              .transform((days, context) => parsedNumber(days, context))
              .default(config.historyDays),
            syncCron: parsedBy(parseCron).prefault(config.syncCron),
            reconcileCron: parsedBy(parseCron).prefault(config.reconcileCron),
            settle: settleEntry(folder).optional(),
          }),
          'set it to a list of accounts',
        )
        .min(1, 'name at least one account'),
    })
    .transform(({ accounts }, context) =>
      accounts.map(({ limits, tokenFile, webhookTokenFile: webhookToken = null, settle, ...account }, index) => {
        const isLocal = isLoopback(new URL(account.baseUrl))
        if (config.clock !== null && !isLocal) {
          const message = 'TIEOUT_CLOCK is set, and a simulated clock is for a Helcim on this machine only; remove it'
          context.addIssue({ code: 'custom', message, path: ['accounts', index, 'baseUrl'] })
        }
        try {
          const allowed = limits === undefined ? config.helcim.limits : parseLimits(limits, isLocal)
          return {
            ...account,
            tokenFile: tokenFile.path,
            token: tokenFile.token,
            webhookToken,
            limits: allowed,
            settle: settleOf(settle, config.settle.policy),
          }
        } catch (error) {
          context.addIssue({ code: 'custom', message: wordsOf(error), path: ['accounts', index, 'limits'] })
          return z.NEVER
        }
      }),
    )

/** Amounts are texts, so that none goes through a double; whole numbers may be either. */
const parsedNumeral = <T>(parse: (text: string) => T) =>
  z.union([z.string(), z.int().transform(String)]).pipe(parsedBy(parse))

const termEntries = {
  cron: parsedBy(parseCron).optional(),
  daysOff: parsedBy(parseDaysOff).optional(),
  ageMinutesMin: parsedNumeral(parseMinutes).optional(),
  countMin: parsedNumeral(parseCount).optional(),
  netMin: parsedNumeral(parseAmount).optional(),
  netMax: parsedNumeral(parseAmount).nullable().optional(),
  holdSeverity: parsedBy(parseSeverity).optional(),
  clearMinutes: parsedNumeral(parseMinutes).optional(),
  helcimClose: parsedBy(parseCloseTimes).optional(),
}

const settleEntry = (folder: string) =>
  z.strictObject({
    mode: parsedBy(parseMode).optional(),
    tokenFile: parsedBy((text) => readToken(resolve(folder, text))).optional(),
    kinds: parsedBy(parseKinds).optional(),
    terminals: parsedBy(parseTerminals).optional(),
    ...termEntries,
    /** By the id of a terminal. */
    byTerminal: z
      .record(z.string().regex(/^\d{1,18}$/, 'name a terminal by its id'), z.strictObject(termEntries))
      .optional(),
    ach: z.strictObject(termEntries).optional(),
  })

type SettleEntry = z.output<ReturnType<typeof settleEntry>>
type TermEntries = Pick<SettleEntry, keyof typeof termEntries>

/** What an account says about settling, over what the environment says. */
function settleOf(entry: SettleEntry | undefined, policy: SettlementPolicy): AccountSettings['settle'] {
  if (entry === undefined) return { token: null, policy }
  const { tokenFile = null, byTerminal = {}, ach = {}, mode, kinds, terminals, ...terms } = entry
  return {
    token: tokenFile,
    policy: {
      ...policy,
      ...defined({ mode, kinds, terminals }),
      ...termsOf(terms),
      byTerminal: new Map(Object.entries(byTerminal).map(([id, one]) => [BigInt(id), termsOf(one)])),
      ach: { ...policy.ach, ...termsOf(ach) },
    },
  }
}

const termsOf = (entry: TermEntries): Partial<SettlementTerms> =>
  defined({
    cron: entry.cron,
    daysOff: entry.daysOff,
    ageMsMin: entry.ageMinutesMin,
    countMin: entry.countMin,
    netMinorMin: entry.netMin,
    netMinorMax: entry.netMax,
    holdSeverity: entry.holdSeverity,
    clearMs: entry.clearMinutes,
    helcimClosesAt: entry.helcimClose,
  })

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without the keys that nothing was said for. */
const defined = <T extends object>(values: T): Defined<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>

function parsedNumber(days: number, context: z.RefinementCtx): number {
  try {
    return parseHistoryDays(String(days))
  } catch (error) {
    context.addIssue({ code: 'custom', message: wordsOf(error) })
    return z.NEVER
  }
}

type Entry = z.output<ReturnType<typeof entriesWith>>[number]

function parseFile(config: Config): Entry[] {
  const path = config.accountsFile ?? ''
  const parsed = entriesWith(config, dirname(path)).safeParse(readJson(path))
  const problems = parsed.success
    ? doubles(parsed.data)
    : parsed.error.issues.map((issue) => `${placeOf(issue.path)}: ${wordsOfIssue(issue)}`)
  if (!parsed.success || problems.length > 0) {
    throw new UsageError(problems.map((problem) => `TIEOUT_ACCOUNTS_FILE: ${path}: ${problem}`).join('\n'))
  }
  return parsed.data
}

const readJson = (path: string): unknown =>
  readJsonFile(
    path,
    'docs/operations.md, "Several merchants"',
    (words) => new UsageError(`TIEOUT_ACCOUNTS_FILE: ${path} ${words}`),
  )

/** Two entries of one merchant would spend its limits twice over. */
function doubles(entries: readonly Entry[]): string[] {
  const seen = new Map<string, string>()
  return entries.flatMap((entry) => {
    const keys = [`name "${entry.name}"`, `token of "${entry.tokenFile}"`]
    const secrets = [entry.name, entry.token.reveal()]
    const found = secrets.findIndex((secret, index) => seen.has(`${index} ${secret}`))
    for (const [index, secret] of secrets.entries()) seen.set(`${index} ${secret}`, entry.name)
    return found === -1 ? [] : [`the ${keys[found]} stands there twice; each account needs its own`]
  })
}

function parseName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text)) return text
  throw new Error('set it to letters, digits, ".", "_" and "-", at most 63 of them')
}

const readToken = (path: string): Secret => readSecretFile(path, 'API token', parseToken)

const wordsOfIssue = (issue: z.core.$ZodIssue): string =>
  issue.code === 'unrecognized_keys'
    ? `there is no ${issue.keys.map((key) => `"${key}"`).join(', ')}; a token belongs into a file of its own, see "tokenFile"`
    : issue.message

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
