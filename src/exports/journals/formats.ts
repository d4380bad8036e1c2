import type { JournalFormat, JournalName } from './format.ts'
import { beancount } from './formats/beancount.ts'
import { hledger } from './formats/hledger.ts'
import { iif } from './formats/iif.ts'
import { ofx } from './formats/ofx.ts'
import { qboBank } from './formats/qbo-bank.ts'
import { qboJournal } from './formats/qbo-journal.ts'
import { xeroJournal } from './formats/xero-journal.ts'
import { xeroStatement } from './formats/xero-statement.ts'

const BY_NAME = {
  'xero-journal': xeroJournal,
  'xero-statement': xeroStatement,
  'qbo-journal': qboJournal,
  'qbo-bank': qboBank,
  iif,
  hledger,
  beancount,
  ofx,
} as const satisfies Record<JournalName, JournalFormat>

export const JOURNALS: readonly JournalFormat[] = Object.values(BY_NAME)

export const journalOf = (name: JournalName): JournalFormat => BY_NAME[name]
