import { and, eq, inArray, sql } from 'drizzle-orm'
import type { Instant } from '../../domain/clock.ts'
import type { ResolutionByPerson } from '../../domain/mismatch.ts'
import { UsageError } from '../../domain/operating-error.ts'
import type { Db, Tx } from '../client.ts'
import { mismatchEvents, mismatches } from '../schema/mismatches.ts'
import { timestamp } from '../sql-values.ts'
import { findMismatchIds } from './identify.ts'
import { eventInstant, lockMismatches } from './lock.ts'

type Mismatch = typeof mismatches.$inferSelect

/** What a person does with a mismatch. */
export type PersonAction =
  | { readonly kind: 'acknowledge' }
  /** To a name, or to nobody. */
  | { readonly kind: 'assign'; readonly to: string | null }
  | { readonly kind: 'note' }
  | { readonly kind: 'resolve'; readonly as: ResolutionByPerson }
  | { readonly kind: 'reopen' }

export interface ActionOutcome {
  /** As it is afterwards. */
  readonly mismatch: Mismatch
  /** Why nothing was to be done, as the rest of a sentence ("is already acknowledged"); null when it was done. */
  readonly unchanged: string | null
}

/**
 * Applies one action to one or many mismatches in one transaction, each with an event that carries the person and the
 * note. What is in that state already is left alone, without an event.
 * @param input `prefixes` of ids as `findMismatchIds` takes them
 * @throws UsageError when an id is unknown or ambiguous, or a needed note is missing; then nothing is changed
 */
export async function actOnMismatches(
  db: Db,
  input: {
    accountId: number
    prefixes: readonly string[]
    action: PersonAction
    actor: string
    note: string | null
    now: Instant
  },
): Promise<ActionOutcome[]> {
  const { accountId, action, note } = input
  if (note === null && isNoteNeeded(action)) throw new UsageError(`--note: say why; ${noteReason(action)}`)
  return db.transaction(async (tx) => {
    await lockMismatches(tx, accountId)
    const ids = await findMismatchIds(tx, { accountId, prefixes: input.prefixes })
    const rows = await tx
      .select()
      .from(mismatches)
      .where(and(eq(mismatches.accountId, accountId), inArray(mismatches.mismatchId, ids)))
    const byId = new Map(rows.map((row) => [row.mismatchId, row]))
    const outcomes: ActionOutcome[] = []
    // In the order in which the person named them, one by one: nobody names thousands.
    for (const id of ids) {
      const mismatch = byId.get(id)
      if (mismatch) outcomes.push(await actOnOne(tx, mismatch, input))
    }
    return outcomes
  })
}

const isNoteNeeded = (action: PersonAction): boolean =>
  action.kind === 'note' || (action.kind === 'resolve' && action.as === 'accepted')

const noteReason = (action: PersonAction): string =>
  action.kind === 'note'
    ? 'a note without words is none'
    : 'a mismatch that is accepted still disagrees, and the reason is all that explains it later'

async function actOnOne(
  tx: Tx,
  mismatch: Mismatch,
  { action, actor, note, now }: { action: PersonAction; actor: string; note: string | null; now: Instant },
): Promise<ActionOutcome> {
  const { unchanged, changes, event } = decide(mismatch, action, new Date(now))
  if (unchanged !== null) return { mismatch, unchanged }
  const after = { ...mismatch, ...changes }
  const { accountId, mismatchId } = mismatch
  if (Object.keys(changes).length > 0) {
    await tx.execute(sql`
      insert into recon.mismatch_versions (account_id, mismatch_id, until, former)
      select m.account_id, m.mismatch_id, ${timestamp(now)}, to_json(m) from recon.mismatches m
      where m.account_id = ${accountId} and m.mismatch_id = ${mismatchId}
      on conflict do nothing`)
    const isIt = and(eq(mismatches.accountId, accountId), eq(mismatches.mismatchId, mismatchId))
    await tx.update(mismatches).set(changes).where(isIt)
  }
  await tx.insert(mismatchEvents).values({
    accountId,
    mismatchId,
    kind: event,
    at: eventInstant(accountId, sql`${mismatchId}::uuid`, now),
    actor,
    severity: after.severity,
    currency: after.currency,
    expectedMinor: after.expectedMinor,
    actualMinor: after.actualMinor,
    resolution: after.resolution,
    assignedTo: after.assignedTo,
    note,
  })
  return { mismatch: after, unchanged: null }
}

interface Decision {
  readonly unchanged: string | null
  readonly changes: Partial<Mismatch>
  readonly event: string
}

const leave = (unchanged: string): Decision => ({ unchanged, changes: {}, event: '' })
const change = (event: string, changes: Partial<Mismatch>): Decision => ({ unchanged: null, changes, event })

/** What an action does to a mismatch as it is. */
function decide(mismatch: Mismatch, action: PersonAction, now: Date): Decision {
  const { state, resolution, assignedTo, countReopened } = mismatch
  switch (action.kind) {
    case 'acknowledge':
      if (state === 'acknowledged') return leave('is already acknowledged')
      if (state === 'resolved') return leave(`is resolved (${resolution}): nothing is left to acknowledge`)
      return change('acknowledged', { state: 'acknowledged', acknowledgedAt: now })
    case 'assign':
      if (assignedTo === action.to) return leave(`is already assigned to ${action.to ?? 'nobody'}`)
      return change('assigned', { assignedTo: action.to })
    case 'note':
      return change('noted', {})
    case 'resolve':
      if (state !== 'resolved') return change('resolved', { state: 'resolved', resolution: action.as, resolvedAt: now })
      return leave(
        resolution === action.as || resolution === 'automatic'
          ? `is already resolved (${resolution})`
          : `is already resolved (${resolution}); reopen it first to resolve it as ${action.as}`,
      )
    case 'reopen':
      if (state !== 'resolved') return leave(`is not resolved (${state})`)
      return change('reopened', {
        state: 'open',
        resolution: null,
        resolvedAt: null,
        acknowledgedAt: null,
        countReopened: countReopened + 1,
      })
  }
}
