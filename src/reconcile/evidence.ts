import type { BatchFacts } from '../db/batch-facts.ts'
import type { Tx } from '../db/client.ts'
import { countMissingDays, listAllProofs } from '../db/figures.ts'
import { listMoneyRows } from '../db/run-evidence.ts'
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
 * would tell, else as its batch does. None ends in two.
 */
export async function sumCardInputs(
  tx: Tx,
  input: {
    accountId: number
    facts: readonly BatchFacts[]
    judgements: readonly BatchJudgement[]
    findings: readonly Finding[]
    waitingIds: readonly HelcimId[]
  },
): Promise<InputSums[]> {
  const { accountId, facts, judgements, findings, waitingIds } = input
  const outcomes = new Map(judgements.map(({ cardBatchId, state }) => [cardBatchId, OUTCOME_OF[state]]))
  const parts: InputPart[] = facts.flatMap(({ cardBatchId, moneyByCurrency }) =>
    moneyByCurrency.map(({ currency, count, minor }) => ({
      currency,
      outcome: outcomes.get(cardBatchId) ?? 'waiting',
      count,
      minor,
    })),
  )
  const foundIds = new Set(
    findings.flatMap(({ subject, evidence }) => [`${subject.kind}:${subject.id}`, ...evidence]).flatMap(idOf),
  )
  const ids = new Set([...foundIds, ...waitingIds])
  for (const { id, cardBatchId, currency, minor } of await listMoneyRows(tx, { accountId, ids: [...ids] })) {
    const before = cardBatchId === null ? undefined : outcomes.get(cardBatchId)
    const outcome = foundIds.has(id) ? 'found' : 'waiting'
    // A batch that differs is found as a whole.
    if (before === undefined || before === outcome || before === 'found') continue
    parts.push({ currency, outcome: before, count: -1, minor: -minor }, { currency, outcome, count: 1, minor })
  }
  return sumInputs(parts)
}

const idOf = (evidence: string): HelcimId[] => {
  const [, id] = /^card_transaction:(\d{1,18})$/.exec(evidence) ?? []
  return id === undefined ? [] : [BigInt(id)]
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
    settings: CheckSettings
    now: Instant
  },
): Promise<RunEvidence> {
  const { accountId, historyFrom, isAchReadable, yesterday, cards, settings, now } = input
  const freshness = await gatherFreshness(tx, { accountId, graceMs: settings.pullIncompleteMs, now })
  return {
    historyFrom,
    isAchReadable,
    cards,
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
    const { provedAt = null, isPermitted = true } = proofs.get(resource) ?? {}
    return freshnessOfInput({ resource, provedAt, isPermitted }, { now, graceMs })
  })
}

/** As it is stored: amounts as texts of minor units, instants in ISO. */
export const evidenceToJson = ({ cards, freshness, ...rest }: RunEvidence) => ({
  ...rest,
  cards: cards.map(({ currency, minor, count, minors, counts }) => ({
    currency,
    count,
    minor: String(minor),
    matchedMinor: String(minors.matched),
    foundMinor: String(minors.found),
    waitingMinor: String(minors.waiting),
    counts,
  })),
  freshness: freshness.map(({ provedAt, ...one }) => ({
    ...one,
    provedAt: provedAt === null ? null : new Date(provedAt).toISOString(),
  })),
})
