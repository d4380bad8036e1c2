import { formatMinor } from '../../../domain/money.ts'
import { csvHead, csvLine } from '../csv.ts'
import { wordDate } from '../dates.ts'
import { clearingOf, type JournalFormat } from '../format.ts'

/** Xero, the clearing account as a bank account → Import a statement. */
export const xeroStatement: JournalFormat = {
  name: 'xero-statement',
  ending: 'csv',
  tells: 'statement',
  isPerCurrency: true,
  limit: { lines: 1_000 },
  nameOf: ({ code }) => code,
  head: () => csvHead('*Date,*Amount,Payee,Description,Reference,Check Number'),
  entry(entry) {
    const minor = clearingOf(entry)
    const amount = { amount: formatMinor(minor, entry.currency) }
    return minor === 0n ? '' : csvLine([wordDate(entry.on), amount, 'Helcim', entry.words, entry.number, ''])
  },
  tail: () => '',
}
