import { UnreadableFile } from '../../read-file.ts'
import { fromSlashDate } from './csv.ts'
import { currencyOf, type JournalReader, withoutEnd } from './reader.ts'

const HEAD = ['TRNSTYPE', 'DATE', 'ACCNT', 'NAME', 'CLASS', 'AMOUNT', 'DOCNUM', 'MEMO'].join('\t')

export const readIif: JournalReader = async function* (lines, control) {
  const currency = currencyOf(control)
  const head: string[] = []
  let isWithin = false
  for await (const line of lines) {
    const text = withoutEnd(line, '\r\n')
    const [kind = '', ...cells] = text.split('\t')
    if (kind.startsWith('!')) {
      head.push(text)
      continue
    }
    if (head.join() !== [`!TRNS\t${HEAD}`, `!SPL\t${HEAD}`, '!ENDTRNS'].join())
      throw new UnreadableFile('it does not begin with the head of a journal')
    if (kind === 'ENDTRNS' ? !isWithin : (kind === 'TRNS') === isWithin || !['TRNS', 'SPL'].includes(kind))
      throw new UnreadableFile(`${kind} stands where it may not`)
    isWithin = kind !== 'ENDTRNS'
    if (!isWithin) continue
    const [type, date = '', account = '', , , amount = '', entry = ''] = cells
    if (type !== 'GENERAL JOURNAL') throw new UnreadableFile(`${type} is no GENERAL JOURNAL`)
    yield { is: 'line', entry, on: fromSlashDate(date), account, currency, amount, isOpening: false }
  }
  if (isWithin || head.length === 0) throw new UnreadableFile('it ends within an entry')
}
