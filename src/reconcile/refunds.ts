import { listDecidedBatches } from '../db/batch-checks.ts'
import { listCardsWithRefunds, loadCards, locateTransactions } from '../db/card-money/cards.ts'
import type { ChangedRows } from '../db/card-money/changed-rows.ts'
import type { Tx } from '../db/client.ts'
import { storeDue } from '../db/due-checks.ts'
import { cardKeyText, type ReverseKinds } from '../db/movements/reverse-kinds.ts'
import type { RunAgenda } from '../db/run-agenda.ts'
import { addDays, type BusinessDate, startOfDay } from '../domain/calendar.ts'
import { judgeRefunds } from '../domain/card-money/refunds.ts'
import { type CardRow, canHaveVoided, withoutVoided } from '../domain/card-money/rows.ts'
import type { Instant } from '../domain/clock.ts'
import { createReadBetween } from '../domain/days-read.ts'
import { HELCIM_ZONE, helcimDate } from '../domain/helcim-time.ts'
import type { Finding, MismatchCode } from '../domain/mismatch.ts'
import type { HelcimId } from '../domain/record.ts'
import type { ReadingState } from '../domain/recurring/sides.ts'
import { wordRefund } from './card-money-findings.ts'
import { type FamilyResult, roundsOf } from './family.ts'
import type { CardMoneySettings } from './settings.ts'

const CODES = ['refund_without_original', 'refund_exceeds_original'] as const satisfies readonly MismatchCode[]
const CARDS_PER_ROUND = 1_000

/**
 * Family F, refunds: judges the cards with refunds of which something changed, or all of them. Each is judged from all its
 * sales and refunds since the history begins.
 * @param input `changed`: rows of which there may be something else to say; null for everything
 */
export async function reconcileRefunds(
  tx: Tx,
  input: {
    accountId: number
    historyFrom: BusinessDate
    agenda: RunAgenda
    changed: ChangedRows | null
    reading: ReadingState
    reverseKinds: ReverseKinds
    settings: CardMoneySettings
  },
): Promise<FamilyResult> {
  const { accountId, historyFrom, agenda, changed, reading, reverseKinds, settings } = input
  const { now } = reading
  const dueKeys = agenda.due('card')
  const dueNumbers = dueKeys.map((key) => key.slice(0, key.lastIndexOf(' ')))
  const said = await locateTransactions(tx, {
    accountId,
    ids: agenda.said(CODES).map(BigInt),
  })
  const numbers = [...agenda.marked('card'), ...dueNumbers, ...said.flatMap(({ cardNumber }) => cardNumber ?? [])]
  const scope = changed === null ? null : { changed, numbers }
  const cards = await listCardsWithRefunds(tx, { accountId, scope })
  const from = startOfDay(historyFrom, HELCIM_ZONE)
  const isRead = createReadBetween(reading.daysRead.card)
  const windowFrom = ({ createdAt }: CardRow) => addDays(helcimDate(createdAt), -settings.originalWithinDays)
  const findings: Finding[] = []
  const roots = new Set(said.map(({ id }) => String(id)))
  const waitingIds: HelcimId[] = []
  const dueAgain: { id: string; at: Instant }[] = []
  for (const round of roundsOf(cards, CARDS_PER_ROUND)) {
    const loaded = await loadCards(tx, { accountId, cards: round, from, reverseKinds })
    const batchIds = loaded.flatMap(({ refunds }) => refunds.flatMap(({ cardBatchId }) => cardBatchId ?? []))
    const decided = await listDecidedBatches(tx, { accountId, cardBatchIds: [...new Set(batchIds)] })
    const isProved = (refund: CardRow) => isRead(windowFrom(refund), refund.createdAt)
    // A row of its own batch may have voided it.
    const isBatchDecided = ({ cardBatchId }: CardRow) => cardBatchId === null || decided.has(cardBatchId)
    for (const card of loaded) {
      const toCome = card.voids.filter(({ isToCome }) => isToCome)
      const told = card.voids.filter(({ isToCome }) => !isToCome)
      const isDecided = (refund: CardRow) => isBatchDecided(refund) && !toCome.some((one) => canHaveVoided(one, refund))
      const judged = judgeRefunds(withoutVoided({ ...card, voids: told }), isProved, isDecided)
      findings.push(...judged.findings.map((found) => wordRefund(found, card)))
      for (const { transactionId } of [...card.sales, ...card.refunds]) roots.add(String(transactionId))
      for (const id of judged.heldIds) roots.delete(String(id))
      for (const { transactionId } of judged.waiting) waitingIds.push(transactionId)
      // What lies before the history is not read by waiting.
      if (judged.waiting.some((one) => windowFrom(one) >= historyFrom || !isDecided(one)))
        dueAgain.push({ id: cardKeyText(card), at: now })
    }
  }
  for (const id of waitingIds) roots.delete(String(id))
  // Those that were due are judged, also where their card has no refund any more.
  const judgedKeys = scope === null ? null : [...new Set([...cards.map(cardKeyText), ...dueKeys])]
  await storeDue(tx, { accountId, kind: 'card', judged: judgedKeys, due: dueAgain })
  return { findings, examined: [{ codes: CODES, subjectRoots: [...roots] }], waitingIds }
}
