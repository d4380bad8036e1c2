import { formatMinor } from '../../../domain/money.ts'
import { csvHead, csvLine } from '../csv.ts'
import { wordDate } from '../dates.ts'
import type { JournalFormat } from '../format.ts'

const HEAD =
  '*Narration,*Date,Description,*AccountCode,*TaxRate,*Amount,TrackingName1,TrackingOption1,TrackingName2,TrackingOption2'

/** Xero, Accounting → Manual journals → Import: lines of one narration and date are one journal. */
export const xeroJournal: JournalFormat = {
  name: 'xero-journal',
  ending: 'csv',
  tells: 'journal',
  isPerCurrency: true,
  limit: { lines: 300 },
  nameOf: ({ code }) => code,
  head: () => csvHead(HEAD),
  entry: ({ number, on, words, currency, lines }, { settings }) =>
    lines
      .map(({ account, amountMinor }) =>
        csvLine([
          `${number} ${words}`,
          wordDate(on),
          words,
          account.code,
          settings.xeroTaxRate,
          { amount: formatMinor(amountMinor, currency) },
          '',
          '',
          '',
          '',
        ]),
      )
      .join(''),
  tail: () => '',
}
