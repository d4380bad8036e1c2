import { type SQL, sql } from 'drizzle-orm'
import { ensureAccount } from '../../src/db/accounts.ts'
import type { Database } from '../../src/db/client.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { createRandom, type Random } from '../../src/sandbox/random.ts'

/** Rows of a merchant's month as the mirror holds them, made without Helcim; amounts in cents. */
export interface MirrorRows {
  transactions: TransactionRow[]
  batches: BatchRow[]
  ach: AchRow[]
  invoices: { number: string; id: number; currency: string; amount: number; tax: number }[]
  /** Recurring sales by their transaction, with the plan. */
  recurring: { via: 'card' | 'ach'; transactionId: number; planId: number }[]
}

export interface TransactionRow {
  id: number
  batchId: number | null
  /** Seconds since the epoch. */
  at: number
  type: 'purchase' | 'capture' | 'refund' | 'reverse' | 'preauth' | 'verify'
  outcome: 'approved' | 'declined' | 'unknown'
  amount: number
  currency: string
  invoice: string | null
  original: number | null
  isGone: boolean
}

export interface BatchRow {
  id: number
  openedAt: number
  closedAt: number | null
}

export interface AchRow {
  id: number
  at: number
  type: string
  clearing: string
  amount: number
  currency: string
  orderId: number | null
  original: number | null
  closedAt: number | null
}

export const MONTH = { from: toBusinessDate('2026-10-01'), to: toBusinessDate('2026-10-31') }
export const ZONE = 'America/Edmonton'
const START = Date.parse('2026-09-29T06:00:00Z') / 1000
const DAYS = 36

/**
 * A month and a bit on both sides. Batches close by themselves, the last ones stay open; some rows stand in a batch of two
 * currencies, some are in none; some reverses name what they voided, and of the others some can be told and some not.
 */
export function randomMirror(seed: number, { countSales = 220 } = {}): MirrorRows {
  const random = createRandom(seed, 'books')
  const rows: MirrorRows = { transactions: [], batches: [], ach: [], invoices: [], recurring: [] }
  for (let day = 0; day < DAYS; day += 1) {
    const openedAt = START + day * 86_400
    const isClosed = day < DAYS - 2 || random.chance(0.3)
    const closedAt = isClosed ? openedAt + 86_400 + random.integer(-7_200, 14_400) : null
    rows.batches.push({ id: 100 + day, openedAt, closedAt })
  }
  let id = 1_000
  const add = (row: Partial<TransactionRow> & Pick<TransactionRow, 'type' | 'amount' | 'currency' | 'at'>) => {
    id += 1
    const day = Math.floor((row.at - START) / 86_400)
    const batchId = random.chance(0.03) ? null : 100 + Math.min(DAYS - 1, day)
    const made = { id, batchId, outcome: 'approved' as const, invoice: null, original: null, isGone: false, ...row }
    rows.transactions.push(made)
    return made
  }
  for (let index = 0; index < countSales; index += 1) addSale(rows, add, random, index)
  for (let index = 0; index < countSales / 8; index += 1) addAch(rows, random, index)
  return rows
}

type Add = (
  row: Partial<TransactionRow> & Pick<TransactionRow, 'type' | 'amount' | 'currency' | 'at'>,
) => TransactionRow

function addSale(rows: MirrorRows, add: Add, random: Random, index: number): void {
  const at = START + random.integer(0, DAYS * 86_400 - 1)
  // Few amounts, so that reverses have several candidates.
  const amount = random.chance(0.5) ? 1_000 * random.integer(1, 4) + 99 : random.integer(1, 50_000)
  const currency = random.chance(0.2) ? 'USD' : 'CAD'
  const invoice = random.chance(0.5) ? `INV${index}` : null
  const outcome = random.chance(0.1) ? 'declined' : random.chance(0.02) ? 'unknown' : 'approved'
  const type = random.chance(0.1)
    ? 'capture'
    : random.chance(0.05)
      ? 'preauth'
      : random.chance(0.02)
        ? 'verify'
        : 'purchase'
  const sale = add({
    type,
    amount: type === 'verify' ? 0 : amount,
    currency,
    at,
    invoice,
    outcome,
    isGone: random.chance(0.02),
  })
  if (invoice !== null) {
    const total = random.chance(0.2) ? amount + 100 : amount
    rows.invoices.push({ number: invoice, id: 5_000 + index, currency, amount: total, tax: Math.floor(total / 21) })
  }
  const isSale = outcome === 'approved' && (type === 'purchase' || type === 'capture')
  if (isSale && random.chance(0.3)) {
    rows.recurring.push({ via: 'card', transactionId: sale.id, planId: random.integer(1, 3) })
  }
  const later = at + random.integer(60, 200_000)
  if (isSale && random.chance(0.08)) {
    const part = random.chance(0.5) ? amount : Math.max(1, Math.floor(amount / 2))
    const refund = add({ type: 'refund', amount: part, currency, at: later, invoice })
    if (random.chance(0.3)) voided(add, random, refund)
  } else if (outcome === 'approved' && type !== 'verify' && random.chance(0.1)) voided(add, random, sale)
}

function voided(add: Add, random: Random, { id, at, amount, currency, batchId, invoice }: TransactionRow): void {
  const original = random.chance(0.4) ? id : null
  add({ type: 'reverse', amount, currency, at: at + 30, batchId, invoice, original })
}

function addAch(rows: MirrorRows, random: Random, index: number): void {
  const at = START + random.integer(0, DAYS * 86_400 - 1)
  const clearing = random.pick(['CLEARED', 'CLEARED', 'CLEARED', 'OPENED', 'RETURNED', 'REJECTED'])
  const type = random.pick(['WITHDRAWAL', 'WITHDRAWAL', 'WITHDRAWAL', 'REFUND', 'DEPOSIT', 'REVERSE', 'SETTLE'])
  const original = type === 'REVERSE' && random.chance(0.7) ? (rows.ach.at(-1)?.id ?? null) : null
  const row: AchRow = {
    id: 9_000 + index,
    at,
    type,
    clearing,
    amount: random.integer(1, 90_000),
    currency: random.chance(0.2) ? 'USD' : 'CAD',
    orderId: null,
    original,
    closedAt: random.chance(0.8) ? at + 100_000 : null,
  }
  if (random.chance(0.3)) {
    rows.invoices.push({ number: `ACH${index}`, id: 7_000 + index, currency: row.currency, amount: row.amount, tax: 1 })
    row.orderId = 7_000 + index
  }
  rows.ach.push(row)
  if (type === 'WITHDRAWAL' && random.chance(0.5)) rows.recurring.push({ via: 'ach', transactionId: row.id, planId: 9 })
}

export const clockAt = (text: string) => createSimulatedClock(toInstant(Date.parse(text)), 1)
export const clock = clockAt('2026-11-10T12:00:00Z')

/** An account of its own in the database. */
export async function openAccount({ db }: Database, name: string): Promise<number> {
  const { accountId } = await ensureAccount(db, {
    name,
    baseUrl: 'http://127.0.0.1:1/v2',
    tokenFingerprint: 'none',
    today: toBusinessDate('2026-11-10'),
    historyDays: 60,
    zone: ZONE,
    now: clock.now(),
  })
  return accountId
}

const noHash = sql`'00000000-0000-0000-0000-000000000000'::uuid`
const mirrored = sql`'{}', ${noHash}, now(), now()`
const json = (rows: readonly unknown[]): SQL => sql`${JSON.stringify(rows)}::json`

/** Makes the account's mirror hold just these rows, and marks nothing. */
export async function fillMirror({ db }: Database, accountId: number, rows: MirrorRows): Promise<void> {
  for (const table of [
    'helcim.card_transactions',
    'helcim.card_batches',
    'helcim.ach_transactions',
    'helcim.invoices',
    'helcim.subscriptions',
    'recon.matches',
  ]) {
    await db.execute(sql`delete from ${sql.raw(table)} where account_id = ${accountId}`)
  }
  await db.execute(sql`
    insert into helcim.card_transactions (account_id, transaction_id, created_at, created_at_text, created_on, card_batch_id,
      status, outcome, type, amount_minor, currency, card_number_masked, invoice_number, original_transaction_id, vanished_at,
      raw, content_hash, observed_at, first_seen_at)
    select ${accountId}, id, to_timestamp(at), '', (to_timestamp(at) at time zone 'America/Edmonton')::date, "batchId",
      upper(outcome), outcome, type, amount, currency, '424242******4242', invoice, original,
      case when "isGone" then now() end, ${mirrored}
    from json_to_recordset(${json(rows.transactions)}) as j(id bigint, "batchId" bigint, at bigint, type text, outcome text,
      amount bigint, currency text, invoice text, original bigint, "isGone" boolean)`)
  await db.execute(sql`
    insert into helcim.card_batches (account_id, card_batch_id, terminal_id, batch_number, is_closed, is_strictly_open,
      created_at, created_at_text, updated_at_text, closed_at, closed_at_text, raw, content_hash, observed_at, first_seen_at)
    select ${accountId}, id, 1, id, "closedAt" is not null, "closedAt" is null, to_timestamp("openedAt"), '', '',
      to_timestamp("closedAt"), '', ${mirrored}
    from json_to_recordset(${json(rows.batches)}) as j(id bigint, "openedAt" bigint, "closedAt" bigint)`)
  await db.execute(sql`
    insert into helcim.ach_transactions (account_id, ach_transaction_id, status_auth, status_clearing, type, amount_minor,
      currency, batch_status, order_id, original_transaction_id, is_test, created_at, created_at_text, created_on, closed_at,
      closed_at_text, raw, content_hash, observed_at, first_seen_at)
    select ${accountId}, id, 'APPROVED', clearing, type, amount, currency, 'CLOSED', "orderId", original, false,
      to_timestamp(at), '', (to_timestamp(at) at time zone 'America/Edmonton')::date, to_timestamp("closedAt"), '', ${mirrored}
    from json_to_recordset(${json(rows.ach)}) as j(id bigint, at bigint, type text, clearing text, amount bigint,
      currency text, "orderId" bigint, original bigint, "closedAt" bigint)`)
  await db.execute(sql`
    insert into helcim.invoices (account_id, invoice_id, invoice_number, type, status, currency, amount_minor, tax_minor,
      created_at_text, updated_at_text, paid_at_text, issued_at_text, raw, content_hash, observed_at, first_seen_at)
    select ${accountId}, id, number, 'INVOICE', 'PAID', currency, amount, tax, '', '', '', '', ${mirrored}
    from json_to_recordset(${json(rows.invoices)}) as j(id bigint, number text, currency text, amount bigint, tax bigint)`)
  await db.execute(sql`
    insert into helcim.subscriptions (account_id, subscription_id, status, payment_plan_id, customer_code, times_billed,
      recurring_minor, has_failed_payments, created_at_text, updated_at_text, raw, content_hash, observed_at, first_seen_at)
    select ${accountId}, plan, 'active', plan, 'CST', 1, 1, false, '', '', ${mirrored} from (
      select distinct "planId" as plan from json_to_recordset(${json(rows.recurring)}) as j("planId" bigint)) p`)
  await db.execute(sql`
    insert into recon.matches (account_id, via, transaction_id, customer_code, subscription_id, payment_number, rule,
      window_from, window_until, confidence, is_interchangeable, amount_minor, currency, matched_at)
    select ${accountId}, via, "transactionId", 'CST', "planId", 1, 'amount_and_time', now(), now(), 'sure', false, 1, 'CAD', now()
    from json_to_recordset(${json(rows.recurring)}) as j(via text, "transactionId" bigint, "planId" bigint)`)
}

export type { Random }
