import { sql } from 'drizzle-orm'
import type { Tx } from '../db/client.ts'
import { formatMinor } from '../domain/money.ts'
import { printable } from '../domain/printable.ts'
import { fitColumns, table } from './paint.ts'

const NAME_WIDTH_MIN = 12

/** Batches per terminal: how many tie out, how many do not, and the net sales that are proved. */
export async function showTerminals(tx: Tx, accountId: number): Promise<string> {
  const { rows } = await tx.execute<Record<string, string>>(sql`
    select t.terminal_id, t.nickname, t.currency, count(b.card_batch_id) as batches,
      count(*) filter (where c.state = 'tied') as tied,
      count(*) filter (where c.state = 'differs') as differing,
      count(*) filter (where b.card_batch_id is not null and coalesce(c.state, 'waiting') = 'waiting') as waiting,
      coalesce(sum(b.net_minor) filter (where c.state = 'tied'), 0) as net_tied
    from helcim.card_terminals t
    left join helcim.card_batches b on b.account_id = t.account_id and b.terminal_id = t.terminal_id
    left join recon.batch_checks c on c.account_id = b.account_id and c.card_batch_id = b.card_batch_id
    where t.account_id = ${accountId} group by 1, 2, 3 order by 1`)
  const cells = rows.map((row) => [
    String(row.terminal_id),
    printable(row.nickname ?? ''),
    String(row.batches),
    String(row.tied),
    String(row.differing),
    String(row.waiting),
    `${formatMinor(BigInt(row.net_tied ?? 0), row.currency ?? '')} ${row.currency}`,
  ])
  const heads = ['terminal', 'name', 'batches', 'tied', 'differ', 'wait', 'net proved']
  const fitted = fitColumns([heads, ...cells], [{ column: 1, widthMin: NAME_WIDTH_MIN }])
  return table(heads, fitted.slice(1), [2, 3, 4, 5, 6])
}
