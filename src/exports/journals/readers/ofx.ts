import { UnreadableFile } from '../../read-file.ts'
import { accountOf, type JournalReader } from './reader.ts'

const tag = (name: string, text: string): string | undefined => new RegExp(`<${name}>([^<\\n]*)`).exec(text)?.[1]

function isoDate(text = ''): string {
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})/.exec(text) ?? []
  if (day === undefined) throw new UnreadableFile(`"${text}" is no date like 20261031`)
  return `${year}-${month}-${day}`
}

export const readOfx: JournalReader = async function* (lines, control) {
  const account = accountOf(control)
  let currency: string | undefined
  let isFirst = true
  let isClosed = false
  for await (const line of lines) {
    if (isFirst && line !== 'OFXHEADER:100\n') throw new UnreadableFile('it does not begin as OFX does')
    isFirst = false
    currency = tag('CURDEF', line) ?? currency
    if (line.includes('</OFX>')) isClosed = true
    const isTransaction = line.startsWith('<STMTTRN>')
    const amount = tag(isTransaction ? 'TRNAMT' : 'BALAMT', line)
    if (amount === undefined) continue
    if (currency === undefined) throw new UnreadableFile('an amount stands before its currency')
    if (!isTransaction) yield { is: 'balance', account, currency, amount }
    else {
      const entry = tag('FITID', line) ?? ''
      yield { is: 'line', entry, on: isoDate(tag('DTPOSTED', line)), account, currency, amount, isOpening: false }
    }
  }
  if (!isClosed) throw new UnreadableFile('it does not end as OFX does')
}
