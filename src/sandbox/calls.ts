import type { Clock, Instant } from '../domain/clock.ts'

/** One call as the server saw it. Tokens stay out; their holder's name tells enough. */
export interface CallRecord {
  /** From 1, in order of arrival. */
  readonly number: number
  readonly method: string
  /** Under `/v2`, without trailing slash. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly arrivedAt: Instant
  /** null while in progress. */
  readonly answeredAt: Instant | null
  /** null while in progress, and when the client got no answer. */
  readonly status: number | null
  /** null for an unknown token. */
  readonly tokenName: string | null
  /** null where none was sent. */
  readonly idempotencyKey: string | null
}

export interface CallLog {
  /** The latest ones, oldest first. */
  calls(): readonly CallRecord[]
  arrive(call: Pick<CallRecord, 'method' | 'path' | 'query' | 'tokenName' | 'idempotencyKey'>): CallRecord
  answer(call: CallRecord, status: number | null): void
}

/** Enough for hours at full speed, and a bound for days. */
const KEPT_MAX = 100_000

export function createCallLog(clock: Clock): CallLog {
  const byNumber = new Map<number, CallRecord>()
  let countArrived = 0
  return {
    calls: () => [...byNumber.values()],
    arrive(call) {
      countArrived += 1
      const record = { ...call, number: countArrived, arrivedAt: clock.now(), answeredAt: null, status: null }
      byNumber.set(record.number, record)
      byNumber.delete(countArrived - KEPT_MAX)
      return record
    },
    answer(call, status) {
      // Setting a key that is there keeps its place, so the order of arrival stays.
      if (byNumber.has(call.number)) byNumber.set(call.number, { ...call, answeredAt: clock.now(), status })
    },
  }
}
