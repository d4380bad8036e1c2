import type { AlertTarget } from '../db/alerts/targets.ts'
import type { Instant } from '../domain/clock.ts'
import { caution, cross, tick } from './paint.ts'

/** How a channel of alerts stands, in a paragraph. */
export function targetText(target: AlertTarget, now: Instant): string {
  const { channel, countUndelivered, oldestAt, countGivenUp, countHeld, deadAt } = target
  const age = oldestAt === null ? '' : `, the oldest for ${Math.max(0, Math.floor((now - oldestAt) / 60_000))} min`
  const facts = [
    countUndelivered === 0 ? 'all messages delivered' : `${messages(countUndelivered)} not delivered${age}`,
    ...(countGivenUp === 0 ? [] : [`${messages(countGivenUp)} given up in the past day`]),
    ...(countHeld === 0 ? [] : [`${countHeld} changes held by a silence`]),
  ]
  const text = `alerts, ${channel}: ${facts.join(', ')}`
  if (deadAt !== null) return cross(`${text}; ${deathText(target)}`)
  return countUndelivered + countGivenUp > 0 ? caution(text) : tick(text)
}

/** Why nothing is sent there any more, and what to do. */
export const deathText = ({ deadAt, words }: AlertTarget): string =>
  deadAt === null
    ? 'it lives'
    : `dead since ${new Date(deadAt).toISOString().slice(0, 16).replace('T', ' ')} UTC (${words ?? 'refused'}): ` +
      'correct its setting and restart; what waits is sent then'

const messages = (count: number): string => (count === 1 ? '1 message' : `${count} messages`)

/** The same for scripts. */
export const targetToJson = ({ oldestAt, deadAt, ...target }: AlertTarget) => ({
  ...target,
  oldestAt: oldestAt === null ? null : new Date(oldestAt).toISOString(),
  deadAt: deadAt === null ? null : new Date(deadAt).toISOString(),
})
