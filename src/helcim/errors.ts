import { OperatingError, type Retry } from '../domain/operating-error.ts'

/**
 * What went wrong with a call, by what the caller does about it.
 *
 * | code | means |
 * | --- | --- |
 * | `HELCIM_REFUSED` | our request is wrong, or Helcim takes it to be: stop this request, tell |
 * | `HELCIM_NOT_PERMITTED` | this token may not do this: block the endpoint for it, tell once |
 * | `HELCIM_UNAUTHORIZED` | the credentials are dead: the account stops |
 * | `HELCIM_NOT_FOUND` | gone |
 * | `HELCIM_CONFLICT` | refused twice for a conflict: tell |
 * | `HELCIM_RATE_LIMITED` | 429: come back later |
 * | `HELCIM_UNAVAILABLE` | no usable answer: 5xx, network, deadline, HTML, broken JSON, too large |
 * | `HELCIM_MALFORMED` | sound JSON of a shape that is none of those due; never read as "empty" |
 * | `HELCIM_OUTCOME_UNKNOWN` | a settlement may or may not have taken effect: read back |
 * | `HELCIM_ABORTED` | we gave up ourselves because the caller's signal said so |
 */
export type HelcimErrorCode =
  | 'HELCIM_REFUSED'
  | 'HELCIM_NOT_PERMITTED'
  | 'HELCIM_UNAUTHORIZED'
  | 'HELCIM_NOT_FOUND'
  | 'HELCIM_CONFLICT'
  | 'HELCIM_RATE_LIMITED'
  | 'HELCIM_UNAVAILABLE'
  | 'HELCIM_MALFORMED'
  | 'HELCIM_OUTCOME_UNKNOWN'
  | 'HELCIM_ABORTED'

export interface HelcimErrorDetails {
  /** HTTP status, or null when no answer arrived. */
  readonly status: number | null
  /** e.g. `GET /card-batches/{id}`: without ids. */
  readonly endpoint: string
  /** Helcim's own words, or ours about what is wrong with its answer; bounded, without secrets. */
  readonly words: string
  readonly retry?: Retry
  readonly cause?: unknown
}

/** A call that did not give what it was made for. */
export class HelcimError extends OperatingError {
  declare readonly code: HelcimErrorCode
  readonly status: number | null
  readonly endpoint: string
  readonly words: string

  constructor(code: HelcimErrorCode, { status, endpoint, words, retry, cause }: HelcimErrorDetails) {
    super(code, describe(code, { status, endpoint, words }), { retry: retry ?? RETRY_BY_CODE[code], cause })
    this.status = status
    this.endpoint = endpoint
    this.words = words
  }
}

const BACKOFF: Retry = { kind: 'backoff' }
const NEVER: Retry = { kind: 'never' }

const RETRY_BY_CODE: Readonly<Record<HelcimErrorCode, Retry>> = {
  HELCIM_REFUSED: NEVER,
  HELCIM_NOT_PERMITTED: NEVER,
  HELCIM_UNAUTHORIZED: NEVER,
  HELCIM_NOT_FOUND: NEVER,
  HELCIM_CONFLICT: NEVER,
  HELCIM_RATE_LIMITED: BACKOFF,
  HELCIM_UNAVAILABLE: BACKOFF,
  HELCIM_MALFORMED: BACKOFF,
  // Never a blind repeat: the batch is read first.
  HELCIM_OUTCOME_UNKNOWN: NEVER,
  HELCIM_ABORTED: BACKOFF,
}

const PHRASE_BY_CODE: Readonly<Record<HelcimErrorCode, string>> = {
  HELCIM_REFUSED: 'Helcim refused',
  HELCIM_NOT_PERMITTED: 'The token is not permitted to',
  HELCIM_UNAUTHORIZED: 'Helcim does not accept the token for',
  HELCIM_NOT_FOUND: 'Helcim knows no object for',
  HELCIM_CONFLICT: 'Helcim reported a conflict for',
  HELCIM_RATE_LIMITED: 'Helcim limits the rate of',
  HELCIM_UNAVAILABLE: 'Helcim gave no usable answer to',
  HELCIM_MALFORMED: 'Helcim gave an answer of an unknown shape to',
  HELCIM_OUTCOME_UNKNOWN: 'It is not known whether Helcim carried out',
  HELCIM_ABORTED: 'We broke off',
}

function describe(code: HelcimErrorCode, { status, endpoint, words }: HelcimErrorDetails): string {
  const head = `${PHRASE_BY_CODE[code]} ${endpoint}${status === null ? '' : ` (${status})`}`
  return words === '' ? `${head}.` : `${head}: ${words}`
}
