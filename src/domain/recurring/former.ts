import type { Instant } from '../clock.ts'
import type { HelcimId } from '../record.ts'
import type { SubscriptionSide, Via } from './sides.ts'

/** What a subscription was before, as a reading showed it. */
export interface FormerTerms {
  /** When it was first seen like this. */
  readonly from: Instant
  /** When it was first seen otherwise: the change came before. */
  readonly until: Instant
  readonly status: string
  readonly vias: readonly Via[]
  /** Of its plan; null: not known. */
  readonly terminalId: HelcimId | null
  /** The last change by a person until then, where Helcim tells it. */
  readonly updatedAt: Instant | null
}

/** Where a charge made at some time had to stand. */
export interface Place {
  readonly vias: readonly Via[]
  readonly terminalId: HelcimId | null
}

/** `term_ending` still bills (API.md §8); `paused` does not. */
const BILLING_STATUSES = ['active', 'term_ending']

export const isBilling = ({ status, vanishedAt }: Pick<SubscriptionSide, 'status' | 'vanishedAt'>): boolean =>
  vanishedAt === null && BILLING_STATUSES.includes(status)

/** What it is now, in a word for people. */
export const statusNow = ({ status, vanishedAt }: Pick<SubscriptionSide, 'status' | 'vanishedAt'>): string =>
  vanishedAt === null ? status : 'deleted'

/**
 * Where the charge of a payment that was processed at some time had to stand: as the subscription and its plan were first
 * seen after that.
 */
export function placeAt(subscription: SubscriptionSide, at: Instant): Place {
  return subscription.former.find(({ until }) => until > at) ?? placeNow(subscription)
}

/**
 * Whether what is known of that place may be younger than the payment: somebody changed the subscription or its plan after
 * it, or the next that was seen of them is another place, and when between two readings that came about nobody tells.
 */
export function mayHaveMoved(subscription: SubscriptionSide, at: Instant): boolean {
  const index = subscription.former.findIndex(({ until }) => until > at)
  const then = subscription.former[index] ?? subscription
  const isEditedSince = [then.updatedAt, subscription.plan?.updatedAt ?? null].some(
    (edited) => edited !== null && edited > at,
  )
  if (index === -1) return isEditedSince
  const next = subscription.former[index + 1] ?? placeNow(subscription)
  return isEditedSince || !isSamePlace(placeAt(subscription, at), next)
}

/** Where its next charge has to stand. */
export const placeNow = ({ vias, plan }: SubscriptionSide): Place => ({ vias, terminalId: plan?.terminalId ?? null })

const isSamePlace = (one: Place, other: Place): boolean =>
  one.terminalId === other.terminalId && one.vias.join() === other.vias.join()

/** A time in which a subscription certainly was not billing. */
export interface IdleSpan {
  readonly status: string
  readonly since: Instant
  /** null: until now. */
  readonly until: Instant | null
}

/**
 * When a subscription certainly has not been billing: from the change that stopped it, or else from when we first saw it
 * stopped, until the change that had it go on, or until we saw that. What it became meanwhile while it stood still, such as
 * cancelled after it was paused, is no other span.
 */
export function idleSpansOf(subscription: SubscriptionSide): IdleSpan[] {
  const spans: IdleSpan[] = []
  let open: { status: string; since: Instant } | null = null
  for (const { status, isIdle, since } of statesOf(subscription)) {
    if (isIdle) open ??= { status, since }
    else if (open !== null) {
      spans.push({ ...open, until: since })
      open = null
    }
  }
  return open === null ? spans : [...spans, { ...open, until: null }]
}

interface State {
  readonly status: string
  readonly isIdle: boolean
  /** Since when it certainly was like this. */
  readonly since: Instant
}

/** All that a subscription was seen to be, the oldest first. */
function statesOf({ former, status, updatedAt, observedAt, vanishedAt }: SubscriptionSide): State[] {
  const seen = [...former, { status, updatedAt, from: observedAt }]
  const states = seen.map((one, index): State => {
    const before = seen[index - 1]
    // A change that is older than what was seen before is another one: nobody dated this one.
    const isDated = one.updatedAt !== null && one.updatedAt < one.from && (!before || one.updatedAt > before.from)
    return {
      status: one.status,
      isIdle: !BILLING_STATUSES.includes(one.status),
      since: isDated && one.updatedAt !== null ? one.updatedAt : one.from,
    }
  })
  return vanishedAt === null ? states : [...states, { status: 'deleted', isIdle: true, since: vanishedAt }]
}
