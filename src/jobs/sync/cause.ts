import type { DueKey } from '../../db/due-work.ts'
import { toInstant } from '../../domain/clock.ts'

const CAUSE = /^due (\w+) (\S+)$/

/** Why due work asks for a pull, as text that leads back to it. */
export const causeOf = ({ kind, plannedAt }: DueKey): string => `due ${kind} ${new Date(plannedAt).toISOString()}`

/** The due work that asked for a pull, so that it can be ended with its last pull; null for other causes. */
export function dueOfCause(accountId: number, cause: string): DueKey | null {
  const [, kind, plannedAt] = CAUSE.exec(cause) ?? []
  return kind && plannedAt ? { accountId, kind, plannedAt: toInstant(Date.parse(plannedAt)) } : null
}
