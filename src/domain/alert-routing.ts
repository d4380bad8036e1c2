import { fits, isSilencedBy, type Route, type Silence } from './alert-rules.ts'
import type { Instant } from './clock.ts'
import type { Severity, Subject } from './mismatch.ts'

/** Transitions that are told; acknowledging, assigning and noting are a person's own doing. */
export const TOLD_KINDS = ['opened', 'reopened', 'resolved', 'reminded'] as const
export type ToldKind = (typeof TOLD_KINDS)[number]

/** A transition that a channel has not been told, or that was held back from it. */
export interface PendingEvent {
  readonly eventId: string
  readonly mismatchId: string
  readonly kind: ToldKind
  /** As of the transition. */
  readonly severity: Severity
  readonly code: string
  readonly subject: Subject
  /** By a silence. */
  readonly isHeld: boolean
  /** Whether the mismatch is resolved by now. */
  readonly isResolved: boolean
  /** What the channel was last told of the mismatch; null for nothing. */
  readonly known: 'open' | 'resolved' | null
}

/** Where each transition goes, by id: told, held back, or left out for good. What is held already is named only when that ends. */
export interface Sorted {
  readonly tell: readonly string[]
  readonly hold: readonly string[]
  readonly leaveOut: readonly string[]
}

/**
 * Sorts what waits for one channel.
 *
 * - It is told what its routes name; that a mismatch was resolved, when it knows that it was open, whatever the routes.
 * - While a silence holds, all of it waits. Then the channel is told how things stand, once: that the mismatch is open if
 *   it does not know, the last reminder if it does, that it is resolved if it thinks it open; and nothing of what was
 *   opened and resolved meanwhile.
 * @param events of one mismatch in the order in which they happened
 */
export function sortPending(
  events: readonly PendingEvent[],
  rules: { readonly routes: readonly Route[]; readonly silences: readonly Silence[]; readonly now: Instant },
): Sorted {
  const byMismatch = new Map<string, PendingEvent[]>()
  for (const event of events) {
    const some = byMismatch.get(event.mismatchId)
    if (some) some.push(event)
    else byMismatch.set(event.mismatchId, [event])
  }
  const sorted = [...byMismatch.values()].map((some) => sortOne(some, rules))
  return {
    tell: sorted.flatMap(({ tell }) => tell),
    hold: sorted.flatMap(({ hold }) => hold),
    leaveOut: sorted.flatMap(({ leaveOut }) => leaveOut),
  }
}

function sortOne(events: readonly PendingEvent[], rules: Parameters<typeof sortPending>[1]): Sorted {
  const [first] = events
  if (!first) return { tell: [], hold: [], leaveOut: [] }
  const isRouted = (event: PendingEvent) => rules.routes.some((route) => fits(route, event))
  const [held, fresh] = [events.filter(({ isHeld }) => isHeld), events.filter(({ isHeld }) => !isHeld)]
  if (rules.silences.some((silence) => isSilencedBy(silence, first, rules.now))) {
    const isForHere = (event: PendingEvent) => event.kind === 'resolved' || isRouted(event)
    return {
      tell: [],
      hold: fresh.filter(isForHere).map(idOf),
      leaveOut: fresh.filter((event) => !isForHere(event)).map(idOf),
    }
  }
  const survivor = survivorOf(held)
  let known = survivor ? stateAfter(survivor) : first.known
  const tell = survivor ? [survivor] : []
  const leaveOut = held.filter((event) => event !== survivor)
  for (const event of fresh) {
    const isTold = event.kind === 'resolved' ? known === 'open' : isRouted(event)
    if (isTold) {
      tell.push(event)
      known = stateAfter(event)
    } else leaveOut.push(event)
  }
  return { tell: tell.map(idOf), hold: [], leaveOut: leaveOut.map(idOf) }
}

/** Of what a silence held back, the one transition that says how things stand. */
function survivorOf(held: readonly PendingEvent[]): PendingEvent | undefined {
  const last = (...kinds: readonly ToldKind[]) => held.findLast(({ kind }) => kinds.includes(kind))
  const [first] = held
  if (!first) return undefined
  if (first.isResolved) return first.known === 'open' ? last('resolved') : undefined
  return first.known === 'open' ? last('reminded') : (last('opened', 'reopened') ?? last('reminded'))
}

const stateAfter = ({ kind }: PendingEvent): 'open' | 'resolved' => (kind === 'resolved' ? 'resolved' : 'open')
const idOf = ({ eventId }: PendingEvent): string => eventId
