import { sql } from 'drizzle-orm'
import { hasCome, hasNeverPassed } from '../domain/ach.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import type {
  ChargeRow,
  CustomerSides,
  DefaultCard,
  ReadingState,
  SubscriptionSide,
  ToldPayment,
  Via,
} from '../domain/recurring/sides.ts'
import { viasOf } from '../domain/recurring/vias.ts'
import type { Tx } from './client.ts'
import { loadFormerTerms } from './recurring-former.ts'
import { instantOf, timestamp } from './sql-values.ts'

/** How far subscriptions and the days of charges have been read. */
export async function loadReadingState(
  tx: Tx,
  { accountId, scopeFrom, now }: { accountId: number; scopeFrom: Instant; now: Instant },
): Promise<ReadingState> {
  const { rows: lists } = await tx.execute<{ at: string | null }>(sql`
    select max(started_at) as at from recon.pulls
    where account_id = ${accountId} and resource = 'subscription' and window_kind = 'all' and state = 'complete'`)
  const { rows: days } = await tx.execute<{ resource: string; day: string; read_at: string }>(sql`
    select resource, day::text as day, read_at from recon.covered_days
    where account_id = ${accountId} and resource in ('card_transaction', 'ach_transaction', 'invoice')
      and day >= (${timestamp(scopeFrom)} - interval '2 days')::date`)
  const readsOf = (resource: string): Map<BusinessDate, Instant> =>
    new Map(
      days.flatMap((row): [BusinessDate, Instant][] => {
        const readAt = instantOf(row.read_at)
        return row.resource === resource && readAt !== null ? [[row.day as BusinessDate, readAt]] : []
      }),
    )
  const invoiceReads = readsOf('invoice')
  const achReads = [...readsOf('ach_transaction')].flatMap(([day, readAt]): [BusinessDate, Instant][] => {
    const invoicesReadAt = invoiceReads.get(day)
    return invoicesReadAt === undefined ? [] : [[day, invoicesReadAt < readAt ? invoicesReadAt : readAt]]
  })
  return {
    now,
    scopeFrom,
    subscriptionsReadAt: instantOf(lists[0]?.at),
    daysRead: { card: readsOf('card_transaction'), ach: new Map(achReads) },
  }
}

/** A customer's codes as Postgres takes them in one parameter: they may hold any character. */
const codesOf = (codes: readonly string[]) => sql`(select json_array_elements_text(${JSON.stringify(codes)}::json))`

/**
 * Everything about these customers that their recurring charges follow from, in a handful of statements whatever their
 * number.
 * @param chargesFrom charges made before it are left out
 */
export async function loadCustomerSides(
  tx: Tx,
  { accountId, codes, chargesFrom }: { accountId: number; codes: readonly string[]; chargesFrom: Instant },
): Promise<CustomerSides[]> {
  if (codes.length === 0) return []
  const scope = { accountId, codes, chargesFrom }
  const subscriptions = await loadSubscriptions(tx, scope)
  const charges = [...(await loadCardCharges(tx, scope)), ...(await loadAchCharges(tx, scope))]
  const cards = await loadDefaultCards(tx, scope)
  const subscriptionsByCode = grouped(subscriptions)
  const chargesByCode = grouped(charges)
  return codes.map((customerCode) => ({
    customerCode,
    subscriptions: subscriptionsByCode.get(customerCode) ?? [],
    charges: chargesByCode.get(customerCode) ?? [],
    defaultCard: cards.get(customerCode) ?? null,
  }))
}

interface Scope {
  readonly accountId: number
  readonly codes: readonly string[]
  readonly chargesFrom: Instant
}

type Row = Record<string, string | number | boolean | null>

interface OfCustomer<T> {
  readonly code: string
  readonly value: T
}

function grouped<T>(rows: readonly OfCustomer<T>[]): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const { code, value } of rows) {
    const group = groups.get(code)
    if (group) group.push(value)
    else groups.set(code, [value])
  }
  return groups
}

const text = (row: Row, key: string): string => String(row[key] ?? '')
const minor = (row: Row, key: string): bigint => BigInt(row[key] === null ? 0 : String(row[key]))
const time = (row: Row, key: string): Instant | null => instantOf(row[key] === null ? null : String(row[key]))
const day = (row: Row, key: string): BusinessDate | null =>
  row[key] === null ? null : (text(row, key) as BusinessDate)

async function loadSubscriptions(tx: Tx, { accountId, codes }: Scope): Promise<OfCustomer<SubscriptionSide>[]> {
  const { rows } = await tx.execute<Row>(sql`
    select s.customer_code, s.subscription_id, s.status, s.times_billed, s.recurring_minor, s.setup_minor,
      s.free_trial_days, s.cycles_max, s.activated_on::text as activated_on, s.billing_on::text as billing_on,
      s.updated_at, s.observed_at, s.vanished_at, s.payment_method, p.payment_plan_id, p.name, p.type, p.currency, p.card_terminal_id,
      p.recurring_minor as plan_minor, p.billing_period, coalesce(p.billing_period_increments, 1) as increments,
      p.billing_day, p.payment_method as plan_method, p.updated_at as plan_updated_at, d.subscription_id as detail_id,
      greatest(d.observed_at, read.at) as payments_read_at
    from helcim.subscriptions s
    left join helcim.payment_plans p on p.account_id = s.account_id and p.payment_plan_id = s.payment_plan_id
    left join helcim.subscription_details d
      on d.account_id = s.account_id and d.subscription_id = s.subscription_id
    left join lateral (
      select max(started_at) as at from recon.pulls r
      where r.account_id = s.account_id and r.resource = 'subscription' and r.window_kind = 'one'
        and r.subject = s.subscription_id::text and r.state = 'complete'
    ) read on true
    where s.account_id = ${accountId} and s.customer_code in ${codesOf(codes)}`)
  const subscriptionIds = rows.map((row) => BigInt(text(row, 'subscription_id')))
  const former = await loadFormerTerms(tx, { accountId, subscriptionIds })
  const payments = await loadPayments(tx, { accountId, codes })
  return rows.map((row) => {
    const subscriptionId = BigInt(text(row, 'subscription_id'))
    return {
      code: text(row, 'customer_code'),
      value: {
        subscriptionId,
        status: text(row, 'status'),
        plan:
          row.payment_plan_id === null
            ? null
            : {
                name: row.name === null ? null : text(row, 'name'),
                type: text(row, 'type'),
                currency: text(row, 'currency'),
                terminalId: row.card_terminal_id === null ? null : BigInt(text(row, 'card_terminal_id')),
                recurringMinor: minor(row, 'plan_minor'),
                billingPeriod: text(row, 'billing_period'),
                billingPeriodIncrements: Number(row.increments),
                billingDay: row.billing_day === null ? null : text(row, 'billing_day'),
                updatedAt: time(row, 'plan_updated_at'),
              },
        vias: viasOf(text(row, 'payment_method') || text(row, 'plan_method')),
        timesBilled: Number(row.times_billed),
        recurringMinor: minor(row, 'recurring_minor'),
        setupMinor: minor(row, 'setup_minor'),
        freeTrialDays: Number(row.free_trial_days ?? 0),
        cyclesMax: Number(row.cycles_max ?? 0),
        activatedOn: day(row, 'activated_on'),
        billingOn: day(row, 'billing_on'),
        updatedAt: time(row, 'updated_at'),
        observedAt: time(row, 'observed_at') ?? toInstant(0),
        vanishedAt: time(row, 'vanished_at'),
        former: former.get(subscriptionId) ?? [],
        payments: row.detail_id === null ? null : (payments.get(subscriptionId) ?? []),
        paymentsReadAt: row.detail_id === null ? null : time(row, 'payments_read_at'),
      },
    }
  })
}

async function loadPayments(tx: Tx, { accountId, codes }: Omit<Scope, 'chargesFrom'>) {
  const { rows } = await tx.execute<Row>(sql`
    select p.subscription_id, p.payment_number, p.status, p.due_on::text as due_on, p.processed_at, p.amount_minor,
      p.setup_minor, p.recurring_minor, p.add_on_minor, p.tax_minor, p.count_retries, (
        select round(sum(a.amount_minor * coalesce(a.quantity, 1))) from helcim.subscription_add_ons a
        where a.account_id = p.account_id and a.subscription_id = p.subscription_id and a.frequency = 'one_time'
          and a.last_payment_number = p.payment_number
      ) as add_on_once_minor
    from helcim.subscriptions s
    join helcim.subscription_payments p on p.account_id = s.account_id and p.subscription_id = s.subscription_id
    where s.account_id = ${accountId} and s.customer_code in ${codesOf(codes)}
    order by p.subscription_id, p.position`)
  const payments = new Map<bigint, ToldPayment[]>()
  for (const row of rows) {
    const id = BigInt(text(row, 'subscription_id'))
    const payment: ToldPayment = {
      paymentNumber: Number(row.payment_number),
      status: text(row, 'status'),
      dueOn: day(row, 'due_on'),
      processedAt: time(row, 'processed_at'),
      amountMinor: minor(row, 'amount_minor'),
      setupMinor: minor(row, 'setup_minor'),
      recurringMinor: minor(row, 'recurring_minor'),
      addOnMinor: minor(row, 'add_on_minor'),
      addOnOnceMinor: minor(row, 'add_on_once_minor'),
      taxMinor: minor(row, 'tax_minor'),
      countRetries: Number(row.count_retries ?? 0),
    }
    const known = payments.get(id)
    if (known) known.push(payment)
    else payments.set(id, [payment])
  }
  return payments
}

/** Whom every payment through the API shows (API.md §9): others are people. */
const SYSTEM_USER = 'Helcim System'

async function loadCardCharges(tx: Tx, { accountId, codes, chargesFrom }: Scope): Promise<OfCustomer<ChargeRow>[]> {
  const { rows } = await tx.execute<Row>(sql`
    select t.customer_code, t.transaction_id, t.created_at, t.observed_at, t.outcome, t.amount_minor, t.currency, t.card_number_masked,
      b.terminal_id, coalesce(i.surcharging_fee_minor, 0) + coalesce(i.convenience_fee_minor, 0) as fees_minor,
      coalesce(t.user_name, ${SYSTEM_USER}) <> ${SYSTEM_USER}
        or coalesce(i.created_at < t.created_at - interval '1 hour', false) as is_by_hand,
      t.invoice_number is null or i.invoice_number is not null or c.read_at > t.created_at + interval '1 hour'
        or p.state = 'not_permitted' as is_fee_known
    from json_array_elements_text(${JSON.stringify(codes)}::json) as n(code)
    -- Lateral with an offset: one probe of the index per customer, however few or many rows the others have.
    cross join lateral (
      select * from helcim.card_transactions
      where account_id = ${accountId} and customer_code = n.code and type = 'purchase'
        and created_at >= ${timestamp(chargesFrom)} offset 0
    ) t
    left join recon.covered_days c on c.account_id = t.account_id and c.resource = 'invoice' and c.day = t.created_on
    left join (
      select state from recon.pulls
      where account_id = ${accountId} and resource = 'invoice' and window_kind = 'days' and state <> 'running'
      order by pull_id desc limit 1
    ) p on true
    left join helcim.card_batches b on b.account_id = t.account_id and b.card_batch_id = t.card_batch_id
    left join lateral (
      select invoice_number, surcharging_fee_minor, convenience_fee_minor, created_at from helcim.invoices i
      where i.account_id = t.account_id and i.invoice_number = t.invoice_number and i.vanished_at is null
      order by i.invoice_id limit 1
    ) i on true
    where t.vanished_at is null
      -- A suspected duplicate is in no batch and no failed period (API.md §9).
      and (t.outcome = 'approved' or (t.outcome = 'declined' and t.card_batch_id is not null))`)
  return rows.flatMap((row) => chargeOf(row, 'card', row.outcome === 'approved' ? 'approved' : 'declined'))
}

/** A withdrawal names an invoice, and that its customer: the API shows no code on it (API.md §11). */
async function loadAchCharges(tx: Tx, { accountId, codes, chargesFrom }: Scope): Promise<OfCustomer<ChargeRow>[]> {
  const { rows } = await tx.execute<Row>(sql`
    select c.customer_code, t.ach_transaction_id as transaction_id, t.created_at, t.observed_at, t.amount_minor, t.currency,
      null as card_number_masked, null as terminal_id,
      coalesce(i.surcharging_fee_minor, 0) + coalesce(i.convenience_fee_minor, 0) as fees_minor,
      coalesce(i.created_at < t.created_at - interval '1 hour', false) as is_by_hand, true as is_fee_known,
      t.status_auth, t.status_clearing, exists (
        select from helcim.record_versions v
        where v.account_id = t.account_id and v.resource = 'ach_transaction' and v.record_id = t.ach_transaction_id
          and v.changed is not null and v.changed->>'status_clearing' = 'CLEARED') as was_cleared, exists (
        -- It names the same invoice, by which it is found.
        select from helcim.ach_transactions r
        where r.account_id = t.account_id and r.order_id = t.order_id and r.type = 'REVERSE'
          and r.original_transaction_id = t.ach_transaction_id and r.status_auth = 'APPROVED' and r.vanished_at is null
      ) as is_voided
    from helcim.customers c
    join helcim.invoices i on i.account_id = c.account_id and i.customer_id = c.customer_id
    join helcim.ach_transactions t on t.account_id = i.account_id and t.order_id = i.invoice_id
    where c.account_id = ${accountId} and c.customer_code in ${codesOf(codes)} and t.type = 'WITHDRAWAL'
      and t.created_at >= ${timestamp(chargesFrom)} and t.vanished_at is null`)
  return rows.flatMap((row) => {
    const facts = {
      statusAuth: text(row, 'status_auth'),
      statusClearing: text(row, 'status_clearing'),
      isVoided: row.is_voided === true,
      wasCleared: row.was_cleared === true,
    }
    return chargeOf(row, 'ach', hasCome(facts) ? 'approved' : hasNeverPassed(facts) ? 'declined' : 'undone')
  })
}

function chargeOf(row: Row, via: Via, outcome: ChargeRow['outcome']): OfCustomer<ChargeRow>[] {
  const createdAt = time(row, 'created_at')
  const observedAt = time(row, 'observed_at')
  if (createdAt === null || observedAt === null) return []
  const value: ChargeRow = {
    via,
    transactionId: BigInt(text(row, 'transaction_id')),
    createdAt,
    observedAt,
    outcome,
    amountMinor: minor(row, 'amount_minor'),
    feesMinor: minor(row, 'fees_minor'),
    isFeeKnown: row.is_fee_known === true,
    currency: text(row, 'currency'),
    terminalId: row.terminal_id === null ? null : BigInt(text(row, 'terminal_id')),
    cardNumber: row.card_number_masked === null ? null : text(row, 'card_number_masked'),
    isByHand: row.is_by_hand === true,
  }
  return [{ code: text(row, 'customer_code'), value }]
}

async function loadDefaultCards(tx: Tx, { accountId, codes }: Scope): Promise<Map<string, DefaultCard>> {
  const { rows } = await tx.execute<Row>(sql`
    select c.customer_code, k.card_number_masked, k.card_expiry
    from helcim.customers c
    join helcim.customer_cards k on k.account_id = c.account_id and k.customer_id = c.customer_id and k.is_default
    where c.account_id = ${accountId} and c.customer_code in ${codesOf(codes)} and c.vanished_at is null
    order by c.customer_id desc, k.position desc`)
  return new Map(
    rows.map((row): [string, DefaultCard] => [
      text(row, 'customer_code'),
      {
        cardNumber: row.card_number_masked === null ? null : text(row, 'card_number_masked'),
        expiry: row.card_expiry === null ? null : text(row, 'card_expiry'),
      },
    ]),
  )
}
