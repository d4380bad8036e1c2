import { cardTransactions } from '../../src/helcim/endpoints/card-transactions.ts'
import { decodePage } from '../../src/helcim/page.ts'

export const body = (text: string, isUtf8 = true) => ({ text, isUtf8 })
export const decodeTransactions = (text: string) => decodePage(cardTransactions, body(text))

export const TRANSACTION = {
  transactionId: 33888440,
  dateCreated: '2025-04-11 11:21:08',
  cardBatchId: 4662020,
  status: 'APPROVED',
  user: 'Helcim System',
  type: 'purchase',
  amount: 12.62,
  currency: 'USD',
  avsResponse: 'X',
  cvvResponse: '',
  cardType: 'VI',
  approvalCode: 'T7E8ST',
  cardToken: 'testtoken0000000000001',
  cardNumber: '4124939990',
  cardHolderName: 'John Doe',
  customerCode: 'CST1146',
  invoiceNumber: 'INV001125',
  warning: '',
}
export const BATCH = {
  id: 1,
  dateCreated: '',
  dateUpdated: '',
  dateClosed: '',
  closed: false,
  terminalId: 2,
  batchNumber: 3,
}

/** One row of a list with some fields replaced; a JSON text stands for itself, so that numbers keep their digits. */
export async function decodeOne(
  fields: Readonly<Record<string, unknown>>,
  texts: Readonly<Record<string, string>> = {},
) {
  let text = JSON.stringify({
    ...TRANSACTION,
    ...fields,
    ...Object.fromEntries(Object.keys(texts).map((key) => [key, `<${key}>`])),
  })
  for (const [key, value] of Object.entries(texts)) text = text.replace(`"<${key}>"`, value)
  const { records, undecodable } = await decodeTransactions(`[${text}]`)
  return { record: records[0], problem: undecodable[0] }
}
