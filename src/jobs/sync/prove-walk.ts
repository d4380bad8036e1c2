import type { Services } from '../../context.ts'
import type { Tx } from '../../db/client.ts'
import { coverDays, markVanished } from '../../db/coverage.ts'
import type { MirrorTable } from '../../db/mirror/mirror-table.ts'
import type { Pull } from '../../db/pulls.ts'
import type { WalkEnd } from './resource.ts'

/**
 * What a complete walk proves: records of its window that it did not return are gone, and its days are covered. Where
 * it may hold others than were read, it may hold any of those.
 */
export const proveWalk =
  <R>(mirror: MirrorTable<R>) =>
  async (tx: Tx, _services: Services, { pull, ids, mayHoldOthers, now }: WalkEnd): Promise<readonly Pull[]> => {
    const { accountId, pullId, window, walkStartedAt: readAt } = pull
    if (window.kind !== 'all' && window.kind !== 'days' && window.kind !== 'code') return []
    if (!mayHoldOthers) await markVanished(tx, mirror, { accountId, window, seenIds: ids, readAt, now })
    if (window.kind !== 'days') return []
    const { from, to } = window
    await coverDays(tx, { accountId, resource: mirror.resource, from, to, readAt, pullId })
    return []
  }
