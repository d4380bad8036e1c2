import { describe, expect, it } from 'vitest'
import { type Intent, judge, judgeSilence, type Verdict } from '../../src/helcim/answers.ts'

/** DESIGN's table, written a second time by hand: [status, reading, settling]. */
const EXPECTED: readonly (readonly [number, Verdict, Verdict])[] = [
  [200, 'decode', 'read_back'],
  [201, 'HELCIM_UNAVAILABLE', 'HELCIM_OUTCOME_UNKNOWN'],
  [202, 'HELCIM_UNAVAILABLE', 'HELCIM_OUTCOME_UNKNOWN'],
  [204, 'no_content', 'HELCIM_OUTCOME_UNKNOWN'],
  [206, 'HELCIM_UNAVAILABLE', 'HELCIM_OUTCOME_UNKNOWN'],
  [301, 'HELCIM_UNAVAILABLE', 'HELCIM_OUTCOME_UNKNOWN'],
  [307, 'HELCIM_UNAVAILABLE', 'HELCIM_OUTCOME_UNKNOWN'],
  [400, 'HELCIM_REFUSED', 'HELCIM_REFUSED'],
  [401, 'HELCIM_UNAUTHORIZED', 'HELCIM_UNAUTHORIZED'],
  [403, 'HELCIM_NOT_PERMITTED', 'HELCIM_NOT_PERMITTED'],
  [404, 'HELCIM_NOT_FOUND', 'read_back'],
  [405, 'HELCIM_REFUSED', 'HELCIM_REFUSED'],
  [408, 'HELCIM_UNAVAILABLE', 'HELCIM_OUTCOME_UNKNOWN'],
  [409, 'HELCIM_CONFLICT', 'read_back'],
  [418, 'HELCIM_REFUSED', 'HELCIM_REFUSED'],
  [422, 'HELCIM_REFUSED', 'HELCIM_REFUSED'],
  [429, 'HELCIM_RATE_LIMITED', 'HELCIM_RATE_LIMITED'],
  ...[500, 501, 502, 503, 504, 520, 521, 522, 523, 524, 530, 599, 600, 999].map(
    (status) => [status, 'HELCIM_UNAVAILABLE', 'HELCIM_OUTCOME_UNKNOWN'] as const,
  ),
]

const judged = (status: number, intent: Intent, words = 'Something', isForeign = false): Verdict =>
  judge({ status, intent, words, isForeign })

describe('the meaning of an answer', () => {
  it.each(EXPECTED)('%i means %s to a read and %s to a settlement', (status, reading, settling) => {
    expect(judged(status, 'reading')).toBe(reading)
    expect(judged(status, 'settling')).toBe(settling)
  })

  it.each([401, 403])('%i with "No access permission" is about this endpoint, not about the token', (status) => {
    for (const intent of ['reading', 'settling'] as const) {
      expect(judged(status, intent, 'No access permission')).toBe('HELCIM_NOT_PERMITTED')
    }
  })

  it.each(['Invalid cardBatchId', 'Invalid card batch id.', 'Invalid customerId', 'Card Transaction not found'])(
    '400 with "%s" means to a read that there is no such object, as 404 does',
    (words) => {
      expect(judged(400, 'reading', words)).toBe('HELCIM_NOT_FOUND')
      expect(judged(400, 'settling', words)).toBe('HELCIM_REFUSED')
    },
  )

  it.each([
    'invalid businessId',
    'Missing idempotency key',
    'Invalid card id. must be a number',
    'id must be a valid number',
  ])('400 with "%s" blames the call, which says nothing about the object', (words) =>
    expect(judged(400, 'reading', words)).toBe('HELCIM_REFUSED'),
  )

  it.each(['Unauthorized', 'Invalid API token', ''])('401 with "%s" means dead credentials', (words) => {
    expect(judged(401, 'reading', words)).toBe('HELCIM_UNAUTHORIZED')
  })

  it('403 about the token means dead credentials', () => {
    expect(judged(403, 'reading', 'Invalid API token')).toBe('HELCIM_UNAUTHORIZED')
  })

  it('403 with a page of the edge says nothing about the token', () => {
    expect(judged(403, 'reading', 'Attention Required! | Cloudflare', true)).toBe('HELCIM_UNAVAILABLE')
    expect(judged(403, 'settling', 'Attention Required! | Cloudflare', true)).toBe('HELCIM_OUTCOME_UNKNOWN')
  })

  it('no status whatever makes a settlement refused by its body alone, nor a read good', () => {
    for (let status = 200; status < 600; status++) {
      expect(judged(status, 'reading') === 'decode').toBe(status === 200)
      expect(['decode', 'no_content']).not.toContain(judged(status, 'settling'))
    }
  })

  it('silence is unavailability to a read and an unknown outcome to a settlement', () => {
    expect(judgeSilence('reading')).toBe('HELCIM_UNAVAILABLE')
    expect(judgeSilence('settling')).toBe('HELCIM_OUTCOME_UNKNOWN')
  })
})
