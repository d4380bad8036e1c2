import type { Db } from '../../db/client.ts'
import type { MirrorTable } from '../../db/mirror/mirror-table.ts'
import { type Replayed, replayRecords } from '../../db/mirror/replay-records.ts'
import type { RecordShape } from '../../helcim/endpoint.ts'
import { decodeRecord } from '../../helcim/page.ts'

/** Records per transaction: readings of the same resource wait for one of these at most. */
const RECORDS_AT_ONCE = 500

export interface ReplayResult {
  readonly table: string
  readonly countRecords: number
  readonly countChanged: number
  /** What this version cannot read; left as it was. */
  readonly unreadableIds: readonly bigint[]
}

/** Rebuilds what this version makes of all records of a table, without a call and while others read. */
export type Replay = (db: Db, request: { accountId: number; signal: AbortSignal }) => Promise<ReplayResult>

export const replayOf =
  <R>(endpoint: RecordShape<R> & { readonly name: string }, mirror: MirrorTable<R>): Replay =>
  async (db, { accountId, signal }) => {
    let result: ReplayResult = { table: mirror.table, countRecords: 0, countChanged: 0, unreadableIds: [] }
    for (let afterId: bigint | null = 0n; afterId !== null && !signal.aborted; ) {
      const done: Replayed = await replayRecords(db, mirror, {
        accountId,
        afterId,
        limit: RECORDS_AT_ONCE,
        decode({ raw }) {
          const outcome = decodeRecord(endpoint, { text: raw, isUtf8: true })
          return outcome.isDecoded ? outcome.decoded : null
        },
      })
      result = {
        table: mirror.table,
        countRecords: result.countRecords + done.countRecords,
        countChanged: result.countChanged + done.countChanged,
        unreadableIds: [...result.unreadableIds, ...done.unreadableIds],
      }
      afterId = done.lastId
    }
    return result
  }
