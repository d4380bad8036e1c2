import { moneyText } from '../../../domain/money.ts'
import { ASSERTED_KEYS, type JournalFormat } from '../format.ts'
import { ledgersOf, openingEntries, standingOf } from '../plain-text.ts'

const posting = (ledger: string, minor: bigint, currency: string) => `    ${ledger}  ${moneyText(minor, currency)}\n`

/** Passes `hledger check --strict ordereddates`. Begins with what stood before, and ends with what must stand. */
export const hledger: JournalFormat = {
  name: 'hledger',
  ending: 'journal',
  tells: 'journal',
  isPerCurrency: false,
  limit: {},
  nameOf: ({ ledger }) => ledger,
  head(file) {
    const { account, from, to, currencies } = file
    return [
      `; Helcim, account ${account}, ${from} to ${to}\n`,
      ...currencies.map((currency) => `commodity 1000.00 ${currency}\n`),
      ...ledgersOf(file).map((ledger) => `account ${ledger}\n`),
      '\n',
      ...openingEntries(file, (currency) => `${from} * Opening balances ${currency}\n    ; opening:\n`, posting),
    ].join('')
  },
  entry({ number, on, words, currency, lines, source, batches }) {
    const tags = [`number:${number}`, ...(source ? [`source:${source}`] : []), ...batches.map((id) => `batch:${id}`)]
    return `${on} * ${number} ${words}\n${tags.map((tag) => `    ; ${tag}\n`).join('')}${lines
      .map(({ account, amountMinor }) => posting(account.ledger, amountMinor, currency))
      .join('')}\n`
  },
  tail(file) {
    const { to, settings, currencies, closing } = file
    return currencies
      .flatMap((currency) =>
        ASSERTED_KEYS.filter((key) => key === 'clearing' || closing.has(`${currency} ${key}`)).map((key) => {
          const { ledger } = settings.chart[key]
          const stands = standingOf(file, ledger, currency)
          return `${to} * Balance ${currency}\n    ${ledger}  ${moneyText(0n, currency)} = ${moneyText(stands, currency)}\n\n`
        }),
      )
      .join('')
  },
}
