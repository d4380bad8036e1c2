import type { ChangedRows } from '../db/card-money/changed-rows.ts'
import type { Tx } from '../db/client.ts'
import { storeDue } from '../db/due-checks.ts'
import { listLonePayments } from '../db/invoices/payments-without.ts'
import { listInvoicesToJudge, listNumbersOfRows, numbersOf } from '../db/invoices/scope.ts'
import { loadInvoiceSides } from '../db/invoices/sides.ts'
import type { Examined } from '../db/mismatches.ts'
import type { ReverseKinds } from '../db/movements/reverse-kinds.ts'
import type { RunAgenda } from '../db/run-agenda.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import { createReadBetween, type DaysRead } from '../domain/days-read.ts'
import { type InvoiceFinding, type InvoiceSettings, judgeInvoice } from '../domain/invoices/judge.ts'
import type { PaymentReading } from '../domain/invoices/sides.ts'
import type { Finding } from '../domain/mismatch.ts'
import type { ReadingState } from '../domain/recurring/sides.ts'
import { type FamilyResult, roundsOf } from './family.ts'
import { wordInvoice, wordLonePayment } from './invoice-findings.ts'

const INVOICE_CODES = [
  'invoice_paid_without_payment',
  'invoice_payment_differs',
  'invoice_paid_twice',
  'invoice_total_differs',
  'invoice_overdue',
] as const satisfies readonly InvoiceFinding['code'][]
const NUMBERS_PER_ROUND = 1_000

interface Input {
  readonly accountId: number
  readonly historyFrom: BusinessDate
  readonly agenda: RunAgenda
  /** Rows of which there may be something else to say; null for everything. */
  readonly changed: ChangedRows | null
  readonly reading: ReadingState
  readonly reverseKinds: ReverseKinds
  /** When days of bank payments were read, from some days before the history on. */
  readonly achDays: DaysRead
  readonly settings: InvoiceSettings
}

/** Family E: judges the invoices that changed, that a payment names, or that are due; or all of them. */
export async function reconcileInvoices(tx: Tx, input: Input): Promise<FamilyResult> {
  const { accountId, historyFrom, agenda, changed, reverseKinds, settings } = input
  const asked = [
    ...new Set([
      ...agenda.marked('invoice'),
      ...agenda.due('invoice'),
      ...(changed === null
        ? []
        : await listNumbersOfRows(tx, { accountId, changed, cardNumbers: agenda.marked('card') })),
    ]),
  ]
  const lone = await findLonePayments(tx, input, asked)
  const said = agenda.said(INVOICE_CODES).map(BigInt)
  const numbers = changed === null ? null : asked
  const scope = await listInvoicesToJudge(tx, { accountId, numbers, from: historyFrom })
  // What was read by its number alone may be older than the history; what is said of it is held up too.
  const beyond = numbers === null ? [...asked, ...(await numbersOf(tx, { accountId, ids: said }))] : []
  const toJudge = new Set([...scope.numbers, ...beyond])
  const payments = paymentReadingOf(input)
  const findings: Finding[] = [...lone.findings]
  const rootsByCode = new Map(INVOICE_CODES.map((code) => [code, new Set(scope.plainIds.map(String))]))
  if (numbers === null) for (const ids of rootsByCode.values()) for (const id of said) ids.add(String(id))
  const dueAgain: { id: string; at: Instant }[] = []
  for (const round of roundsOf([...toJudge], NUMBERS_PER_ROUND)) {
    for (const side of await loadInvoiceSides(tx, { accountId, numbers: round, reverseKinds })) {
      const { invoiceId, invoiceNumber } = side.invoice
      const judged = judgeInvoice(side, payments, settings)
      findings.push(...judged.findings.map(wordInvoice))
      if (judged.dueAt !== null) dueAgain.push({ id: invoiceNumber, at: judged.dueAt })
      for (const [code, ids] of rootsByCode) {
        if (judged.waiting.includes(code)) ids.delete(String(invoiceId))
        else ids.add(String(invoiceId))
      }
    }
  }
  await storeDue(tx, { accountId, kind: 'invoice', judged: numbers, due: dueAgain })
  return {
    findings,
    examined: [
      lone.examined,
      ...[...rootsByCode].map(([code, ids]): Examined => ({ codes: [code], subjectRoots: [...ids] })),
    ],
    waitingIds: [],
  }
}

/** Payments that name what is not there; what was said of one holds while its invoice stays away. */
async function findLonePayments(
  tx: Tx,
  { accountId, historyFrom, agenda, changed }: Input,
  numbers: readonly string[],
): Promise<{ findings: Finding[]; examined: Examined }> {
  const codes = ['payment_without_invoice'] as const
  const said = agenda.said(codes).map(BigInt)
  const scope = { numbers: changed === null ? null : numbers, ids: said }
  const lone = await listLonePayments(tx, { accountId, scope, from: historyFrom })
  const found = lone.filter(({ transactionId, isProved }) => isProved || said.includes(transactionId))
  return {
    findings: found.map(wordLonePayment),
    examined: {
      codes,
      subjectRoots: [...new Set([...said, ...lone.map(({ transactionId }) => transactionId)])].map(String),
    },
  }
}

const paymentReadingOf = ({ historyFrom, reading, achDays }: Input): PaymentReading => ({
  now: reading.now,
  from: historyFrom,
  isCardRead: createReadBetween(reading.daysRead.card),
  isAchRead: createReadBetween(achDays),
  isAchReadable: achDays.size > 0,
})
