import { sql } from 'drizzle-orm'
import { hasGoneBack } from '../../domain/ach.ts'
import type { BusinessDate } from '../../domain/calendar.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import type { DaysRead } from '../../domain/days-read.ts'
import type { InvoiceFacts, InvoiceMoney, InvoiceSide } from '../../domain/invoices/sides.ts'
import type { HelcimId } from '../../domain/record.ts'
import { type Row, textOf, timeOf } from '../card-money/card-row.ts'
import type { Tx } from '../client.ts'
import type { ReverseKinds } from '../movements/reverse-kinds.ts'
import { instantOf } from '../sql-values.ts'

interface Asked {
  readonly accountId: number
  readonly numbers: readonly string[]
}

interface AskedMoney extends Asked {
  readonly reverseKinds: ReverseKinds
}

const numbersIn = (numbers: readonly string[]) =>
  sql`(select json_array_elements_text(${JSON.stringify(numbers)}::json))`

/** When each Mountain day since `from` was last read completely. */
export async function loadDaysRead(
  tx: Tx,
  { accountId, resource, from }: { accountId: number; resource: string; from: BusinessDate },
): Promise<DaysRead> {
  const { rows } = await tx.execute<{ day: string; read_at: string }>(sql`
    select day::text as day, read_at from recon.covered_days
    where account_id = ${accountId} and resource = ${resource} and day >= ${from}::date`)
  return new Map(
    rows.flatMap((row): [BusinessDate, Instant][] => {
      const readAt = instantOf(row.read_at)
      return readAt === null ? [] : [[row.day as BusinessDate, readAt]]
    }),
  )
}

/** The invoices of these numbers with all that may have paid them, in a handful of statements whatever their number. */
export async function loadInvoiceSides(tx: Tx, asked: AskedMoney): Promise<InvoiceSide[]> {
  if (asked.numbers.length === 0) return []
  const invoices = await loadInvoices(tx, asked)
  const card = await loadCardMoney(tx, asked)
  const ach = await loadAchMoney(tx, asked)
  return invoices.map(({ invoice }) => {
    const isOfIts = ({ currency }: { currency: string }) => currency === invoice.currency
    const rows = (card.get(invoice.invoiceNumber) ?? []).filter(isOfIts)
    return {
      invoice,
      named: [...rows.filter(({ isNamed }) => isNamed), ...(ach.get(invoice.invoiceId) ?? []).filter(isOfIts)].map(
        ({ money }) => money,
      ),
      unnamed: rows.filter(({ isNamed }) => !isNamed).map(({ money }) => money),
    }
  })
}

const minorOf = (value: Row[string] | undefined): bigint | null =>
  value === null || value === undefined ? null : BigInt(String(value))

async function loadInvoices(tx: Tx, { accountId, numbers }: Asked): Promise<{ invoice: InvoiceFacts }[]> {
  const { rows } = await tx.execute<Row>(sql`
    select i.*, i.created_on::text as created_day, greatest(i.observed_at, c.read_at, one.at) as read_at, l.lines::text as lines
    from helcim.invoices i
    left join recon.covered_days c on c.account_id = i.account_id and c.resource = 'invoice' and c.day = i.created_on
    left join lateral (
      select max(started_at) as at from recon.pulls p
      where p.account_id = i.account_id and p.resource = 'invoice' and p.window_kind = 'code'
        and p.subject = i.invoice_number and p.state = 'complete'
    ) one on true
    left join lateral (
      select json_agg(json_build_array(quantity::text, unit_price::text, tax_minor::text, discount_minor::text)
        order by position) as lines
      from helcim.invoice_lines l where l.account_id = i.account_id and l.invoice_id = i.invoice_id
    ) l on true
    where i.account_id = ${accountId} and i.vanished_at is null and i.invoice_number in ${numbersIn(numbers)}
    order by i.invoice_id`)
  return rows.map((row) => ({
    invoice: {
      invoiceId: BigInt(String(row.invoice_id)),
      invoiceNumber: String(row.invoice_number),
      status: String(row.status),
      currency: String(row.currency),
      amountMinor: minorOf(row.amount_minor) ?? 0n,
      paidMinor: minorOf(row.paid_minor),
      dueMinor: minorOf(row.due_minor),
      createdAt: timeOf(row.created_at),
      createdOn: textOf(row.created_day) as BusinessDate | null,
      issuedAt: timeOf(row.issued_at),
      updatedAt: timeOf(row.updated_at),
      paidAt: timeOf(row.paid_at),
      readAt: timeOf(row.read_at) ?? toInstant(0),
      lines: linesOf(textOf(row.lines)),
      taxMinor: minorOf(row.tax_minor),
      discountMinor: minorOf(row.discount_minor),
      shippingMinor: minorOf(row.shipping_minor),
      tipMinor: minorOf(row.tip_minor),
      depositMinor: minorOf(row.deposit_minor),
      convenienceFeeMinor: minorOf(row.convenience_fee_minor),
      surchargingFeeMinor: minorOf(row.surcharging_fee_minor),
    },
  }))
}

function linesOf(text: string | null): InvoiceFacts['lines'] {
  if (text === null) return null
  const lines = JSON.parse(text) as (string | null)[][]
  return lines.map(([quantity = null, unitPrice = null, tax = null, discount = null]) => ({
    quantity,
    unitPrice,
    taxMinor: minorOf(tax),
    discountMinor: minorOf(discount),
  }))
}

interface OfInvoice {
  readonly isNamed: boolean
  readonly currency: string
  readonly money: InvoiceMoney
}

/** By invoice number: approved rows that name the invoice, and those by the same cards that name none. */
async function loadCardMoney(
  tx: Tx,
  { accountId, numbers, reverseKinds }: AskedMoney,
): Promise<Map<string, OfInvoice[]>> {
  const { rows } = await tx.execute<Row>(sql`
    with named as materialized (
      select * from helcim.card_transactions
      where account_id = ${accountId} and invoice_number in ${numbersIn(numbers)} and outcome = 'approved'
        and vanished_at is null and type in ('purchase', 'capture', 'refund', 'reverse', 'preauth')
    ), cards as materialized (
      select invoice_number, card_number_masked, currency, min(created_at) as first_at from named
      where card_number_masked is not null and type in ('purchase', 'capture', 'preauth') group by 1, 2, 3
    )
    select transaction_id, invoice_number as number, true as is_named, type, currency, amount_minor, created_at,
      observed_at, card_batch_id
    from named
    union all
    select t.transaction_id, c.invoice_number, false, t.type, t.currency, t.amount_minor, t.created_at, t.observed_at,
      t.card_batch_id
    -- Lateral with an offset: by their own small index, whatever the statistics of a young table say.
    from cards c cross join lateral (
      select * from helcim.card_transactions
      where account_id = ${accountId} and card_number_masked = c.card_number_masked and currency = c.currency
        and created_at >= c.first_at and invoice_number is null and type in ('capture', 'refund', 'reverse')
        and outcome = 'approved' and vanished_at is null offset 0
    ) t
    order by transaction_id`)
  const reverses = await reverseKinds.ofBatches(
    rows.flatMap((row) =>
      row.type === 'reverse' && row.card_batch_id !== null ? [BigInt(String(row.card_batch_id))] : [],
    ),
  )
  const kinds = new Map(reverses.map(({ transactionId, kind }) => [transactionId, kind]))
  const byNumber = new Map<string, OfInvoice[]>()
  for (const row of rows) {
    const amountMinor = minorOf(row.amount_minor) ?? 0n
    const transactionId = BigInt(String(row.transaction_id))
    const type = String(row.type)
    const observedAt = timeOf(row.observed_at) ?? toInstant(0)
    const number = String(row.number)
    const ofInvoice = byNumber.get(number) ?? []
    byNumber.set(number, ofInvoice)
    ofInvoice.push({
      isNamed: row.is_named === true,
      currency: String(row.currency),
      money: {
        via: 'card',
        transactionId,
        createdAt: timeOf(row.created_at) ?? toInstant(0),
        amountMinor,
        isPayment: type === 'purchase' || type === 'capture',
        changesMinor: cardChanges(type, kinds.get(transactionId) ?? null, amountMinor),
        observedAt,
        readAt: observedAt,
      },
    })
  }
  return byNumber
}

function cardChanges(type: string, kind: string | null, minor: bigint): readonly bigint[] {
  switch (type) {
    case 'purchase':
    case 'capture':
      return [minor]
    case 'refund':
      return [-minor]
    case 'reverse':
      return kind === 'sale' ? [-minor] : kind === 'refund' ? [minor] : kind === 'preauth' ? [0n] : [-minor, minor, 0n]
    default:
      return [0n]
  }
}

/** Bank payments name an invoice by its id, as `orderId` (API.md §11). Only what has cleared is money for certain. */
async function loadAchMoney(
  tx: Tx,
  { accountId, numbers }: Asked,
): Promise<Map<HelcimId, { currency: string; money: InvoiceMoney }[]>> {
  const { rows } = await tx.execute<Row>(sql`
    select t.ach_transaction_id, t.order_id, t.type, t.status_auth, t.status_clearing, t.amount_minor, t.currency,
      t.created_at, t.observed_at, greatest(t.observed_at, c.read_at) as read_at
    from helcim.invoices i
    join helcim.ach_transactions t on t.account_id = i.account_id and t.order_id = i.invoice_id and t.vanished_at is null
    left join recon.covered_days c on c.account_id = t.account_id and c.resource = 'ach_transaction' and c.day = t.created_on
    where i.account_id = ${accountId} and i.invoice_number in ${numbersIn(numbers)}
    order by t.ach_transaction_id`)
  const byInvoice = new Map<HelcimId, { currency: string; money: InvoiceMoney }[]>()
  for (const row of rows) {
    const amountMinor = minorOf(row.amount_minor) ?? 0n
    const changesMinor = achChanges(row, amountMinor)
    const money: InvoiceMoney = {
      via: 'ach',
      transactionId: BigInt(String(row.ach_transaction_id)),
      createdAt: timeOf(row.created_at) ?? toInstant(0),
      amountMinor,
      isPayment: row.type === 'WITHDRAWAL' && changesMinor.length > 0,
      changesMinor,
      observedAt: timeOf(row.observed_at) ?? toInstant(0),
      readAt: timeOf(row.read_at) ?? toInstant(0),
    }
    const id = BigInt(String(row.order_id))
    byInvoice.set(id, [...(byInvoice.get(id) ?? []), { currency: String(row.currency), money }])
  }
  return byInvoice
}

function achChanges({ type, status_auth: auth, status_clearing: clearing }: Row, minor: bigint): readonly bigint[] {
  if (auth !== 'APPROVED' || hasGoneBack(String(clearing))) return []
  const signed = type === 'WITHDRAWAL' ? minor : type === 'REVERSE' || type === 'REFUND' ? -minor : 0n
  return clearing === 'CLEARED' ? [signed] : [0n, signed]
}
