import type { Database } from '../db/client.ts'
import { asDatabaseTrouble } from '../db/trouble.ts'
import type { WebhookMessage } from '../domain/webhook.ts'
import type { WebhookOptions } from '../http/webhooks.ts'
import { askForWebhook } from '../jobs/sync/ask-for-webhook.ts'
import type { Logger } from '../log.ts'
import type { AccountWork } from './account-work.ts'
import type { Runtime } from './runtime.ts'

/** Where webhooks of each account of a process go; `settled` resolves when what they set going stands in the queue. */
export function createWebhookReceivers({
  runtime,
  database,
  log,
}: {
  runtime: Runtime
  database: Database
  log: Logger
}): WebhookOptions & { settled(): Promise<void> } {
  const { clock, enqueue } = runtime
  const enqueuing = new Set<Promise<void>>()

  async function take({ services, settings }: AccountWork, message: WebhookMessage): Promise<void> {
    const { accountId } = services.account
    const now = clock.now()
    const { outcome, pull } = await database.db
      .transaction((tx) => askForWebhook(tx, { accountId, message, now }))
      .catch((error: unknown) => {
        throw asDatabaseTrouble(error)
      })
    const { kind, transactionId } = message
    log.debug({ account: settings.name, kind, transactionId: transactionId?.toString(), outcome }, 'webhook.taken')
    if (pull === null) return
    // Not waited for: the row is there, and the sweep of each minute enqueues what the queue did not take.
    const enqueued = enqueue
      .pullPage(pull)
      .catch((err: unknown) => log.warn({ err }, 'webhook.left_to_sweep'))
      .finally(() => enqueuing.delete(enqueued))
    enqueuing.add(enqueued)
  }

  return {
    now: () => clock.now(),
    receiverOf(account) {
      const works = runtime.accounts()
      const isOnly = account === null && works.length === 1
      const work = isOnly ? works[0] : works.find(({ settings }) => settings.name === account)
      const token = work?.settings.webhookToken
      return work && token ? { token, take: (message) => take(work, message) } : null
    },
    settled: async () => void (await Promise.all(enqueuing)),
  }
}
