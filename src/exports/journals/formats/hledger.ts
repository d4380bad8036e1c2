import { formatMinor } from '../../../domain/money.ts'
import { type FileFacts, type JournalFormat, STANDING_KEYS } from '../format.ts'
import { accountsOf } from '../load.ts'
import { openingLines } from '../opening.ts'

const amountText = (minor: bigint, currency: string) => `${formatMinor(minor, currency)} ${currency}`
const posting = (ledger: string, minor: bigint, currency: string) => `    ${ledger}  ${amountText(minor, currency)}\n`

/** Passes `hledger check --strict ordereddates`. Begins with what stood before, and ends with what must stand. */
export const hledger: JournalFormat = {
  name: 'hledger',
  ending: 'journal',
  tells: 'journal',
  isPerCurrency: false,
  limit: {},
  nameOf: ({ ledger }) => ledger,
  head(file) {
    const { account, from, to, currencies, settings } = file
    const ledgers = [...new Set([...accountsOf(settings).values()].map(({ ledger }) => ledger))]
    return [
      `; Helcim, account ${account}, ${from} to ${to}\n`,
      ...currencies.map((currency) => `commodity 1000.00 ${currency}\n`),
      ...ledgers.map((ledger) => `account ${ledger}\n`),
      '\n',
      ...openings(file),
    ].join('')
  },
  entry({ number, on, words, currency, lines, source, batches }) {
    const tags = [`number:${number}`, ...(source ? [`source:${source}`] : []), ...batches.map((id) => `batch:${id}`)]
    return `${on} * ${number} ${words}\n${tags.map((tag) => `    ; ${tag}\n`).join('')}${lines
      .map(({ account, amountMinor }) => posting(account.ledger, amountMinor, currency))
      .join('')}\n`
  },
  tail: ({ to, settings, currencies, closing }) =>
    currencies
      .flatMap((currency) =>
        STANDING_KEYS.filter((key) => key === 'clearing' || closing.has(`${currency} ${key}`)).map((key) => {
          // What must stand is of the account, which several keys may share.
          const { ledger } = settings.chart[key]
          const stands = STANDING_KEYS.filter((other) => settings.chart[other].ledger === ledger).reduce(
            (sum, other) => sum + (closing.get(`${currency} ${other}`) ?? 0n),
            0n,
          )
          return `${to} * Balance ${currency}\n    ${ledger}  ${amountText(0n, currency)} = ${amountText(stands, currency)}\n\n`
        }),
      )
      .join(''),
}

const openings = (file: FileFacts): string[] =>
  file.currencies.flatMap((currency) => {
    const lines = openingLines(file, currency)
    if (lines.length === 0) return []
    return [
      `${file.from} * Opening balances ${currency}\n    ; opening:\n`,
      ...lines.map(({ account, amountMinor }) => posting(account.ledger, amountMinor, currency)),
      '\n',
    ]
  })
