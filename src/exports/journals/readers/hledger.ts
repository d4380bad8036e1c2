import { UnreadableFile } from '../../read-file.ts'
import { type JournalReader, withoutEnd } from './reader.ts'

const ENTRY = /^(\d{4}-\d{2}-\d{2}) \* (.+)$/
const POSTING = /^ {4}(\S.*?) {2,}(-?[\d.]+) ([A-Z]{3})(?: = (-?[\d.]+) ([A-Z]{3}))?$/

export const readHledger: JournalReader = async function* (lines) {
  let [on, entry, isOpening] = ['', '', false]
  for await (const line of lines) {
    const text = withoutEnd(line, '\n')
    const [isEntry, date = '', words = ''] = ENTRY.exec(text) ?? []
    if (isEntry !== undefined) [on, entry, isOpening] = [date, words, false]
    else if (text === '    ; opening:') isOpening = true
    else if (text !== '' && !/^(;|commodity |account | {4};)/.test(text)) {
      const [, account, amount, currency, stands, of] = POSTING.exec(text) ?? []
      if (account === undefined || amount === undefined || currency === undefined || entry === '')
        throw new UnreadableFile(`a line is none of a journal: ${text.slice(0, 80)}`)
      yield { is: 'line', entry, on, account, currency, amount, isOpening }
      if (stands !== undefined && of !== undefined) yield { is: 'balance', account, currency: of, amount: stands }
    }
  }
}
