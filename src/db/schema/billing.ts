import { sql } from 'drizzle-orm'
import { type AnyPgColumn, boolean, date, index, integer, numeric, primaryKey, text } from 'drizzle-orm/pg-core'
import { accountId, instant, int64, mirrored } from './columns.ts'
import { helcim } from './helcim.ts'

/**
 * The mirror of what surrounds card data: customers, invoices, the Recurring API and ACH. Amounts are minor units. Parts
 * of a record (cards, lines, payments, add-ons) are rows by their place in it, and go with what is kept of the record.
 */

/** Both forms of a time: the instant that we understood, and the text as received. */
const time = <N extends string>(name: N) => ({
  [`${name}At`]: instant(`${name}_at`),
  [`${name}AtText`]: text(`${name}_at_text`).notNull(),
})

/** Cost of looking for faults follows their number. */
const faultIndexes = (name: string, { account, id }: { account: AnyPgColumn; id: AnyPgColumn }) => [
  index(`${name}_unknown`).on(account, id).where(sql`unknown_values is not null`),
  index(`${name}_vanished`).on(account, id).where(sql`vanished_at is not null`),
]

export const customers = helcim.table(
  'customers',
  {
    accountId: accountId(),
    customerId: int64('customer_id').notNull(),
    customerCode: text('customer_code').notNull(),
    businessName: text('business_name'),
    contactName: text('contact_name'),
    cellphone: text('cellphone'),
    ...time('created'),
    ...time('updated'),
    ...mirrored(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.customerId] }),
    index('customers_code').on(t.accountId, t.customerCode),
    ...faultIndexes('customers', { account: t.accountId, id: t.customerId }),
  ],
)

export const customerCards = helcim.table(
  'customer_cards',
  {
    accountId: accountId(),
    customerId: int64('customer_id').notNull(),
    position: integer('position').notNull(),
    cardId: int64('card_id').notNull(),
    cardHolderName: text('card_holder_name'),
    cardNumberMasked: text('card_number_masked'),
    /** Secret: not granted to the reader role, cut out of the customer's `raw`. */
    cardToken: text('card_token'),
    cardExpiry: text('card_expiry'),
    isDefault: boolean('is_default').notNull(),
    ...time('created'),
    ...time('updated'),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.customerId, t.position] })],
)

export const invoices = helcim.table(
  'invoices',
  {
    accountId: accountId(),
    invoiceId: int64('invoice_id').notNull(),
    invoiceNumber: text('invoice_number').notNull(),
    /** Secret: opens the invoice's page; not granted to the reader role, cut out of `raw`. */
    invoiceToken: text('invoice_token'),
    type: text('type').notNull(),
    status: text('status').notNull(),
    currency: text('currency').notNull(),
    /** null when nobody's (Helcim says 0). */
    customerId: int64('customer_id'),
    amountMinor: int64('amount_minor').notNull(),
    paidMinor: int64('paid_minor'),
    dueMinor: int64('due_minor'),
    tipMinor: int64('tip_minor'),
    depositMinor: int64('deposit_minor'),
    taxMinor: int64('tax_minor'),
    discountMinor: int64('discount_minor'),
    shippingMinor: int64('shipping_minor'),
    convenienceFeeMinor: int64('convenience_fee_minor'),
    surchargingFeeMinor: int64('surcharging_fee_minor'),
    ...time('created'),
    /** Helcim's own (Mountain) date of creation: what its date filters compare with. */
    createdOn: date('created_on'),
    ...time('updated'),
    ...time('paid'),
    ...time('issued'),
    notes: text('notes'),
    ...mirrored(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.invoiceId] }),
    index('invoices_number').on(t.accountId, t.invoiceNumber),
    index('invoices_created_on').on(t.accountId, t.createdOn),
    index('invoices_open')
      .on(t.accountId, t.invoiceId)
      .where(sql`status in ('DUE', 'OVERDUE', 'IN_PROGRESS', 'FOR_APPROVAL', 'APPROVED')`),
    ...faultIndexes('invoices', { account: t.accountId, id: t.invoiceId }),
  ],
)

export const invoiceLines = helcim.table(
  'invoice_lines',
  {
    accountId: accountId(),
    invoiceId: int64('invoice_id').notNull(),
    position: integer('position').notNull(),
    description: text('description'),
    sku: text('sku'),
    quantity: numeric('quantity'),
    /** In units of the currency, not minor ones: the price of one piece may be finer than a cent. */
    unitPrice: numeric('unit_price'),
    taxMinor: int64('tax_minor'),
    discountMinor: int64('discount_minor'),
    currency: text('currency').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.invoiceId, t.position] })],
)

export const paymentPlans = helcim.table(
  'payment_plans',
  {
    accountId: accountId(),
    paymentPlanId: int64('payment_plan_id').notNull(),
    name: text('name'),
    description: text('description'),
    type: text('type').notNull(),
    status: text('status').notNull(),
    currency: text('currency').notNull(),
    cardTerminalId: int64('card_terminal_id'),
    setupMinor: int64('setup_minor'),
    recurringMinor: int64('recurring_minor').notNull(),
    billingPeriod: text('billing_period').notNull(),
    billingPeriodIncrements: integer('billing_period_increments'),
    billingDay: text('billing_day'),
    termType: text('term_type'),
    termLength: integer('term_length'),
    freeTrialDays: integer('free_trial_days'),
    taxType: text('tax_type'),
    paymentMethod: text('payment_method'),
    ...time('created'),
    ...time('updated'),
    ...mirrored(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.paymentPlanId] }),
    ...faultIndexes('payment_plans', { account: t.accountId, id: t.paymentPlanId }),
  ],
)

/** Names no currency; it is that of the plans that use it. */
export const addOns = helcim.table(
  'add_ons',
  {
    accountId: accountId(),
    addOnId: int64('add_on_id').notNull(),
    name: text('name'),
    description: text('description'),
    amountMinor: int64('amount_minor').notNull(),
    frequency: text('frequency').notNull(),
    isQuantityEditable: boolean('is_quantity_editable').notNull(),
    ...time('created'),
    ...time('updated'),
    ...mirrored(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.addOnId] }),
    ...faultIndexes('add_ons', { account: t.accountId, id: t.addOnId }),
  ],
)

/** As lists show them. Names no currency; it is that of the plan. */
export const subscriptions = helcim.table(
  'subscriptions',
  {
    accountId: accountId(),
    subscriptionId: int64('subscription_id').notNull(),
    status: text('status').notNull(),
    paymentPlanId: int64('payment_plan_id').notNull(),
    customerCode: text('customer_code').notNull(),
    timesBilled: integer('times_billed').notNull(),
    recurringMinor: int64('recurring_minor').notNull(),
    setupMinor: int64('setup_minor'),
    freeTrialDays: integer('free_trial_days'),
    cyclesMax: integer('cycles_max'),
    hasFailedPayments: boolean('has_failed_payments').notNull(),
    paymentMethod: text('payment_method'),
    activatedOn: date('activated_on'),
    /** The next billing day. */
    billingOn: date('billing_on'),
    ...time('created'),
    ...time('updated'),
    ...mirrored(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.subscriptionId] }),
    index('subscriptions_customer').on(t.accountId, t.customerCode),
    ...faultIndexes('subscriptions', { account: t.accountId, id: t.subscriptionId }),
  ],
)

/** What only a subscription asked for with its sub-objects shows; its payments and add-ons are the two tables below. */
export const subscriptionDetails = helcim.table(
  'subscription_details',
  { accountId: accountId(), subscriptionId: int64('subscription_id').notNull(), ...mirrored() },
  (t) => [
    primaryKey({ columns: [t.accountId, t.subscriptionId] }),
    ...faultIndexes('subscription_details', { account: t.accountId, id: t.subscriptionId }),
  ],
)

export const subscriptionPayments = helcim.table(
  'subscription_payments',
  {
    accountId: accountId(),
    subscriptionId: int64('subscription_id').notNull(),
    position: integer('position').notNull(),
    paymentId: int64('payment_id').notNull(),
    paymentNumber: integer('payment_number').notNull(),
    status: text('status').notNull(),
    dueOn: date('due_on'),
    ...time('processed'),
    amountMinor: int64('amount_minor').notNull(),
    setupMinor: int64('setup_minor'),
    recurringMinor: int64('recurring_minor'),
    addOnMinor: int64('add_on_minor'),
    taxMinor: int64('tax_minor'),
    countRetries: integer('count_retries'),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.subscriptionId, t.position] }),
    index('subscription_payments_number').on(t.accountId, t.subscriptionId, t.paymentNumber),
  ],
)

export const subscriptionAddOns = helcim.table(
  'subscription_add_ons',
  {
    accountId: accountId(),
    subscriptionId: int64('subscription_id').notNull(),
    position: integer('position').notNull(),
    addOnId: int64('add_on_id').notNull(),
    name: text('name'),
    description: text('description'),
    amountMinor: int64('amount_minor').notNull(),
    frequency: text('frequency'),
    quantity: numeric('quantity'),
    isActive: boolean('is_active').notNull(),
    firstPaymentNumber: integer('first_payment_number'),
    lastPaymentNumber: integer('last_payment_number'),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.subscriptionId, t.position] })],
)

export const achTransactions = helcim.table(
  'ach_transactions',
  {
    accountId: accountId(),
    achTransactionId: int64('ach_transaction_id').notNull(),
    statusAuth: text('status_auth').notNull(),
    /** Only `CLEARED` is money, and a return can follow. */
    statusClearing: text('status_clearing').notNull(),
    type: text('type').notNull(),
    amountMinor: int64('amount_minor').notNull(),
    currency: text('currency').notNull(),
    /** null while pending. */
    achBatchId: int64('ach_batch_id'),
    batchStatus: text('batch_status').notNull(),
    orderId: int64('order_id'),
    bankAccountId: int64('bank_account_id'),
    bankLastFours: text('bank_last_fours'),
    originalTransactionId: int64('original_transaction_id'),
    approvalCode: text('approval_code'),
    responseMessage: text('response_message'),
    isTest: boolean('is_test').notNull(),
    ...time('created'),
    /** Helcim's own (Mountain) date of creation: what its date filters compare with. */
    createdOn: date('created_on'),
    ...time('closed'),
    ...mirrored(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.achTransactionId] }),
    index('ach_transactions_created_on').on(t.accountId, t.createdOn),
    index('ach_transactions_batch').on(t.accountId, t.achBatchId),
    ...faultIndexes('ach_transactions', { account: t.accountId, id: t.achTransactionId }),
  ],
)

/** Names no currency; it is that of its transactions. */
export const achBatches = helcim.table(
  'ach_batches',
  {
    accountId: accountId(),
    achBatchId: int64('ach_batch_id').notNull(),
    batchReference: text('batch_reference'),
    status: text('status').notNull(),
    withdrawalsMinor: int64('withdrawals_minor').notNull(),
    countWithdrawals: integer('count_withdrawals').notNull(),
    depositsMinor: int64('deposits_minor').notNull(),
    countDeposits: integer('count_deposits').notNull(),
    reversedMinor: int64('reversed_minor').notNull(),
    countReversed: integer('count_reversed').notNull(),
    refundedMinor: int64('refunded_minor').notNull(),
    countRefunded: integer('count_refunded').notNull(),
    ...time('opened'),
    ...time('closed'),
    ...mirrored(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.achBatchId] }),
    ...faultIndexes('ach_batches', { account: t.accountId, id: t.achBatchId }),
  ],
)
