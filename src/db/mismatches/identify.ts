import { sql } from 'drizzle-orm'
import { UsageError } from '../../domain/operating-error.ts'
import type { Tx } from '../client.ts'
import { arrayOf } from '../sql-values.ts'

const DIGITS_MIN = 6
/** More candidates than that help nobody. */
const CANDIDATES_MAX = 4

/**
 * Finds the mismatches that these beginnings of ids name, as git does with commits: at least six hex digits, dashes as
 * you like. The answer has the order of the question and names none twice.
 * @throws UsageError with one line, when one of them is no id, unknown or ambiguous
 */
export async function findMismatchIds(
  tx: Tx,
  { accountId, prefixes }: { accountId: number; prefixes: readonly string[] },
): Promise<string[]> {
  const digits = prefixes.map(hexDigitsOf)
  const { rows } = await tx.execute<{ prefix: string; mismatch_id: string }>(sql`
    select prefix, mismatch_id from unnest(${arrayOf(digits)}::text[]) as prefix
    join recon.mismatches on account_id = ${accountId} and starts_with(replace(mismatch_id::text, '-', ''), prefix)
    order by mismatch_id`)
  const ids = digits.map((prefix, index) => {
    const found = [...new Set(rows.filter((row) => row.prefix === prefix).map((row) => row.mismatch_id))]
    const [id] = found
    if (id === undefined) throw new UsageError(`${prefixes[index]}: there is no mismatch with this id`)
    if (found.length === 1) return id
    const shown = found.slice(0, CANDIDATES_MAX).map((one) => one.slice(0, prefix.length + 6))
    const rest = found.length > CANDIDATES_MAX ? ' and others' : ''
    throw new UsageError(
      `${prefixes[index]}: ${found.length} mismatches begin so (${shown.join(', ')}${rest}); give more digits`,
    )
  })
  return [...new Set(ids)]
}

function hexDigitsOf(text: string): string {
  const digits = text.toLowerCase().replaceAll('-', '')
  if (/^[0-9a-f]+$/.test(digits) && digits.length >= DIGITS_MIN && digits.length <= 32) return digits
  throw new UsageError(`"${text}" is no id of a mismatch: give at least ${DIGITS_MIN} hex digits of one that is listed`)
}
