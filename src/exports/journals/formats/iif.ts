import { formatMinor } from '../../../domain/money.ts'
import { slashDate } from '../dates.ts'
import type { JournalFormat } from '../format.ts'

const COLUMNS = 'TRNSTYPE\tDATE\tACCNT\tNAME\tCLASS\tAMOUNT\tDOCNUM\tMEMO'
const END = 'ENDTRNS\r\n'

/** QuickBooks Desktop, File → Utilities → Import → IIF files: the first line of a block is `TRNS`, the others `SPL`. */
export const iif: JournalFormat = {
  name: 'iif',
  ending: 'iif',
  tells: 'journal',
  isPerCurrency: true,
  limit: {},
  nameOf: ({ name }) => name,
  head: () => `!TRNS\t${COLUMNS}\r\n!SPL\t${COLUMNS}\r\n!${END}`,
  entry({ number, on, words, currency, lines }) {
    const rows = lines.map(({ account, amountMinor }, index) => {
      const amount = formatMinor(amountMinor, currency)
      const cells = ['GENERAL JOURNAL', slashDate(on), account.name, '', '', amount, number, words]
      return `${index === 0 ? 'TRNS' : 'SPL'}\t${cells.join('\t')}\r\n`
    })
    return `${rows.join('')}${END}`
  },
  tail: () => '',
}
