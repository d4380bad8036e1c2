import type { MirrorTable } from '../../db/mirror/mirror-table.ts'
import { storeRecords, storeUndecodable } from '../../db/mirror/store-records.ts'
import type { RecordShape } from '../../helcim/endpoint.ts'
import { decodePage, decodeSingle } from '../../helcim/page.ts'
import { replayOf } from './replay.ts'
import type { InnerRecords } from './resource.ts'

/** Records that stand within another's, wherever an answer holds them; kept as records of their own. */
export const innerRecords = <R>(
  endpoint: RecordShape<R> & { readonly name: string },
  mirror: MirrorTable<R>,
): InnerRecords => ({
  replay: replayOf(endpoint, mirror),
  async read({ body, isSingle }) {
    const page = isSingle ? await decodeSingle(endpoint, body) : await decodePage(endpoint, body)
    const { records, undecodable } = page
    return async (tx, { accountId, readAt: observedAt, now: storedAt }) => {
      if (records.length + undecodable.length === 0) return
      await storeRecords(tx, mirror, { accountId, observedAt, storedAt, records })
      const decodedIds = records.map(({ id }) => id)
      await storeUndecodable(tx, { accountId, resource: mirror.resource, observedAt, undecodable, decodedIds })
    }
  },
})
