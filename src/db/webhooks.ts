import { and, count, eq, gt } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import type { WebhookMessage, WebhookOutcome } from '../domain/webhook.ts'
import type { Tx } from './client.ts'
import { webhooks } from './schema/webhooks.ts'

/** How many messages were followed by a reading since an instant. */
export async function countAsked(tx: Tx, accountId: number, since: Instant): Promise<number> {
  const [row] = await tx
    .select({ asked: count() })
    .from(webhooks)
    .where(
      and(eq(webhooks.accountId, accountId), eq(webhooks.outcome, 'asked'), gt(webhooks.receivedAt, new Date(since))),
    )
  return row?.asked ?? 0
}

/** Records that a message was taken. @returns false when its id is known: nothing must come of it again */
export async function noteWebhook(
  tx: Tx,
  input: { accountId: number; message: WebhookMessage; outcome: WebhookOutcome; now: Instant },
): Promise<boolean> {
  const { accountId, message, outcome, now } = input
  const { webhookId, sentAt, kind, transactionId } = message
  const noted = await tx
    .insert(webhooks)
    .values({
      accountId,
      webhookId,
      sentAt: new Date(sentAt),
      receivedAt: new Date(now),
      kind,
      transactionId,
      outcome,
    })
    .onConflictDoNothing()
    .returning({ webhookId: webhooks.webhookId })
  return noted.length === 1
}
