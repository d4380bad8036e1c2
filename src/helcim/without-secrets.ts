import { REDACTED } from '../domain/secret.ts'
import { maskCardNumberField, maskCardNumbers } from './card-numbers.ts'
import { isJsonList, isJsonObject, type JsonObject, type JsonValue } from './json.ts'

export interface WithoutSecrets {
  /** What may be stored and shown: no token, no verification value, no card number beyond first six, last four. */
  readonly content: JsonValue
  /** Every token that was cut out, by its place, e.g. `cardToken` or `cards.0.cardToken`. */
  readonly tokens: ReadonlyMap<string, JsonValue>
  /** True when a full card number was masked. */
  readonly isMasked: boolean
}

/**
 * Cuts out of a received value what must not reach disk or log. It comes before anything else looks at the value, so
 * that no later step can forget it. Identifiers are never altered: an order number may well look like a card number.
 */
export function withoutSecrets(value: JsonValue): WithoutSecrets {
  const tokens = new Map<string, JsonValue>()
  let isMasked = false

  const copyText = (text: string, key: string): string => {
    const masked = CARD_NUMBER_KEYS.has(key) ? maskCardNumberField(text) : maskCardNumbers(text)
    if (masked !== text) isMasked = true
    return masked
  }

  const copy = (member: JsonValue, key: string, path: readonly string[]): JsonValue => {
    if (isJsonObject(member)) return copyObject(member, path)
    if (isJsonList(member)) return member.map((item, index) => copy(item, key, [...path, String(index)]))
    if (member === null || typeof member === 'boolean' || isIdentifier(key)) return member
    if (typeof member === 'string') return copyText(member, key)
    const text = copyText(member.value, key)
    return text === member.value ? member : text
  }

  const copyObject = (object: JsonObject, path: readonly string[]): JsonObject => {
    const kept: Record<string, JsonValue> = {}
    for (const key of Object.keys(object)) {
      const member = object[key] ?? null
      if (TOKEN_KEYS.has(key)) tokens.set([...path, key].join('.'), member)
      else setOwn(kept, key, VERIFICATION_KEY.test(key) ? REDACTED : copy(member, key, nest(path, key, member)))
    }
    return kept
  }

  return { content: copy(value, '', []), tokens, isMasked }
}

/** Paths only matter to what can hold a token, and most values are plain. */
const nest = (path: readonly string[], key: string, member: JsonValue): readonly string[] =>
  isJsonObject(member) || isJsonList(member) ? [...path, key] : path

/** Assigning to `__proto__` would not make a key of it. */
function setOwn(object: Record<string, JsonValue>, key: string, value: JsonValue): void {
  if (key !== '__proto__') object[key] = value
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}

const CARD_NUMBER_KEYS = new Set(['cardNumber', 'cardF6L4'])
/** What pays with a card or an account, and what opens an invoice's page (`token`, API.md §10). */
const TOKEN_KEYS = new Set(['cardToken', 'bankToken', 'token'])
const VERIFICATION_KEY = /^(?:card)?cv[vc]2?$/i
const IDENTIFIERS = new Set(['id', 'customerCode', 'invoiceNumber', 'approvalCode', 'batchNumber'])

const isIdentifier = (key: string): boolean => IDENTIFIERS.has(key) || key.endsWith('Id')
