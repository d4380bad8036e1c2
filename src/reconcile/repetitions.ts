import type { ChangedRows } from '../db/card-money/changed-rows.ts'
import {
  type AlikeSale,
  type AlikeSales,
  alikeText,
  areSubscriptionsBeyondToken,
  listAlike,
  listCustomersOf,
  loadAlike,
} from '../db/card-money/repetitions.ts'
import type { Tx } from '../db/client.ts'
import { storeDue } from '../db/due-checks.ts'
import type { ReverseKinds } from '../db/movements/reverse-kinds.ts'
import type { RunAgenda } from '../db/run-agenda.ts'
import { type BusinessDate, startOfDay } from '../domain/calendar.ts'
import { findRepetitions } from '../domain/card-money/duplicates.ts'
import { type Void, withoutVoided } from '../domain/card-money/rows.ts'
import { HELCIM_ZONE } from '../domain/helcim-time.ts'
import type { Finding, MismatchCode } from '../domain/mismatch.ts'
import type { HelcimId } from '../domain/record.ts'
import type { ReadingState } from '../domain/recurring/sides.ts'
import { wordRepetition } from './card-money-findings.ts'
import { type FamilyResult, roundsOf } from './family.ts'
import type { CardMoneySettings } from './settings.ts'

const CODES = ['transaction_duplicated'] as const satisfies readonly MismatchCode[]
const KEYS_PER_ROUND = 1_000

/**
 * Family G: sales that repeat within minutes. Whether both were expected is told by the matches of subscriptions, so it
 * waits until these were read since.
 * @param input `changed`: rows of which there may be something else to say; null for everything. `undecidedIds`: what a payment of a
 *   subscription may still turn out to expect; `rematchedIds`: of which it changed whether one does
 */
export async function reconcileRepetitions(
  tx: Tx,
  input: {
    accountId: number
    historyFrom: BusinessDate
    agenda: RunAgenda
    changed: ChangedRows | null
    undecidedIds: ReadonlySet<HelcimId>
    rematchedIds: ReadonlySet<HelcimId>
    reading: ReadingState
    reverseKinds: ReverseKinds
    settings: CardMoneySettings
  },
): Promise<FamilyResult> {
  const { accountId, historyFrom, agenda, changed, undecidedIds, rematchedIds, reading, reverseKinds, settings } = input
  const { now, subscriptionsReadAt } = reading
  const withinMs = settings.repeatedWithinMs
  const from = startOfDay(historyFrom, HELCIM_ZONE)
  const due = agenda.due('card_transaction')
  const said = agenda.said(CODES)
  const transactionIds = [...rematchedIds, ...[...due, ...said].map(BigInt)]
  const scope = changed === null ? null : { changed, transactionIds }
  const keys = await listAlike(tx, { accountId, scope, from, withinMs })
  const isBeyondToken = keys.length > 0 && (await areSubscriptionsBeyondToken(tx, accountId))
  const isUndecided = ({ transactionId, createdAt }: AlikeSale) =>
    undecidedIds.has(transactionId) || !(isBeyondToken || (subscriptionsReadAt ?? 0) >= createdAt)
  const findings: Finding[] = []
  const roots = new Set(said)
  const waitingIds: HelcimId[] = []
  for (const round of roundsOf(keys, KEYS_PER_ROUND)) {
    for (const alike of await withVoids(reverseKinds, await loadAlike(tx, { accountId, keys: round, from }))) {
      for (const { transactionId } of alike.sales) roots.add(String(transactionId))
      for (const id of heldOf(alike, withinMs)) roots.delete(String(id))
      for (const found of findRepetitions(alike.left, withinMs)) {
        if (isUndecided(found.earlier) || isUndecided(found.later)) waitingIds.push(found.later.transactionId)
        else findings.push(wordRepetition(found, alike))
      }
    }
  }
  for (const id of waitingIds) roots.delete(String(id))
  const judged = scope === null ? null : [...new Set([...due, ...roots])]
  await storeDue(tx, {
    accountId,
    kind: 'card_transaction',
    judged,
    due: waitingIds.map((id) => ({ id: String(id), at: now })),
  })
  return { findings, examined: [{ codes: CODES, subjectRoots: [...roots] }], waitingIds }
}

type Left = Pick<AlikeSales, 'sales' | 'fullRefunds'>

/** Repeated sales that may have been voided, which is to be told yet: they are neither found nor resolved. */
function heldOf({ left, atMost }: { left: Left; atMost: Left }, withinMs: number): HelcimId[] {
  if (atMost === left) return []
  const laterIds = (some: Left) => findRepetitions(some, withinMs).map(({ later }) => later.transactionId)
  const certain = new Set(laterIds(left))
  return laterIds(atMost).filter((id) => !certain.has(id))
}

/** Each group with what of it is left once its voids are taken out, and with what that may be at most. */
async function withVoids(reverseKinds: ReverseKinds, groups: readonly AlikeSales[]) {
  const rows = groups.flatMap(({ sales, fullRefunds }) => [...sales, ...fullRefunds])
  const voidsByGroup = new Map<string, Void[]>()
  const batchIds = rows.flatMap(({ cardBatchId }) => cardBatchId ?? [])
  for (const one of await reverseKinds.ofCards(groups, batchIds)) {
    if (one.cardNumber === null) continue
    const name = alikeText({ ...one, cardNumber: one.cardNumber })
    const voids = voidsByGroup.get(name)
    if (voids) voids.push(one)
    else voidsByGroup.set(name, [one])
  }
  return groups.map((group) => {
    // One of which nothing tells may have voided the repeated sale: that leaves less to find.
    const voids = (voidsByGroup.get(alikeText(group)) ?? []).map((one) => ({ ...one, kind: one.kind ?? 'sale' }))
    const leftBy = (some: readonly Void[]): Left => {
      const { sales, refunds } = withoutVoided({ sales: group.sales, refunds: group.fullRefunds, voids: some })
      return { sales, fullRefunds: refunds }
    }
    const left = leftBy(voids)
    const told = voids.filter(({ isToCome }) => !isToCome)
    return { ...group, left, atMost: told.length === voids.length ? left : leftBy(told) }
  })
}

/** Subscribers whose charges were not decided when they repeated: judged again, these may turn out to be expected. */
export async function listCustomersDue(
  tx: Tx,
  { accountId, agenda }: { accountId: number; agenda: RunAgenda },
): Promise<string[]> {
  const due = agenda.due('card_transaction')
  return due.length === 0 ? [] : listCustomersOf(tx, { accountId, transactionIds: due.map(BigInt) })
}
