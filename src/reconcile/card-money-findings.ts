import type { AlikeSale } from '../db/card-money/repetitions.ts'
import { businessDateOf } from '../domain/calendar.ts'
import type { Repetition } from '../domain/card-money/duplicates.ts'
import type { RefundFinding } from '../domain/card-money/refunds.ts'
import type { ReverseFinding } from '../domain/card-money/reverses.ts'
import type { CardRow } from '../domain/card-money/rows.ts'
import { HELCIM_ZONE } from '../domain/helcim-time.ts'
import { type Finding, moneyFinding } from '../domain/mismatch.ts'
import { moneyText } from '../domain/money.ts'
import { CARD_MONEY_CHECKS, type CardMoneyCode } from './card-money-checks.ts'

/** The card behind a finding, as its sentences name it. */
interface Named {
  readonly cardNumber: string | null
  readonly currency: string
}

export function wordRefund(found: RefundFinding, named: Named): Finding {
  const money = moneyIn(named.currency)
  if (found.code === 'refund_without_original') {
    const { refund } = found
    return onTransaction(found.code, refund, named, {
      expectedMinor: 0n,
      actualMinor: refund.amountMinor,
      summary: `Transaction ${refund.transactionId} refunded ${money(refund.amountMinor)} to ${cardOf(named)} on ${dayOf(refund)}; no sale is found that it can give back.`,
      rows: [refund],
    })
  }
  const { original, refunds, isOneOfSeveral } = found
  const total = refunds.reduce((sum, { amountMinor }) => sum + amountMinor, 0n)
  const doubt = isOneOfSeveral ? ' Which of the sales of this card is meant is not told.' : ''
  return onTransaction(found.code, original, named, {
    expectedMinor: original.amountMinor,
    actualMinor: total,
    summary: `Of transaction ${original.transactionId}, ${money(original.amountMinor)} by ${cardOf(named)}, ${money(total)} were refunded: ${listOf(refunds)}.${doubt}`,
    rows: [original, ...refunds],
  })
}

export function wordReverse(found: ReverseFinding, named: Named): Finding {
  const money = moneyIn(named.currency)
  const { reverse } = found
  const what = `Transaction ${reverse.transactionId} reversed ${money(reverse.amountMinor)} of ${cardOf(named)} on ${dayOf(reverse)}`
  if (found.code === 'reverse_after_close') {
    const { original } = found
    return onTransaction(found.code, reverse, named, {
      expectedMinor: 0n,
      actualMinor: reverse.amountMinor,
      summary: original
        ? `${what}, but what it voids, transaction ${original.transactionId}, is in batch ${original.cardBatchId}, which had closed before.`
        : `${what}, after its batch ${reverse.cardBatchId} had closed.`,
      rows: original ? [reverse, original] : [reverse],
    })
  }
  const { candidates } = found
  return onTransaction(found.code, reverse, named, {
    expectedMinor: 0n,
    actualMinor: reverse.amountMinor,
    summary:
      candidates.length === 0
        ? `${what}; its batch ${reverse.cardBatchId} holds nothing of that card and amount that it can have voided.`
        : `${what}; which of ${listOf(candidates)} it voided is not told.`,
    rows: [reverse, ...candidates],
  })
}

export function wordRepetition(found: Repetition<AlikeSale>, named: Named): Finding {
  const { earlier, later, refundsPossible } = found
  const apart = Math.round((later.createdAt - earlier.createdAt) / 1000)
  const distance = apart < 120 ? `${apart} seconds` : `${Math.round(apart / 60)} minutes`
  const doubt =
    refundsPossible.length === 0 ? '' : ` Whether ${listOf(refundsPossible)} gave one of them back is not told.`
  return onTransaction('transaction_duplicated', later, named, {
    expectedMinor: 0n,
    actualMinor: later.amountMinor,
    summary: `Transaction ${later.transactionId} took ${moneyIn(named.currency)(later.amountMinor)} from ${cardOf(named)} ${distance} after transaction ${earlier.transactionId} had taken the same.${doubt}`,
    rows: [later, earlier, ...refundsPossible],
  })
}

function onTransaction(
  code: CardMoneyCode,
  { transactionId }: CardRow,
  { currency }: Named,
  facts: { expectedMinor: bigint; actualMinor: bigint; summary: string; rows: readonly CardRow[] },
): Finding {
  const { severity, subject, advice } = CARD_MONEY_CHECKS[code]
  return moneyFinding({
    code,
    severity,
    subject: { kind: subject, id: String(transactionId) },
    currency,
    expectedMinor: facts.expectedMinor,
    actualMinor: facts.actualMinor,
    summary: facts.summary,
    advice,
    evidence: facts.rows.map((row) => `card_transaction:${row.transactionId}`),
  })
}

const moneyIn = (currency: string) => (minor: bigint) => moneyText(minor, currency)
const cardOf = ({ cardNumber }: Named): string => (cardNumber === null ? 'an unknown card' : `card ${cardNumber}`)
const dayOf = ({ createdAt }: CardRow): string => businessDateOf(createdAt, HELCIM_ZONE)
const listOf = (rows: readonly CardRow[]): string => {
  const ids = rows.map(({ transactionId }) => String(transactionId))
  return ids.length === 1 ? `transaction ${ids[0]}` : `transactions ${ids.slice(0, -1).join(', ')} and ${ids.at(-1)}`
}
