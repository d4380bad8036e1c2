import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { toInstant } from '../../src/domain/clock.ts'
import { createSecret } from '../../src/domain/secret.ts'
import { TOLERANCE_MS, verifyWebhook } from '../../src/http/webhook-signature.ts'
import { signed, told, VERIFIER } from './support.ts'

const AT = toInstant(1_750_000_000_000)
const token = createSecret(VERIFIER)
const verdict = (headers: Record<string, string>, body: string, now = AT) =>
  verifyWebhook(headers, Buffer.from(body), { token, now: toInstant(now) })
const ofBody = (body: string) => {
  const result = verdict(signed({ webhookId: 'msg_1', body, at: AT }), body)
  return result.isGood ? result.message : null
}

test('the documented rule is kept: the published vector is accepted, and names its transaction', () => {
  const file = new URL('../fixtures/helcim/webhooks.json', import.meta.url)
  const { cases } = JSON.parse(readFileSync(file, 'utf8'))
  const { headers, rawBody } = cases.find(({ name }: { name: string }) => name === 'signature test vector')
  expect(verdict(headers, rawBody)).toEqual({
    isGood: true,
    message: { webhookId: 'msg_2simulatedWebhookId', sentAt: AT, kind: 'cardTransaction', transactionId: 25764674n },
  })
})

test('five minutes either way by our clock, and not a moment more', () => {
  const body = told(7n)
  const headers = signed({ webhookId: 'msg_1', body, at: AT })
  for (const offset of [-TOLERANCE_MS, 0, TOLERANCE_MS])
    expect(verdict(headers, body, toInstant(AT + offset)).isGood).toBe(true)
  for (const offset of [-TOLERANCE_MS - 1, TOLERANCE_MS + 1]) {
    expect(verdict(headers, body, toInstant(AT + offset))).toEqual({ isGood: false, refusal: 'age' })
  }
})

describe('what was not signed just so is refused', () => {
  const body = told(7n)
  const good = signed({ webhookId: 'msg_1', body, at: AT })
  const signature = good['webhook-signature'] ?? ''

  test.each([
    ['another body', good, told(8n)],
    ['a body with a blank more', good, `${body} `],
    ['another id', { ...good, 'webhook-id': 'msg_2' }, body],
    ['another time', { ...good, 'webhook-timestamp': String(AT / 1_000 + 1) }, body],
    [
      'another key',
      signed({ webhookId: 'msg_1', body, at: AT, verifierToken: Buffer.alloc(32).toString('base64') }),
      body,
    ],
    ['half a signature', { ...good, 'webhook-signature': signature.slice(0, -4) }, body],
    ['another version', { ...good, 'webhook-signature': signature.replace('v1,', 'v2,') }, body],
    ['no version', { ...good, 'webhook-signature': signature.replace('v1,', '') }, body],
  ])('%s', (_, headers, sent) => {
    expect(verdict(headers, sent)).toEqual({ isGood: false, refusal: 'signature' })
  })

  test.each([
    ['no signature', { 'webhook-signature': '' }],
    ['no id', { 'webhook-id': '' }],
    ['an id with a line break', { 'webhook-id': 'msg\n1' }],
    ['a very long id', { 'webhook-id': 'm'.repeat(201) }],
    ['no time', { 'webhook-timestamp': '' }],
    ['a time that only begins as one', { 'webhook-timestamp': `${AT / 1_000}x` }],
  ])('%s', (_, headers) => {
    expect(verdict({ ...good, ...headers }, body)).toEqual({ isGood: false, refusal: 'headers' })
  })

  test('and the same with a good one among several is accepted', () => {
    const several = `v1,AAAA ${signature} v1a,zzz`
    expect(verdict({ ...good, 'webhook-signature': several }, body).isGood).toBe(true)
  })
})

test.each([
  ['{"id":25764674,"type":"cardTransaction"}', 'cardTransaction', 25764674n],
  ['{"id":"0","type":"cardTransaction"}', 'cardTransaction', null],
  ['{"id":"1; drop table x","type":"cardTransaction"}', 'cardTransaction', null],
  ['{"id":"99999999999999999999","type":"cardTransaction"}', 'cardTransaction', null],
  ['{"type":"terminalCancel","data":{"deviceCode":"NBL7"}}', 'terminalCancel', null],
  ['{"id":"7","type":"cardBatch"}', 'cardBatch', null],
  ['{"id":"7","type":"a b\\u0000"}', 'unknown', null],
  ['null', 'unknown', null],
  ['', 'unknown', null],
  ['<html>', 'unknown', null],
])('a signed %s is %s and reads %s', (body, kind, transactionId) => {
  expect(ofBody(body)).toMatchObject({ kind, transactionId })
})
