import { sql } from 'drizzle-orm'
import { index, primaryKey, text } from 'drizzle-orm/pg-core'
import { accountId, instant, int64 } from './columns.ts'
import { recon } from './recon.ts'

/** Webhooks of Helcim that were taken: each id once, whatever it says. Nothing of a body is kept but what is named here. */
export const webhooks = recon.table(
  'webhooks',
  {
    accountId: accountId(),
    webhookId: text('webhook_id').notNull(),
    /** As the sender dated it, and as we received it, by our clock. */
    sentAt: instant('sent_at').notNull(),
    receivedAt: instant('received_at').notNull(),
    /** Helcim's word: `cardTransaction`, `terminalCancel`, or `unknown` where it is none. */
    kind: text('kind').notNull(),
    /** The card transaction that it tells of. */
    transactionId: int64('transaction_id'),
    /** `asked` (a pull reads it), `left_to_polling` (too many at once), or `noted` (nothing to read). */
    outcome: text('outcome').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.webhookId] }),
    index('webhooks_asked').on(t.accountId, t.receivedAt).where(sql`outcome = 'asked'`),
  ],
)
