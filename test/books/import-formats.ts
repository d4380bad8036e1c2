import { readFile } from 'node:fs/promises'
import Papa from 'papaparse'

/** Journals as a target would read them, from what EXPORTS.md says of its format alone. */
export interface ImportedLine {
  readonly entry: string
  readonly on: string
  readonly account: string
  /** Cents, debit positive. */
  readonly minor: bigint
}

const HEADS = {
  'xero-journal':
    '*Narration,*Date,Description,*AccountCode,*TaxRate,*Amount,TrackingName1,TrackingOption1,TrackingName2,TrackingOption2',
  'xero-statement': '*Date,*Amount,Payee,Description,Reference,Check Number',
  'qbo-journal': 'Journal No,Journal Date,Account Name,Debits,Credits,Description,Name',
  'qbo-bank': 'Date,Description,Amount',
} as const
const LINES_MAX = { 'xero-journal': 300, 'xero-statement': 1_000 } as const

function cents(text: string): bigint {
  if (!/^-?\d+\.\d\d$/.test(text)) throw new Error(`"${text}" is no amount`)
  return BigInt(text.replace('.', ''))
}

function iso(text: string): string {
  const slashes = /^(\d\d)\/(\d\d)\/(\d{4})$/.exec(text)
  if (slashes) return `${slashes[3]}-${slashes[1]}-${slashes[2]}`
  if (!/^\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}$/.test(text))
    throw new Error(`"${text}" is no date`)
  return new Date(`${text} UTC`).toISOString().slice(0, 10)
}

/** Reads a file, holding it to its format. @throws Error with what is wrong */
export async function importFile(path: string, format: keyof typeof HEADS | 'iif'): Promise<ImportedLine[]> {
  const bytes = await readFile(path)
  const text = bytes.toString('utf8')
  if (/(^|[^\r])\n/.test(text)) throw new Error('a line ends without CR')
  if (format === 'iif') return importIif(text)
  if (format === 'qbo-bank' && bytes.length > 350 * 1024) throw new Error(`${bytes.length} bytes`)
  const { data, errors } = Papa.parse<string[]>(text.replace(/\r\n$/, ''), { newline: '\r\n' })
  if (errors.length > 0) throw new Error(JSON.stringify(errors[0]))
  const max = format in LINES_MAX ? LINES_MAX[format as keyof typeof LINES_MAX] : Infinity
  if (data.length > max) throw new Error(`${data.length} lines`)
  const [head = [], ...rows] = data
  if (head.join(',') !== HEADS[format]) throw new Error(`the head is ${head}`)
  return rows.map((cells) => {
    if (cells.length !== head.length) throw new Error(`a row of ${cells.length} cells`)
    const cell = (name: string) => cells[head.indexOf(name)] ?? ''
    if (format === 'xero-journal') {
      if (cell('*TaxRate') === '') throw new Error('a tax rate is due')
      const entry = `${cell('*Narration')} ${cell('*Date')}`
      return { entry, on: iso(cell('*Date')), account: cell('*AccountCode'), minor: cents(cell('*Amount')) }
    }
    if (format === 'qbo-journal') {
      const [debit, credit, entry] = [cell('Debits'), cell('Credits'), cell('Journal No')]
      if ((debit === '') === (credit === '') || entry.length > 21 || entry === '') throw new Error(`entry ${entry}`)
      if (/^-/.test(debit + credit)) throw new Error('amounts are positive')
      const minor = debit === '' ? -cents(credit) : cents(debit)
      return { entry, on: iso(cell('Journal Date')), account: cell('Account Name'), minor }
    }
    const [date, amount] = format === 'qbo-bank' ? [cell('Date'), cell('Amount')] : [cell('*Date'), cell('*Amount')]
    return { entry: '', on: iso(date), account: 'clearing', minor: cents(amount) }
  })
}

function importIif(text: string): ImportedLine[] {
  const columns = 'TRNSTYPE\tDATE\tACCNT\tNAME\tCLASS\tAMOUNT\tDOCNUM\tMEMO'
  const head = `!TRNS\t${columns}\r\n!SPL\t${columns}\r\n!ENDTRNS\r\n`
  if (!text.startsWith(head)) throw new Error('the head is another one')
  const blocks = text.slice(head.length).split('ENDTRNS\r\n')
  if (blocks.pop() !== '') throw new Error('it ends within a block')
  return blocks.flatMap((block, index) =>
    block
      .trimEnd()
      .split('\r\n')
      .map((line, place) => {
        const [kind, type, date = '', account = '', , , amount = ''] = line.split('\t')
        if (kind !== (place === 0 ? 'TRNS' : 'SPL') || type !== 'GENERAL JOURNAL') throw new Error(line)
        return { entry: String(index), on: iso(date), account, minor: cents(amount) }
      }),
  )
}
