import { addDays } from '../../../domain/calendar.ts'
import { moneyText } from '../../../domain/money.ts'
import { ASSERTED_KEYS, type JournalFormat } from '../format.ts'
import { ledgersOf, openingEntries, standingOf } from '../plain-text.ts'

const posting = (ledger: string, minor: bigint, currency: string) => `  ${ledger}  ${moneyText(minor, currency)}\n`
const string = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`

/** Passes `bean-check`. Balances are asserted at the beginning of the day after, as beancount has it. */
export const beancount: JournalFormat = {
  name: 'beancount',
  ending: 'beancount',
  tells: 'journal',
  isPerCurrency: false,
  limit: {},
  nameOf: ({ ledger }) => ledger,
  head(file) {
    const { account, from, to, currencies } = file
    return [
      `option "title" ${string(`Helcim, account ${account}, ${from} to ${to}`)}\n`,
      ...currencies.map((currency) => `option "operating_currency" "${currency}"\n`),
      '\n',
      ...ledgersOf(file).map(
        (ledger) => `${from} open ${ledger}${currencies.length === 0 ? '' : ` ${currencies.join(',')}`}\n`,
      ),
      '\n',
      ...openingEntries(file, () => `${from} * "Opening balances"\n  opening: TRUE\n`, posting),
    ].join('')
  },
  entry({ number, on, words, currency, lines, source, batches }) {
    const links = batches.map((id) => ` ^batch-${id}`).join('')
    const ids = [`  number: ${string(number)}\n`, ...(source ? [`  source: ${string(source)}\n`] : [])]
    return `${on} * ${string(words)}${links}\n${ids.join('')}${lines
      .map(({ account, amountMinor }) => posting(account.ledger, amountMinor, currency))
      .join('')}\n`
  },
  tail(file) {
    const ledgers = new Set(ASSERTED_KEYS.map((key) => file.settings.chart[key].ledger))
    const on = addDays(file.to, 1)
    return file.currencies
      .flatMap((currency) =>
        [...ledgers].map(
          (ledger) => `${on} balance ${ledger}  ${moneyText(standingOf(file, ledger, currency), currency)}\n`,
        ),
      )
      .join('')
  },
}
