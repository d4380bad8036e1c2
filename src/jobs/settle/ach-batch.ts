import { randomUUID } from 'node:crypto'
import type { JobContext } from '../../context.ts'
import { copyTransaction } from '../../db/client.ts'
import { achBatchMirror } from '../../db/mirror/ach.ts'
import { storeRecords } from '../../db/mirror/store-records.ts'
import { loadAchRows } from '../../db/settlement/ach-rows.ts'
import type { AchBatch } from '../../domain/ach.ts'
import { type AchRow, countAch, currenciesOfAch, isSameAch, isTiedAch, netOfAchRows } from '../../domain/ach-tie-out.ts'
import { addDays } from '../../domain/calendar.ts'
import { helcimDate } from '../../domain/helcim-time.ts'
import type { HelcimId } from '../../domain/record.ts'
import type { Tie } from '../../domain/settlement-policy.ts'
import { achBatches, SETTLE_ACH_BATCH, settleAchBatch } from '../../helcim/endpoints/ach.ts'
import { decodePage } from '../../helcim/page.ts'
import type { Proof, SeenBatch, SettleableKind } from './batch-kind.ts'
import { readWindow } from './read-inline.ts'

export const achBatchKind: SettleableKind = {
  list: 'ach_batch',
  endpoint: SETTLE_ACH_BATCH,
  call({ batch, attemptId, idempotencyKey }) {
    if (idempotencyKey === null) throw new Error(`attempt ${attemptId} at an ACH batch has no key`)
    return settleAchBatch(batch.id, idempotencyKey)
  },
  createIdempotencyKey: () => randomUUID(),
  async read(context, achBatchId) {
    const batch = await readBatch(context, achBatchId)
    return batch && seenOf(context, batch, null)
  },
}

/** There is no call for one ACH batch: all of them come in one answer. */
async function readBatch(context: JobContext, achBatchId: HelcimId): Promise<AchBatch | null> {
  const { helcim, clock, signal, db, account } = context
  const { accountId } = account
  const readAt = clock.now()
  const { body } = await helcim.read(achBatches.list(), { callClass: 'settle', signal })
  const { records } = await decodePage(achBatches, body)
  const page = { accountId, observedAt: readAt, storedAt: clock.now(), records }
  await copyTransaction(db, (tx) => storeRecords(tx, achBatchMirror, page))
  return records.find(({ id }) => id === achBatchId)?.record ?? null
}

/** @param rows null before they were read for this purpose: what the mirror holds may be old */
function seenOf(context: JobContext, batch: AchBatch, rows: readonly AchRow[] | null): SeenBatch {
  const [currency = null, ...others] = rows === null ? [] : currenciesOfAch(rows)
  return {
    terminalId: null,
    openedAt: batch.opened.instant,
    closedAt: batch.closed.instant,
    isClosed: batch.status === 'CLOSED',
    isStrictlyOpen: batch.isStrictlyOpen,
    currency: others.length > 0 ? null : currency,
    netMinor: rows === null ? null : netOfAchRows(rows),
    countTotal: countAch(batch),
    prove: (cause) => prove(context, batch, cause),
  }
}

/**
 * Payments join a batch when they are approved, in no order and without a time of it. So figures and rows are read in
 * turn: figures that stand still around a reading of the rows and do not agree with them differ for certain; those that
 * moved must agree with the rows of the reading before them, and any of those that came since.
 */
async function prove(context: JobContext, first: AchBatch, cause: string): Promise<Proof> {
  const { achBatchId } = first
  const before = await readRows(context, first, `${cause} before`)
  const proved = (batch: AchBatch, rows: readonly AchRow[], tie: Tie): Proof => ({
    seen: seenOf(context, batch, rows),
    tie: currenciesOfAch(rows).length > 1 ? 'mixed' : tie,
  })
  if (before !== null && isTiedAch(first, before, [])) return proved(first, before, 'tied')
  const second = await readBatch(context, achBatchId)
  if (before === null || second === null) return { seen: seenOf(context, second ?? first, null), tie: 'waiting' }
  if (isTiedAch(second, before, [])) return proved(second, before, 'tied')
  if (isSameAch(first, second)) return proved(second, before, 'differs')
  const after = await readRows(context, second, `${cause} after`)
  if (after === null) return proved(second, before, 'waiting')
  const known = new Set(before.map(({ id }) => id))
  const certain = after.filter(({ id }) => known.has(id))
  const later = after.filter(({ id }) => !known.has(id))
  return proved(second, after, isTiedAch(second, certain, later) ? 'tied' : 'waiting')
}

/** A payment may wait so long before it is approved, and joins its batch only then. */
const PENDING_DAYS_MAX = 7

/**
 * No filter asks for the rows of a batch: those of all days are read that they may have been created on.
 * @returns null when they could not be read completely
 */
async function readRows(context: JobContext, batch: AchBatch, cause: string): Promise<readonly AchRow[] | null> {
  const { db, account, clock } = context
  const { achBatchId, opened } = batch
  const to = helcimDate(clock.now())
  const from = addDays(opened.instant === null ? to : helcimDate(opened.instant), -PENDING_DAYS_MAX)
  const window = { kind: 'days', from, to } as const
  const isRead = await readWindow(context, { resource: 'ach_transaction', window, cause })
  return isRead ? loadAchRows(db, { accountId: account.accountId, achBatchId }) : null
}
