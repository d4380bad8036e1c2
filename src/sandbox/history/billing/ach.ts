import { type Instant, toInstant } from '../../../domain/clock.ts'
import { createRandom } from '../../random.ts'
import type { AchBatchRow, AchTransactionRow, AchType } from '../../records/ach.ts'
import type { CustomerRow } from '../../records/customer.ts'
import { addDays } from '../../zone.ts'
import type { BillingContext } from './billing.ts'
import { addBankingDays } from './due-dates.ts'

export interface Ach {
  /** Begins as PENDING, in no batch; all that follows comes by itself over banking days. */
  start(order: AchOrder): AchTransactionRow
  /** The batch that takes what is approved next in that currency. */
  openBatch(currency: string): AchBatchRow | undefined
  /** @throws Error when it is closed already */
  closeBatch(id: bigint, at: Instant): AchBatchRow
}

export interface AchOrder {
  readonly at: Instant
  readonly type: AchType
  readonly customer: CustomerRow
  readonly amountMinor: bigint
  readonly currency: string
  readonly invoiceNumber: string
  readonly originalId?: bigint
  /** When the bank approves it; by lot whether and when unless said. */
  readonly approvedAt?: Instant
  /** Told once each time the money takes a turn. */
  readonly onTurn?: (turn: 'cleared' | 'failed', at: Instant) => void
  /** Told when so much of it has gone back. */
  readonly onRefunded?: (minor: bigint, at: Instant) => void
}

const MINUTE_MS = 60_000

export function createAch(
  { seed, zone, merchant, follow }: BillingContext,
  { returnShare, closesAt }: { returnShare: number; closesAt: string },
): Ach {
  const { achTransactions, achBatches, invoices } = merchant.records
  const openByCurrency = new Map<string, bigint>()

  const closeBatch = (id: bigint, at: Instant) => {
    const batch = achBatches.need(id)
    if (batch.closedAt !== null) throw new Error(`ACH batch ${id} is closed`)
    openByCurrency.delete(batch.currency)
    return achBatches.alter(id, { closedAt: at })
  }
  const ensureOpenBatch = (currency: string, at: Instant): bigint => {
    const open = openByCurrency.get(currency)
    if (open !== undefined) return open
    const batch = achBatches.add((id) => ({
      id,
      createdAt: at,
      currency,
      reference: `ach-${id}`,
      closedAt: null,
      lie: { minor: {}, count: {} },
    }))
    openByCurrency.set(currency, batch.id)
    const today = zone.date(at)
    const closing = zone.at(today, closesAt) > at ? zone.at(today, closesAt) : zone.at(addDays(today, 1), closesAt)
    follow(toInstant(closing + 3000), () => {
      // Somebody may have settled it before.
      if (openByCurrency.get(currency) === batch.id) closeBatch(batch.id, toInstant(closing + 3000))
    })
    return batch.id
  }
  /** Goes on only while the row is there and as it should be: a test may have changed it. */
  const then = (id: bigint, at: Instant, run: (row: AchTransactionRow) => void) =>
    follow(at, () => {
      const row = achTransactions.get(id)
      if (row) run(row)
    })
  const bankingMorning = (from: Instant, days: number, minutes: number) =>
    toInstant(zone.at(addBankingDays(zone.date(from), days), '06:00') + minutes * MINUTE_MS)

  const start: Ach['start'] = (order) => {
    const {
      at,
      type,
      customer,
      amountMinor,
      currency,
      invoiceNumber,
      originalId = 0n,
      approvedAt,
      onTurn,
      onRefunded,
    } = order
    const invoice = invoices.by('number', invoiceNumber.toUpperCase()).at(0)
    const created = achTransactions.add((id) => ({
      id,
      createdAt: at,
      statusAuth: 'PENDING',
      statusClearing: 'OPENED',
      type,
      batchId: 0n,
      orderId: invoice?.id ?? 0n,
      customerCode: customer.code,
      invoiceNumber,
      bankAccountId: customer.bankAccount.id,
      bankLastFours: customer.bankAccount.lastFours,
      amountMinor,
      currency,
      approvalCode: '',
      responseMessage: '',
      originalId,
    }))
    const { id } = created
    const random = createRandom(seed, 'ach', id)
    const drawnAt = toInstant(at + random.integer(5, 120) * MINUTE_MS)
    const decidedAt = approvedAt ?? drawnAt
    if (random.chance(0.5)) {
      then(id, toInstant(at + MINUTE_MS), (row) => {
        if (row.statusAuth === 'PENDING') achTransactions.alter(id, { statusAuth: 'IN_PROGRESS' })
      })
    }
    const fate = random.fraction()
    const end = random.fraction()
    const isReturned = random.chance(returnShare)
    const clearsAfterDays = random.integer(3, 4)
    const returnsAfterDays = random.integer(1, 6)
    const minutes = random.integer(0, 180)
    const isRefunded = random.chance(0.02)
    const isReversed = random.chance(0.02)
    let reverseId: bigint | null = null

    const decline = (status: 'DECLINED' | 'CANCELLED') => {
      const responseMessage = status === 'DECLINED' ? 'Account could not be debited' : ''
      achTransactions.alter(id, { statusAuth: status, responseMessage })
      onTurn?.('failed', decidedAt)
    }
    const fail = (row: AchTransactionRow, status: 'REJECTED' | 'CONTESTED' | 'RETURNED', failedAt: Instant) => {
      achTransactions.alter(row.id, { statusClearing: status, responseMessage: 'Returned by the bank' })
      onTurn?.('failed', failedAt)
    }
    const follower = (followerType: AchType, followerAt: Instant) => {
      const minor = followerType === 'REFUND' && amountMinor > 1n ? amountMinor / 2n : amountMinor
      start({
        at: followerAt,
        type: followerType,
        customer,
        amountMinor: minor,
        currency,
        invoiceNumber,
        originalId: id,
        onTurn: (turn, turnedAt) => {
          if (turn === 'cleared' && followerType === 'REFUND') onRefunded?.(minor, turnedAt)
        },
      })
    }
    const clear = (clearedAt: Instant) =>
      then(id, clearedAt, (row) => {
        if (row.statusClearing !== 'OPENED') return
        if (reverseId !== null) {
          // Voided in its batch: the two rows clear together, and nothing is left.
          for (const each of [id, reverseId]) achTransactions.alter(each, { statusClearing: 'CLEARED' })
          return
        }
        // What follows another payment is approved by whoever began it, and clears.
        const isSure = originalId !== 0n
        if (!isSure && end < 0.02) return fail(row, end < 0.015 ? 'REJECTED' : 'CONTESTED', clearedAt)
        achTransactions.alter(id, { statusClearing: 'CLEARED' })
        onTurn?.('cleared', clearedAt)
        if (isSure) return
        const laterAt = bankingMorning(clearedAt, returnsAfterDays, minutes)
        if (isReturned) then(id, laterAt, (now) => now.statusClearing === 'CLEARED' && fail(now, 'RETURNED', laterAt))
        else if (isRefunded && type === 'WITHDRAWAL') follow(laterAt, () => follower('REFUND', laterAt))
      })
    then(id, decidedAt, (row) => {
      if (row.statusAuth !== 'PENDING' && row.statusAuth !== 'IN_PROGRESS') return
      const isOpenToDoubt = originalId === 0n && approvedAt === undefined
      if (isOpenToDoubt && fate < 0.05) return decline(fate < 0.03 ? 'DECLINED' : 'CANCELLED')
      const batchId = ensureOpenBatch(currency, decidedAt)
      achTransactions.alter(id, { statusAuth: 'APPROVED', approvalCode: 'HCMAPPRV', batchId })
      clear(bankingMorning(decidedAt, clearsAfterDays, minutes))
      if (originalId !== 0n || !isReversed) return
      const voidedAt = toInstant(decidedAt + MINUTE_MS)
      then(id, voidedAt, (now) => {
        if (achBatches.get(batchId)?.closedAt !== null) return
        const reverse = { ...now, createdAt: voidedAt, type: 'REVERSE', originalId: id } as const
        reverseId = achTransactions.add((next) => ({ ...reverse, id: next })).id
        onTurn?.('failed', voidedAt)
      })
    })
    return created
  }

  return {
    start,
    openBatch: (currency) => {
      const id = openByCurrency.get(currency)
      return id === undefined ? undefined : achBatches.get(id)
    },
    closeBatch,
  }
}
