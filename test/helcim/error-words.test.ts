import { describe, expect, it } from 'vitest'
import { errorWords } from '../../src/helcim/error-words.ts'
import { readExamples } from './support.ts'

const EXPECTED: Readonly<Record<string, string>> = {
  'errors as a string': 'Contact name or business name should be filled',
  'errors as a string, not found': 'Invalid customerId',
  'errors as a string, bad id': 'Invalid card id.',
  'errors as an object, amount': 'amount: amount must be a valid Non-negative Number',
  'errors as an object, currency': 'currency: currency (INVALID) must be a valid Constant',
  'errors as an object, refund of an open batch': 'cardTransactionId: Card Transaction cannot be refunded',
  'errors as an object, verification': 'verification: Card is not verified',
  'errors as an array': 'An error occurred',
  'empty array body': '',
  'issuer decline': 'Transaction Declined: DECLINE CVV2 - Do not honor due to CVV2 mismatch/failure',
  'recurring API envelope': 'ERR_VALIDATION_FAILED: Field fails validation (Name)',
  'ACH message': 'Invalid request.',
  'same idempotency key, other payload': 'Idempotency key already used with a different payload',
  'rate limit reached': 'Too Many Requests',
  'Cloudflare page instead of JSON': '522: Connection timed out',
}

describe('the words of an error', () => {
  const examples = readExamples('errors')

  it('are known for every recorded shape', () => {
    expect(examples.map((example) => example.name).sort()).toEqual(Object.keys(EXPECTED).sort())
  })

  it.each(examples.map((example) => [example.name, example] as const))('are kept: %s', (name, { body }) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    expect(errorWords(text)).toEqual({ words: EXPECTED[name], isForeign: text.startsWith('<') })
  })

  it.each([
    ['an empty body', '', ''],
    ['a bare string', 'Too many requests', 'Too many requests'],
    ['a quoted string', '"Too many requests"', 'Too many requests'],
    ['broken JSON', '{"errors":"Cut', '{"errors":"Cut'],
    ['null', 'null', ''],
    [
      'a list in an object in a list',
      '{"errors":[{"amount":["too high","too low"]}]}',
      'amount: too high; amount: too low',
    ],
    ['HTML without a title', '<h1>502</h1><p>Bad Gateway</p>', '502 Bad Gateway'],
    ['lines and escapes of a terminal', '{"errors":"a\\n\\u001b[31mb\\u0000c"}', 'a [31mb c'],
  ])('are read from %s', (_, body, words) => {
    expect(errorWords(body).words).toBe(words)
  })

  it('hold neither secrets nor card numbers', () => {
    const { words } = errorWords('{"errors":"token canary-1 refused for 4111 1111 1111 1111"}', ['canary-1'])
    expect(words).toBe('token [redacted] refused for 411111******1111')
  })

  it.each([
    [
      'a record in the place of an error',
      '{"transactionId":1,"cardToken":"canary"}',
      'transactionId: 1; cardToken: [redacted]',
    ],
    ['an error that says back what was sent', '{"errors":{"cardToken":["canary"]}}', 'cardToken: [redacted]'],
    ['JSON that was cut off', '[{"cardToken":"canary","x":1', '[{"cardToken":"[redacted]","x":1'],
    ['bare words', 'api-token: canary is unknown', 'api-token: [redacted] is unknown'],
  ])('hold no token, from %s', (_, body, words) => {
    expect(errorWords(body).words).toBe(words)
  })

  it('are bounded, and read in bounded time, however long the body', () => {
    for (const body of [
      'x'.repeat(1e7),
      '<'.repeat(1e7),
      '<title'.repeat(1e6),
      `{"errors":${'['.repeat(1e6)}`,
      '4 '.repeat(1e6),
    ]) {
      expect(errorWords(body).words.length).toBeLessThanOrEqual(500)
    }
  })
})
