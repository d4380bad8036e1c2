import type { JournalName } from './format.ts'
import { readBeancount } from './readers/beancount.ts'
import { readQboBank, readQboJournal, readXeroJournal, readXeroStatement } from './readers/csv.ts'
import { readHledger } from './readers/hledger.ts'
import { readIif } from './readers/iif.ts'
import { readOfx } from './readers/ofx.ts'
import type { JournalReader } from './readers/reader.ts'

export const READERS: Readonly<Record<JournalName, JournalReader>> = {
  'xero-journal': readXeroJournal,
  'xero-statement': readXeroStatement,
  'qbo-journal': readQboJournal,
  'qbo-bank': readQboBank,
  iif: readIif,
  hledger: readHledger,
  beancount: readBeancount,
  ofx: readOfx,
}
