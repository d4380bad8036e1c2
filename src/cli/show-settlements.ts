import type { Tx } from '../db/client.ts'
import { listMismatches } from '../db/mismatches.ts'
import type { Attempt } from '../db/settlement/attempts.ts'
import { listDecisions, type RecordedDecision } from '../db/settlement/decisions.ts'
import { findObstacle } from '../db/settlement/obstacles.ts'
import { listOpenBatches, type OpenBatch } from '../db/settlement/open-batches.ts'
import { type BatchKey, batchName, batchTitle } from '../domain/batch-key.ts'
import { plannedInstants } from '../domain/calendar.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import type { Severity } from '../domain/mismatch.ts'
import { formatMinor } from '../domain/money.ts'
import { type Decision, decideSettlement, type Reason, type SettlementPolicy } from '../domain/settlement-policy.ts'
import { holdsSettlement } from '../reconcile/settlements.ts'
import { table, wrap } from './paint.ts'

/** What is known without a call of each open batch, and what would be decided at the next cut-off as it stands now. */
export interface Plan {
  readonly policy: SettlementPolicy
  readonly zone: string
  /** Null: by hand only. */
  readonly nextAt: Instant | null
  readonly batches: readonly {
    readonly batch: OpenBatch
    readonly expected: Decision
    readonly last: RecordedDecision | null
  }[]
}

const SEARCH_MS_MAX = 400 * 86_400_000

/** Plans from the mirror alone; the pre-flight reads everything anew. */
export async function planOf(
  tx: Tx,
  input: { accountId: number; policy: SettlementPolicy; zone: string; now: Instant },
): Promise<Plan> {
  const { accountId, policy, zone, now } = input
  const until = toInstant(now + SEARCH_MS_MAX)
  const isPlanned = policy.cron !== null && policy.mode !== 'off'
  const [nextAt = null] = isPlanned
    ? plannedInstants({ cron: policy.cron ?? '', zone, after: now, until, limit: 1 })
    : []
  const batches: Plan['batches'][number][] = []
  for (const one of await listOpenBatches(tx, { accountId, openedUntil: null })) {
    const { batch } = one
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
      obstacle: await findObstacle(tx, { accountId, batch, plannedAt: nextAt }),
    }
    const expected = decideSettlement(policy, situation, { now: nextAt ?? now, cutOffAt: nextAt, zone })
    const [last = null] = await listDecisions(tx, { accountId, batch, limit: 1 })
    batches.push({ batch: one, expected, last })
  }
  return { policy, zone, nextAt, batches }
}

export function showPlan({ policy, zone, nextAt, batches }: Plan): string {
  const next = nextAt === null ? 'by hand only (no SETTLE_CRON)' : `next cut-off ${localText(nextAt, zone)}`
  const lines = [`  SETTLE_MODE ${policy.mode}; ${next}`, '']
  if (batches.length === 0) return [...lines, '  No batch is open.'].join('\n')
  for (const { batch, expected, last } of batches) {
    lines.push(`  ${batchLine(batch)}: ${VERDICTS[expected.verdict]}`)
    const reasons = showReasons(expected.reasons)
    if (reasons !== '') lines.push(reasons)
    if (last) {
      lines.push(`    last decided ${localText(last.lastAt, zone)}: ${last.verdict} (${last.mode})`)
      for (const { text } of last.reasons) lines.push(wrap(`- ${text}`, '      '))
    }
  }
  return lines.join('\n')
}

const VERDICTS: Readonly<Record<Decision['verdict'], string>> = {
  settle: 'to be settled, if it ties out then',
  skip: 'left alone by the policy',
  hold: 'held',
}

/** One batch with its terminal, age and money, in a line. */
export function batchLine({ batch, terminalId, batchNumber, netMinor, countTotal, currency }: OpenBatch): string {
  const money = netMinor === null ? 'unknown net' : `net ${formatMinor(netMinor, currency ?? '')} ${currency ?? ''}`
  const place = terminalId === null ? '' : `terminal ${terminalId}, no. ${batchNumber}, `
  return `${batchName(batch)} (${place}${countTotal ?? '?'} transactions, ${money.trim()})`
}

export const showReasons = (reasons: readonly Reason[]): string =>
  reasons.map(({ weight, text }) => wrap(`- ${weight === 'note' ? 'overruled: ' : ''}${text}`, '    ')).join('\n')

export function showAttempts(attempts: readonly Attempt[], decisions: readonly RecordedDecision[]): string {
  if (attempts.length + decisions.length === 0) return '  Nothing was ever decided about settling.'
  const rows = attempts.map((one) => [
    String(one.attemptId),
    idText(one.batch),
    utcText(one.intendedAt),
    one.actor ?? 'schedule',
    one.state.replace('_', ' '),
    closerText(one),
    [one.status, one.words].filter((part) => part !== null && part !== '').join(' '),
  ])
  const decided = decisions.map((one) => [
    utcText(one.lastAt),
    idText(one.batch),
    one.mode,
    one.verdict,
    one.reasons.map(({ code }) => code).join(', '),
  ])
  return [
    table(['attempt', 'batch', 'intended (UTC)', 'by', 'state', 'closed by', 'Helcim said'], rows),
    '',
    table(['decided (UTC)', 'batch', 'mode', 'verdict', 'reasons'], decided),
  ].join('\n')
}

/** How an attempt stands, as a sentence for a person. */
export function showAttempt(attempt: Attempt): string {
  const { attemptId, batch, state, words } = attempt
  const said = words ? `: ${words}` : ''
  switch (state) {
    case 'confirmed':
      return `  ${batchTitle(batch)} is closed (by ${closerText(attempt)}); attempt ${attemptId}.`
    case 'refused':
      return `  Helcim refused to settle ${batchName(batch)}${said}. It is open.`
    case 'not_taken':
      return `  ${batchTitle(batch)} was not settled and is open${said}. Nothing is under way; ask again if you like.`
    case 'abandoned':
      return `  Attempt ${attemptId} was abandoned.`
    default:
      return `  Whether ${batchName(batch)} was settled is not certain yet (attempt ${attemptId}). "tieout start" reads on until it is.`
  }
}

const closerText = ({ closedBy }: Attempt): string => {
  if (closedBy === null) return ''
  return { tieout: 'us', helcim: 'Helcim', either: 'us or Helcim' }[closedBy]
}

export const plannedToJson = ({ policy, zone, nextAt, batches }: Plan, account: string) => ({
  account,
  mode: policy.mode,
  zone,
  nextAt: isoOf(nextAt),
  batches: batches.map(({ batch, expected, last }) => ({
    ...keyToJson(batch.batch),
    terminal: batch.terminalId === null ? null : String(batch.terminalId),
    openedAt: isoOf(batch.openedAt),
    ...moneyOf(batch),
    expected,
    last: last && decisionToJson(last),
  })),
})

export const decisionToJson = ({
  batch,
  businessDate,
  plannedAt,
  mode,
  verdict,
  reasons,
  ...one
}: RecordedDecision) => ({
  ...keyToJson(batch),
  businessDate,
  plannedAt: isoOf(plannedAt),
  mode,
  verdict,
  reasons,
  firstAt: isoOf(one.firstAt),
  lastAt: isoOf(one.lastAt),
  ...moneyOf(one),
})

export const attemptToJson = ({ attemptId, batch, businessDate, state, outcome, status, words, ...one }: Attempt) => ({
  attempt: String(attemptId),
  ...keyToJson(batch),
  businessDate,
  by: one.actor ?? 'schedule',
  state,
  outcome,
  status,
  words,
  closedBy: one.closedBy,
  closedAt: isoOf(one.closedAt),
  plannedAt: isoOf(one.plannedAt),
  intendedAt: isoOf(one.intendedAt),
  calledAt: isoOf(one.calledAt),
  finishedAt: isoOf(one.finishedAt),
  ...moneyOf(one),
})

export const keyToJson = ({ kind, id }: BatchKey) => ({ batch: String(id), kind })

const idText = ({ kind, id }: BatchKey): string => `${kind === 'ach_batch' ? 'ACH ' : ''}${id}`

const moneyOf = (one: { currency: string | null; netMinor: bigint | null; countTotal: number | null }) => ({
  currency: one.currency,
  net: one.netMinor === null ? null : formatMinor(one.netMinor, one.currency ?? ''),
  countTotal: one.countTotal,
})

const isoOf = (at: Instant | null): string | null => at && new Date(at).toISOString()

const utcText = (at: Instant): string => new Date(at).toISOString().slice(0, 16).replace('T', ' ')

const localText = (at: Instant, zone: string): string =>
  `${new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short', timeStyle: 'short', hour12: false }).format(at)} ${zone}`
