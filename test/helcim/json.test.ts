import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  isJsonList,
  isJsonObject,
  JSON_DEPTH_MAX,
  parseJson,
  splitJson,
  stringifyJson,
  stringifySorted,
} from '../../src/helcim/json.ts'

const SEED = Number(process.env.SEED ?? Date.now() % 1e9)
console.log(`json.test.ts SEED=${SEED}`)

const accepts = (read: () => unknown): boolean => {
  try {
    read()
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** Reads by parts what `parseJson` reads as a whole. */
function readByParts(text: string): string {
  const parts = splitJson(text)
  if (parts.kind === 'list') return `[${parts.items.map((item) => stringifySorted(parseJson(item))).join(',')}]`
  if (parts.kind === 'scalar') return stringifySorted(parseJson(text))
  const members = [...parts.members].map(
    ([key, member]) => `${JSON.stringify(key)}:${stringifyJson(parseJson(member))}`,
  )
  return stringifySorted(parseJson(`{${members.join(',')}}`))
}

describe('reading JSON', () => {
  it('keeps the digits of every number', () => {
    const text = '[0.1,819.0000,1e400,-0,18446744073709551617,1E+2,123456789012345678.123456789012345678]'
    expect(stringifyJson(parseJson(text))).toBe(text)
  })

  it.each([
    ['a key that stands twice', '{"a":1,"a":2}'],
    ['a key that stands twice with equal values', '[{"a":1,"a":1}]'],
    ['a key that stands twice, once escaped', '{"a":1,"\\u0061":1}'],
    ['a key that stands twice deep inside', '[[{"b":{"a":[],"a":[]}}]]'],
    ['__proto__ twice', '{"__proto__":{},"__proto__":{}}'],
  ])('refuses %s', (_, text) => {
    expect(accepts(() => JSON.parse(text))).toBe(true)
    expect(accepts(() => parseJson(text))).toBe(false)
    expect(accepts(() => readByParts(text))).toBe(false)
  })

  it('refuses what is nested deeper than the limit before parsing it, and takes what reaches it', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    expect(accepts(() => parseJson(nested(JSON_DEPTH_MAX)))).toBe(true)
    for (const text of [nested(JSON_DEPTH_MAX + 1), nested(10_000), '{"a":'.repeat(10_000), '['.repeat(1_000_000)]) {
      expect(accepts(() => parseJson(text))).toBe(false)
      expect(accepts(() => splitJson(text))).toBe(false)
    }
  })

  it.each([
    '"a" [1]',
    ': [1]',
    ', [1]',
    '[1] [2]',
    '[\u00a01]',
    '[\u00a0]',
    '\ufeff[1]',
    '[1}',
    '{]',
    '[1:2]',
    '{"a" "b":1}',
    '{1:2}',
    '[,]',
    '{,}',
    '',
    ' ',
    '[',
    '"',
    '[1,]',
    '{"a":1,}',
    '["\\"]',
    '[01]',
    '[.5]',
    '[+1]',
    '[NaN]',
    "['a']",
    '["\t"]',
    '["\\x"]',
  ])('refuses %j whole and by parts', (text) => {
    expect(accepts(() => JSON.parse(text))).toBe(false)
    expect(accepts(() => parseJson(text))).toBe(false)
    expect(accepts(() => readByParts(text))).toBe(false)
  })

  it('accepts, whole and by parts, exactly what JSON.parse accepts of mutilated texts', () => {
    const pieces = [
      '[',
      ']',
      '{',
      '}',
      ',',
      ':',
      '"',
      '\\',
      '"a"',
      '"b":',
      '1',
      '-0.5e3',
      'true',
      'null',
      ' ',
      '\n',
      '\u00a0',
      '\\"',
      '\\u0041',
      '💳',
      '\ud800',
    ]
    const mutilated = fc.oneof(
      fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join('')),
      fc
        .tuple(fc.json({ maxDepth: 4 }), fc.nat(), fc.nat({ max: 3 }), fc.constantFrom('', ...pieces))
        .map(([text, at, count, inserted]) => {
          const from = text.length === 0 ? 0 : at % text.length
          return text.slice(0, from) + inserted + text.slice(from + count)
        }),
      fc.json({ maxDepth: 4 }),
    )
    let countAccepted = 0
    fc.assert(
      fc.property(mutilated, (text) => {
        const isSound = accepts(() => JSON.parse(text))
        const hasTwins = isSound && !accepts(() => parseJson(text))
        // A key that stands twice is the only reason to refuse what JSON.parse takes: it loses members on the way.
        if (hasTwins) expect(countOfMembers(JSON.parse(text))).toBeLessThan(countOfColons(text))
        if (!isSound) expect(accepts(() => parseJson(text))).toBe(false)
        expect(accepts(() => readByParts(text))).toBe(isSound && !hasTwins)
        if (!isSound || hasTwins) return
        countAccepted++
        expect(readByParts(text)).toBe(stringifySorted(parseJson(text)))
        expect(JSON.parse(stringifyJson(parseJson(text)))).toEqual(JSON.parse(text))
      }),
      { seed: SEED, numRuns: 20_000 },
    )
    expect(countAccepted).toBeGreaterThan(1_000)
  })

  it('writes NUL and lone surrogates as escapes', () => {
    const text = stringifyJson(parseJson('{"a":"\\u0000\\ud800"}'))
    expect(text).toBe('{"a":"\\u0000\\ud800"}')
    expect(text.isWellFormed()).toBe(true)
  })

  it('gives equal sorted texts for contents in any order', () => {
    expect(stringifySorted(parseJson('{"b":{"d":1,"c":[2]},"a":"x"}'))).toBe('{"a":"x","b":{"c":[2],"d":1}}')
  })

  it('tells lists, objects and numbers apart', () => {
    const [list, object, number] = ['[]', '{}', '1'].map(parseJson)
    expect([list, object, number].map((value) => [isJsonList(value), isJsonObject(value)])).toEqual([
      [true, false],
      [false, true],
      [false, false],
    ])
  })
})

const countOfColons = (text: string): number => text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1

function countOfMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const members = Object.values(value).reduce((count: number, member) => count + countOfMembers(member), 0)
  return members + (Array.isArray(value) ? 0 : Object.keys(value).length)
}
