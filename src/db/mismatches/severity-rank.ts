import { type SQL, sql } from 'drizzle-orm'
import { SEVERITIES } from '../../domain/mismatch.ts'

/** The place of a severity, the worst first, to order by. @param severity a column or another expression */
export const rankOfSeverity = (severity: SQL): SQL =>
  sql`array_position(${sql.raw(`array['${SEVERITIES.join("', '")}']`)}, ${severity})`
