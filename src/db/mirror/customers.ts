import type { Customer, CustomerCard } from '../../domain/customer.ts'
import { defineParts, type MirrorTable } from './mirror-table.ts'
import { timeColumns } from './time-columns.ts'

export const customerMirror: MirrorTable<Customer> = {
  resource: 'customer',
  table: 'helcim.customers',
  idColumn: 'customer_id',
  columns: [
    { name: 'customer_id', type: 'bigint', of: (c) => c.customerId },
    { name: 'customer_code', type: 'text', of: (c) => c.code },
    { name: 'business_name', type: 'text', of: (c) => c.businessName },
    { name: 'contact_name', type: 'text', of: (c) => c.contactName },
    { name: 'cellphone', type: 'text', of: (c) => c.cellphone },
    ...timeColumns<Customer>('created', (c) => c.created),
    ...timeColumns<Customer>('updated', (c) => c.updated),
  ],
  parts: [
    defineParts<Customer, CustomerCard>({
      table: 'helcim.customer_cards',
      of: (c) => c.cards,
      columns: [
        { name: 'card_id', type: 'bigint', of: (c) => c.cardId },
        { name: 'card_holder_name', type: 'text', of: (c) => c.holderName },
        { name: 'card_number_masked', type: 'text', of: (c) => c.numberMasked },
        { name: 'card_token', type: 'text', of: (c) => c.cardToken, isCutOut: true },
        { name: 'card_expiry', type: 'text', of: (c) => c.expiry },
        { name: 'is_default', type: 'boolean', of: (c) => c.isDefault },
        ...timeColumns<CustomerCard>('created', (c) => c.created),
        ...timeColumns<CustomerCard>('updated', (c) => c.updated),
      ],
    }),
  ],
  watched: ['customer_code'],
  dateColumn: null,
  codeColumn: 'customer_code',
  marks: null,
}
