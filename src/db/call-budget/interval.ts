import { sql } from 'drizzle-orm'

/** Real milliseconds as Postgres' interval. */
export const interval = (durationMs: number) => sql`make_interval(secs => ${durationMs / 1000}::float8)`
