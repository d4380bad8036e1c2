import type { BatchKind } from '../../domain/batch-key.ts'
import { achBatchKind } from './ach-batch.ts'
import type { SettleableKind } from './batch-kind.ts'
import { cardBatchKind } from './card-batch.ts'

/** Everything that can be settled. */
export const SETTLEABLE: Readonly<Record<BatchKind, SettleableKind>> = {
  card_batch: cardBatchKind,
  ach_batch: achBatchKind,
}
