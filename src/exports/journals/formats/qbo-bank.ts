import { formatMinor } from '../../../domain/money.ts'
import { csvHead, csvLine } from '../csv.ts'
import { slashDate } from '../dates.ts'
import { clearingOf, type JournalFormat } from '../format.ts'

/** QuickBooks Online, the clearing account as a bank account → Upload from file: three columns, and no others. */
export const qboBank: JournalFormat = {
  name: 'qbo-bank',
  ending: 'csv',
  tells: 'statement',
  isPerCurrency: true,
  limit: { bytes: 350_000 },
  nameOf: ({ name }) => name,
  head: () => csvHead('Date,Description,Amount'),
  entry(entry) {
    const minor = clearingOf(entry)
    const amount = { amount: formatMinor(minor, entry.currency) }
    return minor === 0n ? '' : csvLine([slashDate(entry.on), `${entry.number} ${entry.words}`, amount])
  },
  tail: () => '',
}
