import type { MessageBody } from '../../alerts/letter.ts'
import type { AlertBody } from '../../alerts/message.ts'
import { loadTold } from '../../db/alerts/told.ts'
import type { Tx } from '../../db/client.ts'
import { TOLD_KINDS } from '../../domain/alert-routing.ts'
import { SEVERITIES } from '../../domain/mismatch.ts'
import { printable } from '../../domain/printable.ts'
import { paint, table, tick, wrap } from '../paint.ts'
import type { AlertReceiver } from './alert-receiver.ts'

/** What arrived at the receiver in this run, what had been told before, and what waits. */
export async function showAlerts(tx: Tx, accountId: number, receiver: AlertReceiver): Promise<string> {
  const { countMessages, countTold, countUntold } = await loadTold(tx, { accountId, channel: 'webhook' })
  const taken = receiver
    .taken()
    .filter(isAlert)
    .sort((a, b) => rank(a) - rank(b))
  const countEarlier = countMessages - taken.length
  const lines = [taken.length === 0 ? silence(countUntold) : arrived(taken.length, receiver)]
  if (countEarlier > 0)
    lines.push(
      tick(`${countEarlier} came in earlier runs; none of the ${countTold} changes that they tell is told twice`),
    )
  if (countUntold > 0)
    lines.push(
      tick(`${countUntold} more will be told in the next messages: of one code there is one every 15 minutes at most`),
    )
  for (const kind of TOLD_KINDS) {
    const some = taken.filter(({ type }) => type === `mismatches.${kind}`)
    if (some.length > 0) lines.push('', tabulate(`mismatches.${kind}`, some))
  }
  const [worst] = taken
  if (worst) lines.push('', paint('dim', wrap(`“${printable(worst.data.text)}”`, '  ')))
  return lines.join('\n')
}

/** The digest of a morning is one more message, and no news of its own. */
const isAlert = (body: MessageBody): body is AlertBody => body.type !== 'digest.daily'

/** The worst first, and of those the ones about money. */
const rank = ({ data: { severity, atStake } }: AlertBody): number =>
  2 * SEVERITIES.indexOf(severity) + (atStake.length > 0 ? 0 : 1)

const silence = (countUntold: number): string =>
  tick(countUntold === 0 ? 'no message in this run: nothing is new' : 'no message in this run')

function arrived(count: number, receiver: AlertReceiver): string {
  const forged = receiver.countForged()
  const verified = forged === 0 ? 'every signature verified' : `${forged} more refused for their signature`
  return tick(`${count} ${count === 1 ? 'message' : 'messages'} arrived at ${receiver.origin} as webhooks, ${verified}`)
}

const tabulate = (type: string, bodies: readonly AlertBody[]): string =>
  table(
    [type, 'count', 'at stake'],
    bodies.map(({ data: { title, count, atStake } }) => [
      printable(title),
      String(count),
      atStake.map(({ currency, amount }) => `${amount} ${currency}`).join(' + '),
    ]),
    [1, 2],
  )
