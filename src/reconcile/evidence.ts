import type { BatchFacts } from '../db/batch-facts.ts'
import type { Tx } from '../db/client.ts'
import { countMissingDays, listAllProofs } from '../db/figures.ts'
import { listMoneyRows, type MoneyRow, sumUnbatched } from '../db/run-evidence.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import type { Finding } from '../domain/mismatch.ts'
import type { HelcimId } from '../domain/record.ts'
import {
  freshnessOfInput,
  INPUT_RESOURCES,
  type InputFreshness,
  type InputOutcome,
  type InputPart,
  type InputSums,
  moveInput,
  type RunEvidence,
  sumInputs,
} from '../domain/run-evidence.ts'
import type { BatchJudgement } from './card-batches.ts'
import type { CheckSettings } from './settings.ts'

const OUTCOME_OF: Readonly<Record<BatchJudgement['state'], InputOutcome>> = {
  tied: 'matched',
  differs: 'found',
  missing: 'found',
  waiting: 'waiting',
}

/**
 * Where every approved transaction of the judged batches ends: found when a finding names it, waiting when more reading
 * would tell, else as its batch does. None ends in two. What is in no batch is added by a run that judges everything.
 */
export async function sumCardInputs(
  tx: Tx,
  input: {
    accountId: number
    facts: readonly BatchFacts[]
    judgements: readonly BatchJudgement[]
    findings: readonly Finding[]
    waitingIds: readonly HelcimId[]
    /** From this day on, those in no batch as well; null for none of them. */
    unbatchedFrom: BusinessDate | null
  },
): Promise<InputSums[]> {
  const { accountId, facts, judgements, findings, waitingIds, unbatchedFrom } = input
  const outcomes = new Map(judgements.map(({ cardBatchId, state }) => [cardBatchId, OUTCOME_OF[state]]))
  const parts: InputPart[] = facts.flatMap(({ cardBatchId, moneyByCurrency }) =>
    moneyByCurrency.map(({ currency, count, minor }) => ({
      currency,
      outcome: outcomes.get(cardBatchId) ?? 'waiting',
      count,
      minor,
    })),
  )
  const unbatched = unbatchedFrom === null ? [] : await sumUnbatched(tx, { accountId, from: unbatchedFrom })
  parts.push(...unbatched.map((one) => ({ ...one, outcome: 'unbatched' as const })))
  const isUnbatched = ({ createdOn }: MoneyRow) =>
    unbatchedFrom !== null && createdOn !== null && createdOn >= unbatchedFrom
  const placeOf = (row: MoneyRow): InputOutcome | undefined => {
    if (row.cardBatchId !== null) return outcomes.get(row.cardBatchId)
    return isUnbatched(row) ? 'unbatched' : undefined
  }
  const foundIds = namedIn(findings, 'card_transaction')
  const ids = new Set([...foundIds, ...waitingIds])
  for (const row of await listMoneyRows(tx, { accountId, ids: [...ids] })) {
    const before = placeOf(row)
    if (before !== undefined) parts.push(...moveInput(row, before, foundIds.has(row.id) ? 'found' : 'waiting'))
  }
  return sumInputs(parts)
}

/** Ids of the rows of a kind that findings name, as what they are about or by way of evidence. */
export function namedIn(findings: readonly Finding[], kind: 'card_transaction' | 'ach_transaction'): Set<HelcimId> {
  const named = new RegExp(`^${kind}:(\\d{1,18})$`)
  const names = findings.flatMap(({ subject, evidence }) => [`${subject.kind}:${subject.id}`, ...evidence])
  return new Set(names.flatMap((name) => named.exec(name)?.[1] ?? []).map(BigInt))
}

/** How far and how fresh what a run went by was. */
export async function gatherEvidence(
  tx: Tx,
  input: {
    accountId: number
    historyFrom: BusinessDate
    isAchReadable: boolean
    yesterday: BusinessDate
    cards: readonly InputSums[]
    ach: readonly InputSums[]
    settings: CheckSettings
    now: Instant
  },
): Promise<RunEvidence> {
  const { accountId, historyFrom, isAchReadable, yesterday, cards, ach, settings, now } = input
  const freshness = await gatherFreshness(tx, { accountId, graceMs: settings.pullIncompleteMs, now })
  return {
    historyFrom,
    isAchReadable,
    cards,
    ach,
    freshness,
    countMissingDays: await countMissingDays(tx, { accountId, history: { from: historyFrom, to: yesterday }, now }),
    staleResources: freshness.filter(({ state }) => state === 'stale').map(({ resource }) => resource),
  }
}

/** What was never asked for is stale like what was never read: nobody said that there is none of it. */
async function gatherFreshness(
  tx: Tx,
  { accountId, graceMs, now }: { accountId: number; graceMs: number; now: Instant },
): Promise<InputFreshness[]> {
  const proofs = new Map((await listAllProofs(tx, accountId)).map((proof) => [proof.resource, proof]))
  return INPUT_RESOURCES.map((resource) => {
    const { provedAt = null, isPermitted = true, cardDaysCalls = 0 } = proofs.get(resource) ?? {}
    return freshnessOfInput({ resource, provedAt, isPermitted, cardDaysCalls }, { now, graceMs })
  })
}

/** As it is stored: amounts as texts of minor units, instants in ISO. */
export const evidenceToJson = ({ cards, ach, freshness, ...rest }: RunEvidence) => ({
  ...rest,
  cards: cards.map(sumsToJson),
  ach: ach.map(sumsToJson),
  freshness: freshness.map(({ provedAt, ...one }) => ({
    ...one,
    provedAt: provedAt === null ? null : new Date(provedAt).toISOString(),
  })),
})

const sumsToJson = ({ currency, minor, count, minors, counts }: InputSums) => ({
  currency,
  count,
  minor: String(minor),
  matchedMinor: String(minors.matched),
  foundMinor: String(minors.found),
  waitingMinor: String(minors.waiting),
  unbatchedMinor: String(minors.unbatched),
  counts,
})
