import { type FileFacts, STANDING_KEYS } from './format.ts'
import { accountsOf } from './load.ts'
import { openingLines } from './opening.ts'

/** What hledger and beancount, which keep books as plain text, write in the same way. */

/** Names of all accounts; those that share one are one. */
export const ledgersOf = ({ settings }: FileFacts): readonly string[] => [
  ...new Set([...accountsOf(settings).values()].map(({ ledger }) => ledger)),
]

/** What must stand on an account at the end: of all keys that share it. */
export const standingOf = ({ settings, closing }: FileFacts, ledger: string, currency: string): bigint =>
  STANDING_KEYS.filter((key) => settings.chart[key].ledger === ledger).reduce(
    (sum, key) => sum + (closing.get(`${currency} ${key}`) ?? 0n),
    0n,
  )

/** An entry for each currency in which something stood before the first day. */
export const openingEntries = (
  file: FileFacts,
  headOf: (currency: string) => string,
  posting: (ledger: string, minor: bigint, currency: string) => string,
): string[] =>
  file.currencies.flatMap((currency) => {
    const lines = openingLines(file, currency)
    if (lines.length === 0) return []
    return [
      headOf(currency),
      ...lines.map(({ account, amountMinor }) => posting(account.ledger, amountMinor, currency)),
      '\n',
    ]
  })
