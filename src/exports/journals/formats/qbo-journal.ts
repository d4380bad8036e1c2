import { formatMinor } from '../../../domain/money.ts'
import { csvHead, csvLine } from '../csv.ts'
import { slashDate } from '../dates.ts'
import type { JournalFormat } from '../format.ts'

/** QuickBooks Online, Settings → Import data → Journal entries, which takes 1,000 rows at a time. */
export const qboJournal: JournalFormat = {
  name: 'qbo-journal',
  ending: 'csv',
  tells: 'journal',
  isPerCurrency: true,
  limit: { lines: 1_000 },
  nameOf: ({ name }) => name,
  head: () => csvHead('Journal No,Journal Date,Account Name,Debits,Credits,Description,Name'),
  entry: ({ number, on, words, currency, lines }) =>
    lines
      .map(({ account, amountMinor }) => {
        const amount = { amount: formatMinor(amountMinor < 0n ? -amountMinor : amountMinor, currency) }
        const sides = amountMinor < 0n ? ['', amount] : [amount, '']
        return csvLine([number, slashDate(on), account.name, ...sides, words, ''])
      })
      .join(''),
  tail: () => '',
}
