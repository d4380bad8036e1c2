import { inspect } from 'node:util'
import { DrizzleQueryError } from 'drizzle-orm/errors'
import { expect, it } from 'vitest'
import { createSecret, withoutParameters } from '../../src/domain/secret.ts'

it('a secret is seen by nobody who does not ask for it by name', () => {
  const secret = createSecret('canary')
  const seen = [
    String(secret),
    `${secret}`,
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ a: [secret] }, { depth: 9, showHidden: true }),
  ]
  for (const text of seen) expect(text).not.toContain('canary')
  expect(seen[0]).toBe('[redacted]')
  expect(JSON.stringify({ ...secret })).not.toContain('canary')
  expect(secret.reveal()).toBe('canary')
})

it('a statement that failed tells what it was and not what was to be stored, as a cause as well', () => {
  const failed = () => new DrizzleQueryError('insert into t values ($1)', ['canary'], new Error('out of space'))
  // The control: as drizzle makes it, it tells.
  expect(inspect(failed())).toContain('canary')
  const own = withoutParameters(failed())
  const wrapped = withoutParameters(new Error('storing failed', { cause: failed() }))
  for (const error of [own, wrapped]) {
    expect(inspect(error, { depth: 9 })).not.toContain('canary')
    expect(inspect(error, { depth: 9 })).toContain('insert into t values ($1)')
    expect(inspect(error, { depth: 9 })).toContain('out of space')
    expect(inspect(error, { depth: 9 })).toContain('secret.test.ts')
  }
  const circular = new Error('its own cause')
  circular.cause = circular
  expect(withoutParameters(circular)).toBe(circular)
})
