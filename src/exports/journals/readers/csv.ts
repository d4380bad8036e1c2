import { Readable } from 'node:stream'
import { parse } from 'csv-parse'
import { UnreadableFile } from '../../read-file.ts'
import { accountOf, currencyOf, type JournalReader, type ReadItem } from './reader.ts'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `31 Oct 2026` → `2026-10-31` */
function fromWordDate(text: string): string {
  const [, day = '', name = '', year = ''] = /^(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})$/.exec(text) ?? []
  const month = MONTHS.indexOf(name) + 1
  if (month === 0) throw new UnreadableFile(`"${text}" is no date like 31 Oct 2026`)
  return `${year}-${String(month).padStart(2, '0')}-${day.padStart(2, '0')}`
}

/** `10/31/2026` → `2026-10-31` */
export function fromSlashDate(text: string): string {
  const [, month, day, year] = /^(\d{2})\/(\d{2})\/(\d{4})$/.exec(text) ?? []
  if (year === undefined) throw new UnreadableFile(`"${text}" is no date like 10/31/2026`)
  return `${year}-${month}-${day}`
}

/** Rows of a CSV file with this head, cells by their place. */
async function* rowsOf(lines: AsyncIterable<string>, head: readonly string[]): AsyncGenerator<string[]> {
  const parser = Readable.from(lines).pipe(parse({ record_delimiter: '\r\n' }))
  let isHead = true
  try {
    for await (const row of parser as AsyncIterable<string[]>) {
      if (isHead && row.join() !== head.join()) throw new UnreadableFile(`its columns are ${row.join()}`)
      if (!isHead) yield row
      isHead = false
    }
  } catch (cause) {
    if (cause instanceof UnreadableFile) throw cause
    throw new UnreadableFile(`it is no CSV: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
  if (isHead) throw new UnreadableFile('it has no columns')
}

const csvReader = (
  head: readonly string[],
  itemOf: (
    cells: readonly string[],
  ) => Omit<ReadItem & { is: 'line' }, 'is' | 'currency' | 'isOpening' | 'account'> & { account?: string },
): JournalReader =>
  async function* (lines, control) {
    const common = { is: 'line', currency: currencyOf(control), isOpening: false } as const
    for await (const row of rowsOf(lines, head)) yield { ...common, account: accountOf(control), ...itemOf(row) }
  }

export const readXeroJournal = csvReader(
  [
    '*Narration',
    '*Date',
    'Description',
    '*AccountCode',
    '*TaxRate',
    '*Amount',
    'TrackingName1',
    'TrackingOption1',
    'TrackingName2',
    'TrackingOption2',
  ],
  ([narration = '', date = '', , account = '', , amount = '']) => ({
    entry: `${narration} ${date}`,
    on: fromWordDate(date),
    account,
    amount,
  }),
)

export const readXeroStatement = csvReader(
  ['*Date', '*Amount', 'Payee', 'Description', 'Reference', 'Check Number'],
  ([date = '', amount = '', , , reference = '']) => ({ entry: reference, on: fromWordDate(date), amount }),
)

export const readQboJournal = csvReader(
  ['Journal No', 'Journal Date', 'Account Name', 'Debits', 'Credits', 'Description', 'Name'],
  ([entry = '', date = '', account = '', debit = '', credit = '']) => {
    if ((debit === '') === (credit === '') || /^-/.test(debit + credit))
      throw new UnreadableFile(`entry ${entry}: one positive side of two is due, there are "${debit}" and "${credit}"`)
    return { entry, on: fromSlashDate(date), account, amount: debit === '' ? `-${credit}` : debit }
  },
)

export const readQboBank = csvReader(
  ['Date', 'Description', 'Amount'],
  ([date = '', description = '', amount = '']) => ({
    entry: description,
    on: fromSlashDate(date),
    amount,
  }),
)
