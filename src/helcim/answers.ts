import type { HelcimErrorCode } from './errors.ts'

/** What a call was made for decides what its answer means: a read can be repeated, a settlement cannot. */
export type Intent = 'reading' | 'settling'

/**
 * - `decode`: the body is what was asked for
 * - `no_content`: an empty list where the API says so, an error elsewhere
 * - `read_back`: Helcim has decided about the settlement; which way is certain only after reading the batch
 * - otherwise the error's code
 */
export type Verdict = 'decode' | 'no_content' | 'read_back' | HelcimErrorCode

interface Row extends Readonly<Record<Intent, Verdict>> {
  /** A status, or the first digit of a family for what no other row names. */
  readonly status: number | '2xx' | '3xx' | '4xx' | '5xx'
}

const UNAVAILABLE = { reading: 'HELCIM_UNAVAILABLE', settling: 'HELCIM_OUTCOME_UNKNOWN' } as const
const REFUSED = { reading: 'HELCIM_REFUSED', settling: 'HELCIM_REFUSED' } as const

/** What each status means. 400, 401 and 403 are told apart further by their words: see `judge`. */
export const ANSWERS: readonly Row[] = [
  { status: 200, reading: 'decode', settling: 'read_back' },
  { status: 204, reading: 'no_content', settling: 'HELCIM_OUTCOME_UNKNOWN' },
  { status: '2xx', ...UNAVAILABLE },
  // Redirects are never followed: they would carry the token elsewhere.
  { status: '3xx', ...UNAVAILABLE },
  { status: 401, reading: 'HELCIM_UNAUTHORIZED', settling: 'HELCIM_UNAUTHORIZED' },
  { status: 403, reading: 'HELCIM_NOT_PERMITTED', settling: 'HELCIM_NOT_PERMITTED' },
  { status: 404, reading: 'HELCIM_NOT_FOUND', settling: 'read_back' },
  // Somebody on the way lost patience, which says nothing about what took effect.
  { status: 408, ...UNAVAILABLE },
  { status: 409, reading: 'HELCIM_CONFLICT', settling: 'read_back' },
  { status: 429, reading: 'HELCIM_RATE_LIMITED', settling: 'HELCIM_RATE_LIMITED' },
  // 400, 405 and 422, and whatever else blames the request.
  { status: '4xx', ...REFUSED },
  // 500, 502–504 and 520–524 of the edge, and whatever else blames the server.
  { status: '5xx', ...UNAVAILABLE },
]

export interface Answered {
  readonly status: number
  readonly intent: Intent
  /** Helcim's words about an error, as `errorWords` gives them. */
  readonly words: string
  /** The body is neither JSON nor empty: the page of some proxy on the way, not Helcim's own answer. */
  readonly isForeign: boolean
}

/** The meaning of an answer that arrived. */
export function judge({ status, intent, words, isForeign }: Answered): Verdict {
  const verdict = rowOf(status)[intent]
  if (status === 400 && intent === 'reading' && UNKNOWN_ID.test(words)) return 'HELCIM_NOT_FOUND'
  if (status === 401 || status === 403) {
    if (NO_PERMISSION.test(words)) return 'HELCIM_NOT_PERMITTED'
    // Helcim's definition of the connection test gives 403 to a token that it does not know.
    if (status === 403 && DEAD_TOKEN.test(words)) return 'HELCIM_UNAUTHORIZED'
    // The edge blocks with a 403 page of its own (API.md §12): that says nothing about the token.
    if (status === 403 && isForeign) return UNAVAILABLE[intent]
  }
  return verdict
}

/** No usable answer arrived at all: network, deadline, too large, HTML or broken JSON behind a 200. */
export const judgeSilence = (intent: Intent): HelcimErrorCode => UNAVAILABLE[intent]

/**
 * An id that is not there is 404 or 400, by its words (API.md §4). `Invalid businessId` speaks of the token, and is none of
 * these: a batch must not be called missing because a call was wrong.
 */
const UNKNOWN_ID =
  /\binvalid (?:card ?(?:batch|transaction)|batch|transaction|customer|invoice|subscription|payment ?plan) ?id\b|\bnot found\b|\bdoes not exist\b/i

/** API.md §1: `No access permission`, with 401 or 403. */
const NO_PERMISSION = /\bno access permission\b|\bpermission\b.*\b(?:denied|missing|required)\b/i
const DEAD_TOKEN = /\b(?:api[- ]?token|token|unauthori[sz]ed|credentials?|authenticat\w*)\b/i

function rowOf(status: number): Row {
  const family = `${Math.floor(status / 100)}xx`
  const row = ANSWERS.find((candidate) => candidate.status === status || candidate.status === family)
  // Every final status of HTTP lies between 200 and 599; a server that makes up another is not to be trusted.
  return row ?? { status: '5xx', ...UNAVAILABLE }
}
