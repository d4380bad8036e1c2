import { UnreadableFile } from '../../read-file.ts'
import { type JournalReader, withoutEnd } from './reader.ts'

const ENTRY = /^(\d{4}-\d{2}-\d{2}) \* "(.*?)"( \^\S+)*$/
const POSTING = /^ {2}([A-Z]\S*) {2}(-?[\d.]+) ([A-Z]{3})$/
const BALANCE = /^\d{4}-\d{2}-\d{2} balance (\S+) {2}(-?[\d.]+) ([A-Z]{3})$/

export const readBeancount: JournalReader = async function* (lines) {
  let [on, entry, isOpening, count] = ['', '', false, 0]
  for await (const line of lines) {
    const text = withoutEnd(line, '\n')
    const [isEntry, date = '', words = ''] = ENTRY.exec(text) ?? []
    if (isEntry !== undefined) {
      count += 1
      on = date
      entry = `${count} ${words}`
      isOpening = false
      continue
    }
    if (text === '  opening: TRUE') isOpening = true
    if (text === '' || /^option | open | {2}[a-z]+: /.test(text)) continue
    const [, stands, balance, of] = BALANCE.exec(text) ?? []
    if (stands !== undefined && balance !== undefined && of !== undefined) {
      yield { is: 'balance', account: stands, currency: of, amount: balance }
      continue
    }
    const [, account, amount, currency] = POSTING.exec(text) ?? []
    if (account === undefined || amount === undefined || currency === undefined || entry === '')
      throw new UnreadableFile(`a line is none of a journal: ${text.slice(0, 80)}`)
    yield { is: 'line', entry, on, account, currency, amount, isOpening }
  }
}
