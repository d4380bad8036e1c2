import { loadOwnAchRows, sumAchMoney } from '../db/ach-checks.ts'
import type { Tx } from '../db/client.ts'
import { type AchBatchVerdict, type AchRow, type AchSettings, judgeAchRow } from '../domain/ach-judgement.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import type { Finding } from '../domain/mismatch.ts'
import type { HelcimId } from '../domain/record.ts'
import { type InputOutcome, type InputSums, moveInput, sumInputs } from '../domain/run-evidence.ts'
import { namedIn } from './evidence.ts'

/** The ACH batches that a run looked at. */
export interface AchBatchesJudged {
  /** null: all. */
  readonly ids: readonly HelcimId[] | null
  /** Of those that Helcim lists. */
  readonly states: ReadonlyMap<HelcimId, AchBatchVerdict['state']>
}

/** null: it was before the history, and is not held to be complete. */
const OUTCOME_OF: Readonly<Record<AchBatchVerdict['state'], InputOutcome | null>> = {
  ties: 'matched',
  differs: 'found',
  open: 'waiting',
  waiting: 'waiting',
  never: null,
}

/**
 * Where every approved bank payment of the judged batches ends, by the rules of `sumCardInputs`: one that has not cleared
 * waits although its batch ties out. What is in no batch is added by a run that judges everything.
 */
export async function sumAchInputs(
  tx: Tx,
  input: {
    accountId: number
    historyFrom: BusinessDate
    judged: AchBatchesJudged
    findings: readonly Finding[]
    settings: AchSettings
    now: Instant
  },
): Promise<InputSums[]> {
  const { accountId, historyFrom: from, judged, settings, now } = input
  const choice = { accountId, achBatchIds: judged.ids, from }
  const placeOf = (achBatchId: HelcimId | null): InputOutcome | null => {
    if (achBatchId === null) return 'unbatched'
    const state = judged.states.get(achBatchId)
    return state === undefined ? 'waiting' : OUTCOME_OF[state]
  }
  const parts = (await sumAchMoney(tx, choice)).flatMap(({ achBatchId, ...sum }) => {
    const outcome = placeOf(achBatchId)
    return outcome === null ? [] : { ...sum, outcome }
  })
  const foundIds = namedIn(input.findings, 'ach_transaction')
  for (const row of await loadOwnAchRows(tx, { ...choice, namedIds: [...foundIds] })) {
    const before = placeOf(row.achBatchId)
    const outcome = foundIds.has(row.achTransactionId) ? 'found' : ownOutcome(row, now, settings)
    if (before === null || outcome === null) continue
    parts.push(...moveInput({ currency: row.currency, minor: row.amountMinor }, before, outcome))
  }
  return sumInputs(parts)
}

/** What is said of a row by itself, whether or not this run said it; null: it ends as its batch does. */
function ownOutcome(row: AchRow, now: Instant, settings: AchSettings): 'found' | 'waiting' | null {
  const { state } = judgeAchRow(row, now, settings)
  if (state === 'fine') return null
  return state === 'waiting' ? 'waiting' : 'found'
}
