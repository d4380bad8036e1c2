import type { Invoice, InvoiceLine } from '../../domain/invoice.ts'
import { defineParts, type MirrorTable } from './mirror-table.ts'
import { dayOf, timeColumns } from './time-columns.ts'

type Line = InvoiceLine & Pick<Invoice, 'currency'>

export const invoiceMirror: MirrorTable<Invoice> = {
  resource: 'invoice',
  table: 'helcim.invoices',
  idColumn: 'invoice_id',
  columns: [
    { name: 'invoice_id', type: 'bigint', of: (i) => i.invoiceId },
    { name: 'invoice_number', type: 'text', of: (i) => i.invoiceNumber },
    { name: 'invoice_token', type: 'text', of: (i) => i.invoiceToken, isCutOut: true },
    { name: 'type', type: 'text', of: (i) => i.type },
    { name: 'status', type: 'text', of: (i) => i.status },
    { name: 'currency', type: 'text', of: (i) => i.currency },
    { name: 'customer_id', type: 'bigint', of: (i) => i.customerId },
    { name: 'amount_minor', type: 'bigint', of: (i) => i.amountMinor },
    { name: 'paid_minor', type: 'bigint', of: (i) => i.paidMinor },
    { name: 'due_minor', type: 'bigint', of: (i) => i.dueMinor },
    { name: 'tip_minor', type: 'bigint', of: (i) => i.tipMinor },
    { name: 'deposit_minor', type: 'bigint', of: (i) => i.depositMinor },
    { name: 'tax_minor', type: 'bigint', of: (i) => i.taxMinor },
    { name: 'discount_minor', type: 'bigint', of: (i) => i.discountMinor },
    { name: 'shipping_minor', type: 'bigint', of: (i) => i.shippingMinor },
    { name: 'convenience_fee_minor', type: 'bigint', of: (i) => i.convenienceFeeMinor },
    { name: 'surcharging_fee_minor', type: 'bigint', of: (i) => i.surchargingFeeMinor },
    ...timeColumns<Invoice>('created', (i) => i.created),
    { name: 'created_on', type: 'date', of: (i) => dayOf(i.created) },
    ...timeColumns<Invoice>('updated', (i) => i.updated),
    ...timeColumns<Invoice>('paid', (i) => i.paid),
    ...timeColumns<Invoice>('issued', (i) => i.issued),
    { name: 'notes', type: 'text', of: (i) => i.notes },
  ],
  parts: [
    defineParts<Invoice, Line>({
      table: 'helcim.invoice_lines',
      of: ({ lines, currency }) => lines?.map((line) => ({ ...line, currency })) ?? null,
      columns: [
        { name: 'description', type: 'text', of: (l) => l.description },
        { name: 'sku', type: 'text', of: (l) => l.sku },
        { name: 'quantity', type: 'numeric', of: (l) => l.quantity },
        { name: 'unit_price', type: 'numeric', of: (l) => l.unitPrice },
        { name: 'tax_minor', type: 'bigint', of: (l) => l.taxMinor },
        { name: 'discount_minor', type: 'bigint', of: (l) => l.discountMinor },
        { name: 'currency', type: 'text', of: (l) => l.currency },
      ],
    }),
  ],
  watched: ['status', 'currency', 'amount_minor', 'paid_minor', 'due_minor'],
  dateColumn: 'created_on',
  codeColumn: 'invoice_number',
  marks: [
    { kind: 'customer', column: 'customer_id', subjects: 'by_customer' },
    { kind: 'books_invoice', column: 'invoice_number', subjects: 'itself' },
    { kind: 'invoice', column: 'invoice_number', subjects: 'itself' },
  ],
}
