import { z } from 'zod'
import { type Config, parsedBy } from './config.ts'
import { toBusinessDate } from './domain/calendar.ts'
import type { CodeRule, CodeRules, Tolerance } from './domain/check-rules.ts'
import { MISMATCH_CODES, type MismatchCode, SEVERITIES } from './domain/mismatch.ts'
import { UsageError } from './domain/operating-error.ts'
import { parseAmount } from './domain/settlement-policy.ts'
import { type CheckSettings, DEFAULT_CHECK_SETTINGS } from './reconcile/settings.ts'
import { placeOf, readJsonFile } from './settings-file.ts'

/** What is checked how, by account. */
export interface Checks {
  settingsOf(account: string): CheckSettings
  /** @throws UsageError when the file names an account that is not among these */
  assertAccounts(names: readonly string[]): void
}

/**
 * Reads `TIEOUT_CHECKS_FILE`, or gives the defaults where none is set.
 * @throws UsageError that lists every problem on a line of its own, by file and place
 */
export function readChecks({ checksFile: path }: Pick<Config, 'checksFile'>): Checks {
  if (path === null) return { settingsOf: () => DEFAULT_CHECK_SETTINGS, assertAccounts: () => {} }
  const parsed = fileSchema.safeParse(readJson(path))
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${placeOf(issue.path)}: ${wordsOf(issue)}`)
    throw new UsageError(problems.map((problem) => `TIEOUT_CHECKS_FILE: ${path}: ${problem}`).join('\n'))
  }
  const { checks = {}, accounts = {} } = parsed.data
  return {
    settingsOf: (name) => settingsWith(merged(checks, accounts[name]?.checks ?? {})),
    assertAccounts(names) {
      const unknown = Object.keys(accounts).filter((name) => !names.includes(name))
      if (unknown.length === 0) return
      const problems = unknown.map(
        (name) => `accounts.${name}: there is no such account; choose from ${names.join(', ')}`,
      )
      throw new UsageError(problems.map((problem) => `TIEOUT_CHECKS_FILE: ${path}: ${problem}`).join('\n'))
    },
  }
}

const duration = parsedBy((text) => {
  const [, count = '', unit = ''] = /^(\d{1,4})(m|h|d)$/.exec(text) ?? []
  if (count === '') throw new Error(`"${text}" is no duration; set it to one like 30m, 24h or 7d`)
  return Number(count) * { m: 60_000, h: 3_600_000, d: 86_400_000 }[unit as 'm' | 'h' | 'd']
})
const days = parsedBy((text) => {
  const [, count = ''] = /^(\d{1,4})d$/.exec(text) ?? []
  if (count === '') throw new Error(`"${text}" is no number of days; set it to one like 180d`)
  return Number(count)
})
const amount = parsedBy(parseAmount)
const share = parsedBy((text) => {
  const [, whole = '', part = ''] = /^(\d{1,2})(?:\.(\d{1,4}))?%$/.exec(text) ?? []
  if (whole === '') throw new Error(`"${text}" is no share; set it to one like 0.5%`)
  return BigInt(`${whole}${part.padEnd(4, '0')}`)
})
const date = parsedBy(toBusinessDate)
const severity = z.enum(SEVERITIES, `set it to one of ${SEVERITIES.join(', ')}`)

/** What every code takes. */
const common = {
  severity: severity.optional(),
  raise: z.array(z.strictObject({ from: amount, severity })).optional(),
}
/** Of codes that compare two amounts of which a difference may be none. */
const tolerant = { toleranceAmount: amount.optional(), toleranceShare: share.optional() }
const graced = { grace: duration.optional() }
const windowed = { window: duration.optional() }

/** Keys beside the common ones, by code. */
const KEYS = {
  pull_incomplete: graced,
  card_batch_total_differs: tolerant,
  card_batch_open_too_long: { ...graced, graceHigh: duration.optional() },
  ach_batch_total_differs: tolerant,
  ach_clearing_overdue: { bankingDays: z.int().min(1).max(60).optional(), bankHolidays: z.array(date).optional() },
  charge_missing: { ...graced, windowBefore: duration.optional(), windowAfter: duration.optional() },
  charge_overdue: graced,
  charge_amount_differs: { ...windowed, ...tolerant },
  charge_duplicated: windowed,
  charge_ambiguous: windowed,
  price_differs_from_plan: tolerant,
  refund_without_original: { window: days.optional() },
  reverse_after_close: windowed,
  transaction_duplicated: windowed,
  invoice_payment_differs: tolerant,
  invoice_total_differs: tolerant,
  invoice_overdue: graced,
  settlement_unconfirmed: graced,
  settlement_overdue: graced,
} as const satisfies Partial<Record<MismatchCode, z.ZodRawShape>>

const codeSchema = z.strictObject({ ...common, ...tolerant, ...graced, ...windowed }).partial()
const keysOf = (code: MismatchCode): z.ZodRawShape => (code in KEYS ? KEYS[code as keyof typeof KEYS] : {})
const checksSchema = z.strictObject(
  Object.fromEntries(MISMATCH_CODES.map((code) => [code, z.strictObject({ ...common, ...keysOf(code) }).optional()])),
)
const fileSchema = z.strictObject({
  checks: checksSchema.optional(),
  accounts: z.record(z.string(), z.strictObject({ checks: checksSchema.optional() })).optional(),
})

/** One code's settings as checked; each key only where its code takes it. */
type CodeEntry = Partial<z.output<typeof codeSchema>> & {
  readonly graceHigh?: number
  readonly windowBefore?: number
  readonly windowAfter?: number
  readonly bankingDays?: number
  readonly bankHolidays?: readonly string[]
}
type Entries = Partial<Record<MismatchCode, CodeEntry>>

/** What an account says of a code goes key by key over what is said for all. */
function merged(base: Entries, own: Entries): Entries {
  const codes = MISMATCH_CODES.filter((code) => base[code] || own[code])
  return Object.fromEntries(codes.map((code) => [code, { ...base[code], ...own[code] }]))
}

function settingsWith(entries: Entries): CheckSettings {
  const of = (code: MismatchCode): CodeEntry => entries[code] ?? {}
  const base = DEFAULT_CHECK_SETTINGS
  const { recurring, cardMoney, invoices, ach } = base
  return {
    ...base,
    pullIncompleteMs: of('pull_incomplete').grace ?? base.pullIncompleteMs,
    batchOpenMediumMs: of('card_batch_open_too_long').grace ?? base.batchOpenMediumMs,
    batchOpenHighMs: of('card_batch_open_too_long').graceHigh ?? base.batchOpenHighMs,
    settlementUnconfirmedMs: of('settlement_unconfirmed').grace ?? base.settlementUnconfirmedMs,
    settlementOverdueMs: of('settlement_overdue').grace ?? base.settlementOverdueMs,
    recurring: {
      ...recurring,
      missingAfterMs: of('charge_missing').grace ?? recurring.missingAfterMs,
      windowBeforeMs: of('charge_missing').windowBefore ?? recurring.windowBeforeMs,
      windowAfterMs: of('charge_missing').windowAfter ?? recurring.windowAfterMs,
      overdueAfterMs: of('charge_overdue').grace ?? recurring.overdueAfterMs,
      nearMs: of('charge_amount_differs').window ?? recurring.nearMs,
      duplicateMs: of('charge_duplicated').window ?? recurring.duplicateMs,
      repeatMs: of('charge_ambiguous').window ?? recurring.repeatMs,
      tolerance: toleranceOf(of('charge_amount_differs')),
    },
    cardMoney: {
      originalWithinDays: of('refund_without_original').window ?? cardMoney.originalWithinDays,
      settledWithinMs: of('reverse_after_close').window ?? cardMoney.settledWithinMs,
      repeatedWithinMs: of('transaction_duplicated').window ?? cardMoney.repeatedWithinMs,
    },
    invoices: { ...invoices, overdueAfterMs: of('invoice_overdue').grace ?? invoices.overdueAfterMs },
    ach: {
      clearingBankingDays: of('ach_clearing_overdue').bankingDays ?? ach.clearingBankingDays,
      bankHolidays: of('ach_clearing_overdue').bankHolidays ?? ach.bankHolidays,
    },
    rules: rulesOf(entries),
  }
}

const rulesOf = (entries: Entries): CodeRules =>
  new Map(
    MISMATCH_CODES.flatMap((code): [MismatchCode, CodeRule][] => {
      const entry = entries[code]
      if (!entry) return []
      const raise = (entry.raise ?? []).map(({ from, severity: raised }) => ({ fromMinor: from, severity: raised }))
      return [[code, { severity: entry.severity ?? null, raise, tolerance: toleranceOf(entry) }]]
    }),
  )

function toleranceOf({ toleranceAmount, toleranceShare }: CodeEntry): Tolerance | null {
  if (toleranceAmount === undefined && toleranceShare === undefined) return null
  return { amountMinor: toleranceAmount ?? 0n, sharePpm: toleranceShare ?? 0n }
}

const readJson = (path: string): unknown =>
  readJsonFile(path, 'docs/checks.md, "Settings"', (words) => new UsageError(`TIEOUT_CHECKS_FILE: ${path} ${words}`))

const wordsOf = (issue: z.core.$ZodIssue): string => {
  if (issue.code !== 'unrecognized_keys') return issue.message
  const keys = issue.keys.map((key) => `"${key}"`).join(', ')
  const isOfChecks = issue.path.at(-1) === 'checks'
  return isOfChecks
    ? `there is no check ${keys}; docs/checks.md lists them`
    : `there is no ${keys}; docs/checks.md, "Settings", lists what this takes`
}
