import type { Tx } from '../db/client.ts'
import { listMismatches } from '../db/mismatches.ts'
import { listDecisions, type RecordedDecision } from '../db/settlement/decisions.ts'
import { findObstacle, findRefusedToken } from '../db/settlement/obstacles.ts'
import { listOpenBatches, type OpenBatch } from '../db/settlement/open-batches.ts'
import { nextInstant } from '../domain/calendar.ts'
import type { Clock, Instant } from '../domain/clock.ts'
import type { Severity } from '../domain/mismatch.ts'
import { cutOffKindOf, cutOffsOf, SETTLE_KIND } from '../domain/settlement-cut-offs.ts'
import { type Decision, decideSettlement, type SettleMode, type SettlementPolicy } from '../domain/settlement-policy.ts'
import { SETTLEABLE } from '../jobs/settle/batch-kinds.ts'
import { holdsSettlement } from '../reconcile/settlements.ts'
import {
  batchLine,
  decisionToJson,
  isoOf,
  keyToJson,
  localText,
  moneyOf,
  OVERRULED,
  showReasons,
} from './show-settlements.ts'

/** What is known without a call of each open batch, and what would be decided at the next cut-off as it stands now. */
export interface Plan {
  readonly policy: SettlementPolicy
  readonly zone: string
  /** The account's, see `nextAt` of a batch. */
  readonly nextAt: Instant | null
  readonly batches: readonly {
    readonly batch: OpenBatch
    /** Its next cut-off. Null: only when a person asks, or where settling is off not even then. */
    readonly nextAt: Instant | null
    readonly expected: Decision
    readonly last: RecordedDecision | null
  }[]
}

/**
 * Plans from the mirror alone; the pre-flight reads everything anew.
 * @param input `tokenFingerprint`: of the token that settles
 */
export async function planOf(
  tx: Tx,
  input: { accountId: number; tokenFingerprint: string; policy: SettlementPolicy; zone: string; clock: Clock },
): Promise<Plan> {
  const { accountId, tokenFingerprint, policy, zone, clock } = input
  const now = clock.now()
  const nextAts = new Map(cutOffsOf(policy).map(({ kind, cron }) => [kind, nextInstant({ cron, zone, after: now })]))
  const batches: Plan['batches'][number][] = []
  for (const one of await listOpenBatches(tx, { accountId, openedUntil: null })) {
    const { batch, terminalId } = one
    const nextAt = nextAts.get(cutOffKindOf(policy, { kind: batch.kind, terminalId })) ?? null
    const waitMs = nextAt === null ? 0 : clock.realMs(nextAt - now)
    const filter = {
      states: ['open', 'acknowledged'],
      subjectKind: batch.kind,
      subjectId: String(batch.id),
    } as const
    const mismatches = await listMismatches(tx, { accountId, filter, order: 'severity', now })
    const situation = {
      ...one,
      kind: batch.kind,
      isClosed: false,
      tie: one.checkState === 'differs' ? ('differs' as const) : null,
      mismatches: mismatches
        .filter(({ code }) => holdsSettlement(code))
        .map(({ code, severity }) => ({ code, severity: severity as Severity })),
      obstacle:
        (await findObstacle(tx, { accountId, batch, plannedAt: nextAt, waitMs })) ??
        // Whoever settles by hand has the token tried again.
        (nextAt &&
          (await findRefusedToken(tx, { accountId, tokenFingerprint, endpoint: SETTLEABLE[batch.kind].endpoint }))),
    }
    const occasion = { now: nextAt ?? now, cutOffAt: nextAt, zone }
    const expected = policy.mode === 'off' ? SWITCHED_OFF : decideSettlement(policy, situation, occasion)
    const [last = null] = await listDecisions(tx, { accountId, batch, limit: 1 })
    batches.push({ batch: one, nextAt, expected, last })
  }
  return { policy, zone, nextAt: nextAts.get(SETTLE_KIND) ?? null, batches }
}

const SWITCHED_OFF: Decision = {
  verdict: 'skip',
  reasons: [{ code: 'switched_off', weight: 'skip', text: 'settling is off' }],
}

export function showPlan(plan: Plan): string {
  const { zone, batches } = plan
  const lines = [`  ${headline(plan)}`, '']
  if (batches.length === 0) return [...lines, '  No batch is open.'].join('\n')
  for (const { batch, nextAt, expected, last } of batches) {
    lines.push(`  ${batchLine(batch)}: ${verdictText(plan.policy.mode, nextAt, expected)}`)
    if (nextAt !== null && nextAt !== plan.nextAt)
      lines.push(`    by cut-offs of its own, next ${localText(nextAt, zone)}`)
    lines.push(showReasons(expected.reasons, 'to be overruled'))
    if (last) {
      lines.push(`    last decided ${localText(last.lastAt, zone)}: ${last.verdict} (${last.mode})`)
      lines.push(showReasons(last.reasons, OVERRULED, '      '))
    }
  }
  return lines.filter((line, index) => line !== '' || index === 1).join('\n')
}

function headline({ policy: { mode, cron }, zone, nextAt }: Plan): string {
  if (mode === 'off') return 'SETTLE_MODE off: nothing is settled, by schedule or by hand'
  const calls = mode === 'dry-run' ? ', which calls nothing' : ''
  const never = cron === null ? 'no SETTLE_CRON' : 'SETTLE_CRON has no cut-off within a year'
  const next = nextAt === null ? `by hand only (${never})` : `next cut-off ${localText(nextAt, zone)}`
  return `SETTLE_MODE ${mode}${calls}; ${next}`
}

function verdictText(mode: SettleMode, nextAt: Instant | null, { verdict }: Decision): string {
  if (verdict === 'hold') return 'held'
  if (verdict === 'skip') return mode === 'off' ? 'left alone' : 'left alone by the policy'
  const when = nextAt === null ? ' when a person asks' : ''
  return `${mode === 'dry-run' ? 'would' : 'to'} be settled${when}, if it ties out then`
}

export const plannedToJson = ({ policy, zone, nextAt, batches }: Plan, account: string) => ({
  account,
  mode: policy.mode,
  zone,
  nextAt: isoOf(nextAt),
  batches: batches.map(({ batch, nextAt, expected, last }) => ({
    ...keyToJson(batch.batch),
    terminal: batch.terminalId === null ? null : String(batch.terminalId),
    nextAt: isoOf(nextAt),
    openedAt: isoOf(batch.openedAt),
    ...moneyOf(batch),
    expected,
    last: last && decisionToJson(last),
  })),
})
