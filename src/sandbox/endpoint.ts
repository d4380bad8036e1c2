import type { Instant } from '../domain/clock.ts'
import type { Merchant } from './merchant.ts'
import type { Switches } from './options.ts'
import type { Renderer } from './render.ts'
import type { NeededPermissions } from './tokens.ts'
import type { Zone } from './zone.ts'

export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** Under `/v2`; parameters as `:name`. */
  readonly path: string
  readonly needs: NeededPermissions
  answer(call: EndpointCall): Answer
}

export interface EndpointCall {
  readonly now: Instant
  readonly parameters: Readonly<Record<string, string>>
  /** Of parameters given twice the last counts; `filtersIgnored` are taken out already. */
  readonly query: Readonly<Record<string, string>>
  /** All values of a parameter, given repeatedly (also as `name[]`) or with commas between them. */
  values(name: string): readonly string[]
  /** The page that a fault shows in place of the one asked for. */
  readonly pageShown: 'asked' | 'previous' | 'first' | 'empty'
  readonly idempotencyKey: string | undefined
  readonly merchant: Merchant
  readonly render: Renderer
  readonly switches: Switches
  readonly zone: Zone
  /** A number that is new with every call, for whatever shall differ each time. */
  readonly callNumber: number
  readonly seed: number
  /** undefined for a merchant without ACH. */
  readonly settleAchBatch: ((id: bigint, at: Instant) => void) | undefined
}

export interface Answer {
  readonly status: number
  readonly body: string
  readonly contentType: string
  readonly headers?: Readonly<Record<string, string>>
}

/** No body at all: how the Recurring API says that it found nothing. */
export const NO_CONTENT: Answer = { status: 204, body: '', contentType: 'application/json' }

export const jsonAnswer = (status: number, body: string): Answer => ({ status, body, contentType: 'application/json' })

/** The commonest error shape: `{"errors": "text"}` or `{"errors": {"field": "text"}}`. */
export const errorAnswer = (status: number, errors: string | Record<string, string>): Answer =>
  jsonAnswer(status, JSON.stringify({ errors }))

/** A path parameter as id; undefined when it is no whole number. */
export function parseId(text: string | undefined): bigint | undefined {
  return text !== undefined && /^\d{1,18}$/.test(text) ? BigInt(text) : undefined
}
