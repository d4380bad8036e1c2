import { and, asc, eq, sql } from 'drizzle-orm'
import { addDays, type BusinessDate } from '../domain/calendar.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import { UsageError } from '../domain/operating-error.ts'
import type { HelcimId } from '../domain/record.ts'
import type { Db, Tx } from './client.ts'
import { accounts, budgets, endpointBlocks } from './schema/recon.ts'

export interface Account {
  readonly accountId: number
  readonly name: string
  readonly historyFrom: BusinessDate
  /** By the clock of whoever created it. */
  readonly createdAt: Instant
}

/**
 * Finds or creates an account. It stays bound to its base URL, so that the sandbox's data and a merchant's never mix.
 * A changed token, and every start, give credentials and endpoints that were rejected a new chance.
 * @throws UsageError when the account belongs to another base URL
 */
export async function ensureAccount(
  db: Db,
  input: {
    name: string
    baseUrl: string
    tokenFingerprint: string
    today: BusinessDate
    historyDays: number
    /** When it is created, should it not exist; PostgreSQL's time unless said. */
    now?: Instant
    /** The merchant's, remembered for the views; without one what is remembered stays. */
    zone?: string
  },
): Promise<Account> {
  const { name, baseUrl, tokenFingerprint, now, zone } = input
  return db.transaction(async (tx) => {
    await tx
      .insert(accounts)
      .values({
        name,
        baseUrl,
        tokenFingerprint,
        historyFrom: addDays(input.today, -input.historyDays),
        ...(now !== undefined && beginningOn(new Date(now))),
      })
      .onConflictDoNothing({ target: accounts.name })
    const [row] = await tx.select().from(accounts).where(eq(accounts.name, name)).for('update')
    if (!row) throw new Error(`account ${name} neither created nor found`)
    if (row.baseUrl !== baseUrl) {
      throw new UsageError(
        `HELCIM_BASE_URL: this database holds account "${name}" of ${row.baseUrl}; ${baseUrl} needs a database of its own`,
      )
    }
    await tx.insert(budgets).values({ accountId: row.accountId }).onConflictDoNothing()
    await tx
      .update(budgets)
      .set({ countUnauthorized: 0, stoppedAt: null, stopReason: null })
      .where(eq(budgets.accountId, row.accountId))
    await tx.delete(endpointBlocks).where(eq(endpointBlocks.accountId, row.accountId))
    if (row.tokenFingerprint !== tokenFingerprint) {
      await tx.update(accounts).set({ tokenFingerprint }).where(eq(accounts.accountId, row.accountId))
    }
    if (zone !== undefined && zone !== row.zone) {
      await tx.update(accounts).set({ zone }).where(eq(accounts.accountId, row.accountId))
    }
    return toAccount(row)
  })
}

/** All accounts that this database holds, by name. */
export async function listAccounts(tx: Tx): Promise<Account[]> {
  const rows = await tx.select().from(accounts).orderBy(asc(accounts.name))
  return rows.map(toAccount)
}

/** The merchant's zone, as a daemon last said. */
export async function loadZone(tx: Tx, accountId: number): Promise<string> {
  const [row] = await tx.select({ zone: accounts.zone }).from(accounts).where(eq(accounts.accountId, accountId))
  if (!row) throw new Error(`there is no account ${accountId}`)
  return row.zone
}

/** First day that the mirror is meant to hold, as it is now: a backfill moves it back. */
export async function loadHistoryFrom(tx: Tx, accountId: number): Promise<BusinessDate> {
  const [row] = await tx
    .select({ historyFrom: accounts.historyFrom })
    .from(accounts)
    .where(eq(accounts.accountId, accountId))
  if (!row) throw new Error(`there is no account ${accountId}`)
  return row.historyFrom as BusinessDate
}

/** From here on the mirror is meant to hold the days from `from` on; it never comes to hold fewer. */
export async function deepenHistory(tx: Tx, accountId: number, from: BusinessDate): Promise<void> {
  await tx
    .update(accounts)
    .set({ historyFrom: sql`least(${accounts.historyFrom}, ${from}::date)` })
    .where(eq(accounts.accountId, accountId))
}

const toAccount = ({ accountId, name, historyFrom, createdAt }: typeof accounts.$inferSelect): Account => ({
  accountId,
  name,
  historyFrom: historyFrom as BusinessDate,
  createdAt: toInstant(createdAt.getTime()),
})

/**
 * Remembers the terminals that complete readings showed, and asks that at least one of them is still there: terminals are
 * replaced one by one. An empty list tells nothing of whose it is.
 * @returns false when the token shows terminals and none that is known: it may be another merchant's
 */
export async function bindTerminals(tx: Tx, accountId: number, terminalIds: readonly HelcimId[]): Promise<boolean> {
  const [row] = await tx
    .select({ bound: accounts.boundTerminalIds })
    .from(accounts)
    .where(eq(accounts.accountId, accountId))
    .for('update')
  const known = new Set(row?.bound ?? [])
  const fresh = terminalIds.filter((id) => !known.has(id))
  if (fresh.length === 0) return true
  if (known.size > 0 && fresh.length === terminalIds.length) return false
  await tx
    .update(accounts)
    .set({ boundTerminalIds: [...known, ...fresh] })
    .where(eq(accounts.accountId, accountId))
  return true
}

/** A person says that all terminals were replaced: the next reading binds the account to those that its token shows. */
export async function forgetTerminals(db: Db, accountId: number): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.update(accounts).set({ boundTerminalIds: null }).where(eq(accounts.accountId, accountId))
    await tx.update(budgets).set({ stoppedAt: null, stopReason: null }).where(eq(budgets.accountId, accountId))
  })
}

/** Stops every call of an account until it is started again. */
export async function stopAccount(tx: Tx, accountId: number, reason: string): Promise<void> {
  await tx
    .update(budgets)
    .set({ stoppedAt: sql`clock_timestamp()`, stopReason: reason })
    .where(eq(budgets.accountId, accountId))
}

/** Notes that a token may not use an endpoint. @returns true the first time, so that it is told once */
export async function blockEndpoint(
  tx: Tx,
  block: { accountId: number; tokenFingerprint: string; endpoint: string; words: string },
): Promise<boolean> {
  const created = await tx
    .insert(endpointBlocks)
    .values({ ...block, blockedAt: sql`clock_timestamp()` })
    .onConflictDoNothing()
    .returning({ endpoint: endpointBlocks.endpoint })
  return created.length > 0
}

/** Helcim's words when it refused the endpoint to this token, or null when it did not since the last start. */
export async function findBlock(
  tx: Tx,
  key: { accountId: number; tokenFingerprint: string; endpoint: string },
): Promise<string | null> {
  const [row] = await tx
    .select({ words: endpointBlocks.words })
    .from(endpointBlocks)
    .where(
      and(
        eq(endpointBlocks.accountId, key.accountId),
        eq(endpointBlocks.tokenFingerprint, key.tokenFingerprint),
        eq(endpointBlocks.endpoint, key.endpoint),
      ),
    )
  return row?.words ?? null
}

/** All that is kept of an account is kept from its beginning on. */
const beginningOn = (now: Date) => ({ createdAt: now, versionsSince: now, matchVersionsSince: now })
