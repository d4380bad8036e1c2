import type { Tx } from '../../db/client.ts'
import { createPull, type Pull } from '../../db/pulls.ts'
import { countAsked, noteWebhook } from '../../db/webhooks.ts'
import { type Instant, toInstant } from '../../domain/clock.ts'
import { decideWebhook, type WebhookMessage, type WebhookOutcome } from '../../domain/webhook.ts'
import { resourceOf } from './resources.ts'

const MINUTE_MS = 60_000

/**
 * Takes a message once, however often it comes, and asks for a reading of the transaction that it tells of. Both are
 * rows of one transaction: a process killed right after the answer owes nothing that is not in Postgres.
 */
export async function askForWebhook(
  tx: Tx,
  { accountId, message, now }: { accountId: number; message: WebhookMessage; now: Instant },
): Promise<{ outcome: WebhookOutcome | 'known'; pull: Pull | null }> {
  const outcome = decideWebhook(message, await countAsked(tx, accountId, toInstant(now - MINUTE_MS)))
  if (!(await noteWebhook(tx, { accountId, message, outcome, now }))) return { outcome: 'known', pull: null }
  if (outcome !== 'asked' || message.transactionId === null) return { outcome, pull: null }
  const { pull } = await createPull(tx, {
    accountId,
    resource: 'card_transaction',
    window: { kind: 'one', id: message.transactionId },
    cause: `webhook ${message.webhookId}`,
    callClass: 'fresh',
    pageLimit: resourceOf('card_transaction').pageLimit,
    now,
  })
  return { outcome, pull }
}
