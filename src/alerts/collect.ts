import { hastenOlder } from '../db/alerts/deliveries.ts'
import { loadGroup } from '../db/alerts/items.ts'
import { HELD, LEFT_OUT, lockOutbox } from '../db/alerts/outbox.ts'
import { gatherCauses, listPending, markEvents } from '../db/alerts/pending.ts'
import { listSilences } from '../db/alerts/silences.ts'
import type { Db, Tx } from '../db/client.ts'
import { alertMessages } from '../db/schema/mismatches.ts'
import { sortPending } from '../domain/alert-routing.ts'
import type { AlertRules } from '../domain/alert-rules.ts'
import type { Instant } from '../domain/clock.ts'
import { composeAlert } from './message.ts'
import { INTERVAL_MS, ITEMS_MAX } from './settings.ts'

export interface CollectInput {
  readonly accountId: number
  readonly now: Instant
  readonly rules: AlertRules
  /** The account's, in which days are meant. */
  readonly zone: string
}

/**
 * Puts every transition that a channel is to be told into a message, all of one cause (kind and code) into one, and
 * marks those that it is not to be told, or not yet. A cause that has a message younger than the interval waits for the
 * next. Messages, items and bodies are written in one transaction: killed anywhere, it is as if it had never begun.
 */
export async function collectAlerts(
  db: Db,
  { channels, ...input }: CollectInput & { channels: readonly string[] },
): Promise<{ countMessages: number }> {
  return db.transaction(async (tx) => {
    await lockOutbox(tx, input.accountId)
    const silences = [...input.rules.silences, ...(await listSilences(tx, input))]
    let countMessages = 0
    for (const channel of channels) countMessages += await collectFor(tx, { ...input, channel, silences })
    return { countMessages }
  })
}

async function collectFor(
  tx: Tx,
  { rules, zone, silences, ...of }: CollectInput & { channel: string; silences: AlertRules['silences'] },
): Promise<number> {
  const { accountId, now, channel } = of
  const pending = await listPending(tx, of)
  if (pending.length === 0) return 0
  const routes = rules.routes.filter(({ to }) => to.includes(channel))
  const { tell, hold, leaveOut } = sortPending(pending, { routes, silences, now })
  await markEvents(tx, { ...of, cause: HELD, eventIds: hold })
  await markEvents(tx, { ...of, cause: LEFT_OUT, eventIds: leaveOut })
  const causes = await gatherCauses(tx, { ...of, intervalMs: INTERVAL_MS, eventIds: tell })
  for (const gathered of causes) {
    const group = await loadGroup(tx, { accountId, now, gathered, itemsMax: ITEMS_MAX })
    const { messageId, cause } = gathered
    const at = new Date(now)
    const body = composeAlert(group, { duties: rules.duties, zone })
    await tx
      .insert(alertMessages)
      .values({ accountId, messageId, channel, cause, body, createdAt: at, nextAttemptAt: at })
  }
  if (causes.length > 0) await hastenOlder(tx, { ...of, messageIds: causes.map(({ messageId }) => messageId) })
  return causes.length
}
