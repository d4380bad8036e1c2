import type { CardTransaction } from '../src/domain/card-transaction.ts'
import type { DecodedRecord } from '../src/domain/record.ts'
import type { AnswerBody } from '../src/helcim/body.ts'
import { cardTransactions } from '../src/helcim/endpoints/card-transactions.ts'
import { decodePage } from '../src/helcim/page.ts'

export const ROWS_PER_PAGE = 1_000

const ROWS_PER_BATCH = 100
const BRANDS = ['MC', 'VI', 'AX']

/** Answers to `GET /card-transactions` as Helcim documents them, newest first, each page older than the one before. */
export function createBodies(countPages: number): AnswerBody[] {
  const idLast = 40_000_000 + countPages * ROWS_PER_PAGE
  return Array.from({ length: countPages }, (_, page) => {
    const rows = Array.from({ length: ROWS_PER_PAGE }, (_, row) => createRow(idLast - page * ROWS_PER_PAGE - row))
    return { text: JSON.stringify(rows), isUtf8: true }
  })
}

export async function decodePages(
  bodies: readonly AnswerBody[],
): Promise<(readonly DecodedRecord<CardTransaction>[])[]> {
  const pages: (readonly DecodedRecord<CardTransaction>[])[] = []
  for (const body of bodies) pages.push(await decode(body))
  return pages
}

/** @throws Error when a record cannot be read: then something else than ingest would be measured */
export async function decode(body: AnswerBody): Promise<readonly DecodedRecord<CardTransaction>[]> {
  const { records, undecodable } = await decodePage(cardTransactions, body)
  const [first] = undecodable
  if (first) throw new Error(`a generated record cannot be read: ${first.reason}`)
  return records
}

function createRow(id: number) {
  // Scattered as real values are, yet the same in every run.
  const scatter = (id * 2_654_435_761) % 1_000_003
  const createdAt = new Date(Date.parse('2026-09-01T08:00:00Z') + (id - 40_000_000) * 7_000)
  const isDeclined = scatter % 25 === 0
  return {
    transactionId: id,
    dateCreated: createdAt.toISOString().slice(0, 19).replace('T', ' '),
    cardBatchId: 4_000_000 + Math.floor(id / ROWS_PER_BATCH),
    status: isDeclined ? 'DECLINED' : 'APPROVED',
    user: 'Helcim System',
    type: 'purchase',
    amount: (scatter % 50_000) / 100,
    currency: 'CAD',
    avsResponse: 'X',
    cvvResponse: '',
    cardType: BRANDS[scatter % BRANDS.length],
    approvalCode: isDeclined ? '' : `T${scatter}`,
    cardToken: `${scatter.toString(16)}a9f35c2e7d41b8`,
    cardNumber: `385200${String(1_000 + (scatter % 9_000))}`,
    cardHolderName: `Cardholder ${scatter % 5_000}`,
    customerCode: `CST${1_000 + (scatter % 5_000)}`,
    invoiceNumber: `INV${id - 39_000_000}`,
    warning: '',
  }
}
