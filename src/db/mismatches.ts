import { and, asc, eq, gte, inArray, isNull, ne, or, type SQL, sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import { type MismatchCode, type MismatchState, SEVERITIES, type Severity } from '../domain/mismatch.ts'
import type { Tx } from './client.ts'
import { rankOfSeverity } from './mismatches/severity-rank.ts'
import { mismatches } from './schema/mismatches.ts'
import { timestamp } from './sql-values.ts'

export { applyFindings, type Examined, type MismatchChanges } from './mismatches/apply-findings.ts'

export type Mismatch = typeof mismatches.$inferSelect

export const MISMATCH_ORDERS = ['severity', 'money', 'age'] as const
export type MismatchOrder = (typeof MISMATCH_ORDERS)[number]

/** What a list is to hold; whatever is not said, or null, excludes nothing. */
export interface MismatchFilter {
  readonly states?: readonly MismatchState[] | null
  readonly codes?: readonly MismatchCode[] | null
  readonly severityAtLeast?: Severity | null
  readonly subjectKind?: string | null
  /** The subject itself, and what belongs to it: `4209764` includes `4209764:sales`. */
  readonly subjectId?: string | null
  readonly currency?: string | null
  /** `nobody` for those without an owner. */
  readonly assignedTo?: { readonly name: string } | 'nobody' | null
  /** Their age in whole days is more than this. */
  readonly olderThanDays?: number | null
}

/**
 * Unresolved mismatches, the worst first, then the most money, then the oldest by whole days, then by identity: what
 * the runs of one day find comes in the same order, whichever run found it.
 */
export async function listOpenMismatches(tx: Tx, accountId: number): Promise<Mismatch[]> {
  return tx
    .select()
    .from(mismatches)
    .where(and(eq(mismatches.accountId, accountId), ne(mismatches.state, 'resolved')))
    .orderBy(...ORDERS.severity)
}

/** The first of them, without those that ask nobody to do anything. */
export async function listWorstMismatches(
  tx: Tx,
  { accountId, limit }: { accountId: number; limit: number },
): Promise<Mismatch[]> {
  const isOpen = and(
    eq(mismatches.accountId, accountId),
    ne(mismatches.state, 'resolved'),
    ne(mismatches.severity, 'info'),
  )
  return tx
    .select()
    .from(mismatches)
    .where(isOpen)
    .orderBy(...ORDERS.severity)
    .limit(limit)
}

/**
 * Mismatches that a filter lets through. By money they come one currency after the other, because amounts of two
 * cannot be compared; those without an amount come last.
 * @param input `now` is what ages are counted to
 */
export async function listMismatches(
  tx: Tx,
  input: { accountId: number; filter: MismatchFilter; order: MismatchOrder; now: Instant },
): Promise<Mismatch[]> {
  return tx
    .select()
    .from(mismatches)
    .where(and(eq(mismatches.accountId, input.accountId), ...conditionsOf(input.filter, input.now)))
    .orderBy(...ORDERS[input.order])
}

/** One mismatch by its whole id, or null. */
export async function findMismatch(
  tx: Tx,
  { accountId, mismatchId }: { accountId: number; mismatchId: string },
): Promise<Mismatch | null> {
  const isIt = and(eq(mismatches.accountId, accountId), eq(mismatches.mismatchId, mismatchId))
  const [row] = await tx.select().from(mismatches).where(isIt)
  return row ?? null
}

const severityRank = rankOfSeverity(sql`${mismatches.severity}`)
/** What is no amount has nothing at stake. */
const atStake = sql`abs(coalesce(${mismatches.actualMinor}, 0) - coalesce(${mismatches.expectedMinor}, 0))`
const mostMoneyFirst = sql`${atStake} desc`
const oldestFirst = sql`(${mismatches.firstSeenAt} at time zone 'UTC')::date`
const byIdentity = [
  asc(mismatches.code),
  asc(mismatches.subjectKind),
  asc(mismatches.subjectId),
  asc(mismatches.period),
] as const

const ORDERS: Readonly<Record<MismatchOrder, readonly SQL[]>> = {
  severity: [severityRank, mostMoneyFirst, oldestFirst, ...byIdentity],
  money: [
    sql`case when ${atStake} > 0 then ${mismatches.currency} end nulls last`,
    mostMoneyFirst,
    severityRank,
    oldestFirst,
    ...byIdentity,
  ],
  age: [oldestFirst, severityRank, mostMoneyFirst, ...byIdentity],
}

function conditionsOf(filter: MismatchFilter, now: Instant): (SQL | undefined)[] {
  const { states, codes, severityAtLeast, subjectKind, subjectId, currency, assignedTo, olderThanDays } = filter
  const severities = severityAtLeast ? SEVERITIES.slice(0, SEVERITIES.indexOf(severityAtLeast) + 1) : null
  const age = sql`coalesce(${mismatches.resolvedAt}, ${timestamp(now)}) - ${mismatches.firstSeenAt}`
  return [
    states ? inArray(mismatches.state, [...states]) : undefined,
    codes ? inArray(mismatches.code, [...codes]) : undefined,
    severities ? inArray(mismatches.severity, severities) : undefined,
    subjectKind ? eq(mismatches.subjectKind, subjectKind) : undefined,
    subjectId
      ? or(eq(mismatches.subjectId, subjectId), sql`starts_with(${mismatches.subjectId}, ${`${subjectId}:`})`)
      : undefined,
    currency ? eq(mismatches.currency, currency) : undefined,
    assignedTo === 'nobody' ? isNull(mismatches.assignedTo) : undefined,
    assignedTo && assignedTo !== 'nobody' ? eq(mismatches.assignedTo, assignedTo.name) : undefined,
    typeof olderThanDays === 'number' ? gte(age, sql`${olderThanDays + 1} * interval '24 hours'`) : undefined,
  ]
}
