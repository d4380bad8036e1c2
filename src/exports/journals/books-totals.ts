import { sql } from 'drizzle-orm'
import type { Tx } from '../../db/client.ts'
import type { BooksSettings } from '../../domain/journal/chart.ts'
import { loadBalances } from './load.ts'
import type { BooksTotals } from './verify.ts'

/** What the books of this database say of the period of a file, as far as they went when it was written. */
export const booksTotalsOf =
  (tx: Tx, settingsOf: (accountName: string) => BooksSettings): BooksTotals =>
  async ({ account, period, throughEntry }) => {
    const { rows } = await tx.execute<{ account_id: number }>(
      sql`select account_id from recon.accounts where name = ${account}`,
    )
    const accountId = rows[0]?.account_id
    if (accountId === undefined) return null
    const part = { accountId, to: period.to, throughEntry: BigInt(throughEntry) }
    const settings = settingsOf(account)
    return {
      sums: await loadBalances(tx, { ...part, from: period.from }, settings),
      closing: await loadBalances(tx, { ...part, from: null }, settings),
    }
  }
