import { sql } from 'drizzle-orm'
import { countMarks } from '../../db/books/marks.ts'
import { loadPostedBy } from '../../db/books/runs.ts'
import type { Tx } from '../../db/client.ts'
import { listUnfollowedDays, listUnprovedDays } from '../../db/coverage.ts'
import { ACH_FOLLOWED_DAYS } from '../../domain/ach.ts'
import { type BusinessDate, daysText } from '../../domain/calendar.ts'
import { toInstant } from '../../domain/clock.ts'
import { helcimDate } from '../../domain/helcim-time.ts'
import type { FactKind } from '../../domain/journal/facts.ts'
import { moneyText } from '../../domain/money.ts'
import { isCreatedWithin } from '../movements.ts'
import { countUndecodable, findMissing, type Proved } from '../proof.ts'
import type { Scope } from '../report.ts'

/** What the books of a period rest on, as sentences. */
export interface BooksProof {
  /** What keeps them from being complete. */
  readonly missing: string[]
  /** What they cannot tell although all was read that can be: said in every file, and holds nothing back. */
  readonly reservations: string[]
}

export interface BooksScope extends Scope {
  readonly historyFrom: BusinessDate
  /** The last entry of the books that counts. */
  readonly throughEntry: bigint
}

const CARD_MONEY: Proved = {
  needs: { days: 'history', batchList: true, judgement: true, subscriptions: 'none' },
  usesReverses: true,
  within: isCreatedWithin,
}

/**
 * What the journal posts must have been read: card money as every report of it needs it, and beside it
 *
 * - the bank payments of each day of the history up to the period's end, since the period ended or a month after the day:
 *   whatever cleared, was paid out or came back within the period did so in a row of an earlier day
 * - the invoices of each of these days, after it was over: a payment makes its own, and an open one is paid days later
 * - whatever the day of its creation, each invoice that money of the period names: it is in the mirror, or Helcim was asked
 *   for its number after the payment and has none. Until then its tax would be posted as nothing
 *
 * and there is no amount of the period of which nothing tells whether it came or went.
 *
 * Reservations are what no reading can ever mend, which would have every month closed by force, and real holes with it. What a
 * token may not read and never read: a merchant without ACH has no way to allow it. Once anything of it was read, it is
 * missing instead. And payouts: Helcim tells no purpose of them. They are in clearing as they were, and in suspense until
 * the bookkeeper posts them where they belong.
 */
export async function proveBooks(tx: Tx, scope: BooksScope): Promise<BooksProof> {
  const ach = await loadReach(tx, scope, 'ach_transaction')
  const invoices = await loadReach(tx, scope, 'invoice')
  const { accountId, historyFrom } = scope
  const countWaiting = await countMarks(tx, accountId)
  return {
    missing: [
      ...(await findMissing(tx, CARD_MONEY, scope, historyFrom)),
      ...(ach.isOutOfReach ? [] : await findUnreadAch(tx, scope, ach)),
      ...(invoices.isOutOfReach ? [] : await findUnreadInvoices(tx, scope, invoices)),
      ...(await findInSuspense(tx, scope, UNDECIDED)),
      ...((await loadPostedBy(tx, accountId)) ? [] : ['nothing was posted yet: run "tieout reconcile"']),
      ...(countWaiting === 0 ? [] : [`${countWaiting} changed days, batches or invoices wait to be posted`]),
    ],
    reservations: [
      ...(ach.isOutOfReach ? [`this token may not read ACH transactions${ach.reason}: none are in it`] : []),
      ...(invoices.isOutOfReach
        ? [`this token may not read invoices${invoices.reason}: no sales tax is split off in it`]
        : []),
      ...(await findInSuspense(tx, scope, PAYOUTS)),
    ],
  }
}

interface Reach {
  /** Not permitted, and nothing of it is in the mirror. */
  readonly isOutOfReach: boolean
  /** Helcim's words where the last reading was not permitted, with what leads to them; else empty. */
  readonly reason: string
}

const MIRRORED = { ach_transaction: 'helcim.ach_transactions', invoice: 'helcim.invoices' } as const

async function loadReach(tx: Tx, { accountId }: Scope, resource: keyof typeof MIRRORED): Promise<Reach> {
  const { rows } = await tx.execute<{ state: string; words: string | null; was_read: boolean }>(sql`
    select p.state, p.fail_words as words, exists (
        select from recon.covered_days where account_id = ${accountId} and resource = ${resource})
      or exists (select from ${sql.raw(MIRRORED[resource])} where account_id = ${accountId}) as was_read
    from recon.pulls p
    where p.account_id = ${accountId} and p.resource = ${resource} and p.window_kind = 'days' and p.state <> 'running'
    order by p.pull_id desc limit 1`)
  const [last] = rows
  if (last?.state !== 'not_permitted') return { isOutOfReach: false, reason: '' }
  return { isOutOfReach: !last.was_read, reason: last.words ? ` (${last.words})` : '' }
}

async function findUnreadAch(tx: Tx, scope: BooksScope, { reason }: Reach): Promise<string[]> {
  const range = rangeOf(scope, 'ach_transaction')
  const days = await listUnfollowedDays(tx, { ...range, since: scope.endsAt, days: ACH_FOLLOWED_DAYS })
  const count = await countUndecodable(tx, scope, ['ach_transaction'])
  return [
    ...(days.length === 0
      ? []
      : [`ACH transactions not read completely since the period ended: ${daysText(days)}${lost(reason)}`]),
    ...(count === 0
      ? []
      : [`${count} ACH ${count === 1 ? 'record' : 'records'} that could not be read may belong to it`]),
  ]
}

async function findUnreadInvoices(tx: Tx, scope: BooksScope, { reason }: Reach): Promise<string[]> {
  const days = await listUnprovedDays(tx, rangeOf(scope, 'invoice'))
  const count = await countUndecodable(tx, scope, ['invoice'])
  return [
    ...(days.length === 0
      ? []
      : [`invoices not read completely after their days were over: ${daysText(days)}${lost(reason)}`]),
    ...(count === 0
      ? []
      : [`${count} ${count === 1 ? 'invoice' : 'invoices'} that could not be read may belong to it`]),
    ...(await findUnreadNumbers(tx, scope)),
    ...(await findUnreadOrders(tx, scope)),
  ]
}

const lost = (reason: string): string => (reason === '' ? '' : `; this token may not read them any more${reason}`)

const rangeOf = ({ accountId, historyFrom, endsAt }: BooksScope, resource: keyof typeof MIRRORED) => ({
  accountId,
  resource,
  from: historyFrom,
  to: helcimDate(toInstant(endsAt - 1)),
})

/** Of card money: invoices are asked for by their numbers where no day that was read holds them. */
async function findUnreadNumbers(tx: Tx, scope: BooksScope): Promise<string[]> {
  const names = await listNames(
    tx,
    `select distinct t.invoice_number as name from helcim.card_transactions t
    where ${isCreatedWithin(scope)} and t.vanished_at is null and t.outcome = 'approved' and t.amount_minor > 0
      and t.type in ('purchase', 'capture', 'refund', 'reverse') and t.invoice_number is not null
      and not exists (select from helcim.invoices i
        where i.account_id = t.account_id and i.invoice_number = t.invoice_number)
      and not exists (select from recon.pulls p where p.account_id = t.account_id and p.resource = 'invoice'
        and p.window_kind = 'code' and p.subject = t.invoice_number and p.state = 'complete' and p.count_rows = 0
        and p.started_at > t.created_at + interval '1 minute')
    order by 1`,
  )
  return names.length === 0 ? [] : [`invoices that payments name and that were not read: ${someOf(names)}`]
}

/** Of bank payments, which name their invoices by ids, and none can be asked for by its id. */
async function findUnreadOrders(tx: Tx, scope: BooksScope): Promise<string[]> {
  const names = await listNames(
    tx,
    `select distinct t.order_id::text as name from helcim.ach_transactions t
    where ${isCreatedWithin(scope)} and t.vanished_at is null and t.status_clearing = 'CLEARED' and not t.is_test
      and t.amount_minor > 0 and t.type in ('WITHDRAWAL', 'REFUND', 'REVERSE') and t.order_id is not null
      and not exists (select from helcim.invoices i where i.account_id = t.account_id and i.invoice_id = t.order_id)
    order by 1`,
  )
  if (names.length === 0) return []
  const how = 'if they are older than the history, "tieout sync --resource invoice --from DATE" reads them'
  return [`invoices that bank payments name by id and that were not read: ${someOf(names)}; ${how}`]
}

interface Suspense {
  readonly kind: FactKind
  word(what: string): string
  readonly noun: string
}

const UNDECIDED: Suspense = {
  kind: 'ach_undecided',
  noun: 'ACH transaction',
  word: (what) => `whether ${what} came or went cannot be told`,
}
const PAYOUTS: Suspense = {
  kind: 'ach_payout',
  noun: 'ACH payout',
  word: (what) => `${what} in suspense: Helcim does not tell what for`,
}

/** Entries of the period: what they say stands until a later one takes it back. */
async function findInSuspense(tx: Tx, scope: BooksScope, { kind, noun, word }: Suspense): Promise<string[]> {
  const { rows } = await tx.execute<{ currency: string; count: string; minor: string }>(
    sql.raw(`
    select currency, count(*)::text as count, sum(minor)::text as minor from (
      select currency, source_id, sum(case when is_reversal then -gross_minor else gross_minor end) as minor
      from books.entries
      where account_id = ${scope.accountId} and entry_id <= ${scope.throughEntry}
        and entry_on between '${scope.from}' and '${scope.to}' and kind = '${kind}'
      group by 1, 2
    ) e where minor > 0 group by 1 order by 1`),
  )
  return rows.map(({ currency, count, minor }) =>
    word(`${count} ${noun}${count === '1' ? '' : 's'} of ${moneyText(BigInt(minor), currency)}`),
  )
}

const NAMED_MAX = 5

const someOf = (names: readonly string[]): string =>
  `${names.slice(0, NAMED_MAX).join(', ')}${names.length > NAMED_MAX ? `, and ${names.length - NAMED_MAX} more` : ''}`

async function listNames(tx: Tx, statement: string): Promise<string[]> {
  const { rows } = await tx.execute<{ name: string }>(sql.raw(statement))
  return rows.map(({ name }) => name)
}
