import { addDays } from '../../../domain/calendar.ts'
import { formatMinor } from '../../../domain/money.ts'
import { type FileFacts, type JournalFormat, STANDING_KEYS } from '../format.ts'
import { accountsOf } from '../load.ts'
import { openingLines } from '../opening.ts'

const amountText = (minor: bigint, currency: string) => `${formatMinor(minor, currency)} ${currency}`
const posting = (ledger: string, minor: bigint, currency: string) => `  ${ledger}  ${amountText(minor, currency)}\n`
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
    const { account, from, to, currencies, settings } = file
    const ledgers = [...new Set([...accountsOf(settings).values()].map(({ ledger }) => ledger))]
    return [
      `option "title" ${string(`Helcim, account ${account}, ${from} to ${to}`)}\n`,
      ...currencies.map((currency) => `option "operating_currency" "${currency}"\n`),
      '\n',
      ...ledgers.map(
        (ledger) => `${from} open ${ledger}${currencies.length === 0 ? '' : ` ${currencies.join(',')}`}\n`,
      ),
      '\n',
      ...openings(file),
    ].join('')
  },
  entry({ number, on, words, currency, lines, source, batches }) {
    const links = batches.map((id) => ` ^batch-${id}`).join('')
    const ids = [`  number: ${string(number)}\n`, ...(source ? [`  source: ${string(source)}\n`] : [])]
    return `${on} * ${string(words)}${links}\n${ids.join('')}${lines
      .map(({ account, amountMinor }) => posting(account.ledger, amountMinor, currency))
      .join('')}\n`
  },
  tail: ({ to, settings, currencies, closing }) =>
    currencies
      .flatMap((currency) => {
        const ledgers = new Set(STANDING_KEYS.map((key) => settings.chart[key].ledger))
        return [...ledgers].map((ledger) => {
          const stands = STANDING_KEYS.filter((key) => settings.chart[key].ledger === ledger).reduce(
            (sum, key) => sum + (closing.get(`${currency} ${key}`) ?? 0n),
            0n,
          )
          return `${addDays(to, 1)} balance ${ledger}  ${amountText(stands, currency)}\n`
        })
      })
      .join(''),
}

const openings = (file: FileFacts): string[] =>
  file.currencies.flatMap((currency) => {
    const lines = openingLines(file, currency)
    if (lines.length === 0) return []
    return [
      `${file.from} * "Opening balances"\n  opening: TRUE\n`,
      ...lines.map(({ account, amountMinor }) => posting(account.ledger, amountMinor, currency)),
      '\n',
    ]
  })
