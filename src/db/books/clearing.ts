import { sql } from 'drizzle-orm'
import type { BusinessDate } from '../../domain/calendar.ts'
import type { Tx } from '../client.ts'

/**
 * What the clearing account of card sales holds for all that belongs to a day and those before it, in minor units by
 * currency; also where it was dated later, as its month was closed.
 */
export async function sumClearing(tx: Tx, accountId: number, until: BusinessDate): Promise<Map<string, bigint>> {
  const { rows } = await tx.execute<{ currency: string; minor: string }>(sql`
    select e.currency, sum(p.amount_minor)::text as minor
    from books.entries e join books.postings p on p.account_id = e.account_id and p.entry_id = e.entry_id
    where e.account_id = ${accountId} and e.natural_on <= ${until}::date and p.account = 'clearing'
    group by 1`)
  return new Map(rows.map(({ currency, minor }) => [currency, BigInt(minor)]))
}
