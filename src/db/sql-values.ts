import { type SQL, sql } from 'drizzle-orm'
import { type Instant, toInstant } from '../domain/clock.ts'

export const timestamp = (instant: Instant): SQL => sql`${new Date(instant).toISOString()}::timestamptz`

/** Raw queries give timestamps as text. */
export const instantOf = (text: string | null | undefined): Instant | null =>
  text === null || text === undefined ? null : toInstant(new Date(text).getTime())

/** A Postgres array literal in one parameter; for ids and hashes, which need no quoting. */
export const arrayOf = (values: readonly (bigint | string)[]): string => `{${values.join(',')}}`
