import { sql } from 'drizzle-orm'
import { bigint, customType, integer, json, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/** Money in minor units, ids and counters: 64-bit, never a double. */
export const int64 = (name: string) => bigint(name, { mode: 'bigint' })

/** An instant. Read as epoch milliseconds in code, see `toInstant`. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

export const accountId = () => integer('account_id').notNull()

/** Array of 64-bit ids. */
export const int64Array = customType<{ data: bigint[]; driverData: string[] }>({
  dataType: () => 'bigint[]',
  toDriver: (ids) => ids.map(String),
  fromDriver: (ids) => ids.map(BigInt),
})

/**
 * What every mirrored record carries. `raw` is `json`, not `jsonb`: it keeps the received text to the letter (digits,
 * order, escaped NULs, which jsonb refuses) and costs less to write.
 */
export const mirrored = () => ({
  raw: json('raw').notNull(),
  contentHash: uuid('content_hash').notNull(),
  /** Fields whose value is outside the known ones, as `[{field, value}]`; null for almost every row. */
  unknownValues: json('unknown_values').$type<{ field: string; value: string }[]>(),
  observedAt: instant('observed_at').notNull(),
  firstSeenAt: instant('first_seen_at').notNull(),
  /** Set when a complete re-read of its window no longer returned it; the row stays. */
  vanishedAt: instant('vanished_at'),
})

export const createdNow = (name: string) => instant(name).notNull().default(sql`now()`)
export const emptyText = (name: string) => text(name).notNull().default('')
