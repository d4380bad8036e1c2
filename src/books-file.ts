import { z } from 'zod'
import { type Config, parsedBy } from './config.ts'
import { type BooksSettings, CHART_ROLES, type ChartAccount, DEFAULT_BOOKS_SETTINGS } from './domain/journal/chart.ts'
import { UsageError } from './domain/operating-error.ts'
import { placeOf, readJsonFile } from './settings-file.ts'

/** The books of an account, by its name. */
export type BooksOf = (accountName: string) => BooksSettings

/**
 * Chart of accounts and cut-off: those of `TIEOUT_BOOKS_FILE`, or the defaults. What the file leaves out is as in the
 * defaults; what it says under `accounts` holds for that merchant alone.
 * @throws UsageError that lists every problem on a line of its own, by path of the file and key
 */
export function readBooks({ booksFile: path }: Pick<Config, 'booksFile'>): BooksOf {
  if (path === null) return () => DEFAULT_BOOKS_SETTINGS
  const parsed = fileSchema.safeParse(readJsonFile(path, 'docs/accounting.md', (words) => failure(path, [words])))
  if (!parsed.success) {
    throw failure(
      path,
      parsed.error.issues.map((issue) => `${placeOf(issue.path)}: ${wordsOf(issue)}`),
    )
  }
  const { accounts, ...common } = parsed.data
  const shared = settingsOf(common, DEFAULT_BOOKS_SETTINGS)
  const own = new Map(Object.entries(accounts).map(([name, entry]) => [name, settingsOf(entry, shared)]))
  const doubles = [['', shared] as const, ...own].flatMap(([name, settings]) => findDoubles(name, settings))
  if (doubles.length > 0) throw failure(path, doubles)
  return (name) => own.get(name) ?? shared
}

/** QuickBooks parts an account from its parent by a colon, and CSV and IIF know no line breaks and tabs in names. */
const nameSchema = parsedBy((text) => {
  if (/^[^\t\r\n":]+(:[^\t\r\n":]+)*$/.test(text) && text.length <= 100 && text.trim() === text) return text
  throw new Error(
    'set it to a name like "Sales:Recurring", at most 100 characters, without quotes, tabs and line breaks',
  )
})
/** As beancount has it, which is the stricter one. */
const ledgerSchema = parsedBy((text) => {
  if (/^(Assets|Liabilities|Equity|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*)+$/.test(text)) return text
  throw new Error(
    'set it to a name like "Assets:Helcim:Clearing": Assets, Liabilities, Equity, Income or Expenses, then parts of letters, digits and "-" that begin with a capital or a digit',
  )
})
const codeSchema = parsedBy((text) => {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,9}$/.test(text)) return text
  throw new Error('set it to the code of the account in Xero: at most 10 letters, digits, ".", "_" and "-"')
})

const accountEntry = z.strictObject({
  code: codeSchema.optional(),
  name: nameSchema.optional(),
  ledger: ledgerSchema.optional(),
})

const settingsEntry = {
  cutOff: parsedBy(parseCutOff).optional(),
  xeroTaxRate: parsedBy(parseTaxRate).optional(),
  chart: z.strictObject(Object.fromEntries(CHART_ROLES.map((role) => [role, accountEntry.optional()]))).optional(),
  /** Recurring sales by plan; each needs all three. */
  plans: z
    .record(
      z.string().regex(/^\d{1,18}$/, 'name a plan by its id'),
      z.strictObject({ code: codeSchema, name: nameSchema, ledger: ledgerSchema }),
    )
    .optional(),
}

const fileSchema = z.strictObject({
  ...settingsEntry,
  accounts: z.record(z.string(), z.strictObject(settingsEntry)).default({}),
})

type Entry = Omit<z.output<typeof fileSchema>, 'accounts'>

function settingsOf({ cutOff, xeroTaxRate, chart = {}, plans }: Entry, defaults: BooksSettings): BooksSettings {
  const merged = CHART_ROLES.map((role) => [role, { ...defaults.chart[role], ...defined(chart[role]) }])
  return {
    cutOffMinutes: cutOff ?? defaults.cutOffMinutes,
    xeroTaxRate: xeroTaxRate ?? defaults.xeroTaxRate,
    chart: Object.fromEntries(merged),
    plans: plans ? new Map(Object.entries(plans).map(([id, account]) => [BigInt(id), account])) : defaults.plans,
  }
}

const defined = (entry: { [K in keyof ChartAccount]?: ChartAccount[K] | undefined } = {}): Partial<ChartAccount> =>
  Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined))

/** Two roles may share an account if they share all of its names: else one target would tell them apart and another not. */
function findDoubles(accountName: string, { chart, plans }: BooksSettings): string[] {
  const prefix = accountName === '' ? '' : `accounts.${accountName}.`
  const all: (readonly [string, ChartAccount])[] = [
    ...CHART_ROLES.map((role) => [`${prefix}chart.${role}`, chart[role]] as const),
    ...[...plans].map(([id, account]) => [`${prefix}plans.${id}`, account] as const),
  ]
  return all.flatMap(([key, account], index) =>
    all.slice(0, index).flatMap(([other, known]) => {
      const same = (['code', 'name', 'ledger'] as const).filter((field) => account[field] === known[field])
      if (same.length === 0 || same.length === 3) return []
      return [
        `${key}: its ${same.join(' and ')} is that of ${other}, and the rest is not; give it an account of its own, or all of the other one's`,
      ]
    }),
  )
}

function parseTaxRate(text: string): string {
  if (/^[A-Za-z0-9][^\t\r\n"]{0,49}$/.test(text)) return text
  throw new Error('set it to the full name of a tax rate in Xero, like "Tax Exempt (0%)"')
}

function parseCutOff(text: string): number {
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? []
  if (hours === undefined) throw new Error(`"${text}" is no time of day; set it to one like "00:00" or "17:30"`)
  return Number(hours) * 60 + Number(minutes)
}

const failure = (path: string, problems: readonly string[]) =>
  new UsageError(problems.map((problem) => `TIEOUT_BOOKS_FILE: ${path}: ${problem}`).join('\n'))

const wordsOf = (issue: z.core.$ZodIssue): string =>
  issue.code === 'unrecognized_keys' ? `there is no ${issue.keys.map((key) => `"${key}"`).join(', ')}` : issue.message
