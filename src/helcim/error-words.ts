import { REDACTED } from '../domain/secret.ts'
import { maskCardNumbers } from './card-numbers.ts'
import { isJsonList, isJsonNumber, isJsonObject, type JsonObject, type JsonValue, parseJson } from './json.ts'

export interface ErrorWords {
  /** What Helcim said, on one line; `""` where it said nothing. */
  readonly words: string
  /** Neither JSON nor bare words nor empty: an HTML page of somebody on the way. */
  readonly isForeign: boolean
}

/**
 * Reads the words out of the body of an error, in each of the shapes of API.md §12: `errors` as text, list or object,
 * ACH's `message`, the envelope of the Recurring API, a bare string, an empty body, `[]`, HTML.
 * Nothing is dropped but length; card numbers are masked and the texts in `secrets` redacted.
 */
export function errorWords(body: string, secrets: readonly string[] = []): ErrorWords {
  const text = body.slice(0, BODY_LENGTH_MAX).trim()
  if (text.startsWith('<')) return { words: tidy(wordsOfHtml(text), secrets), isForeign: true }
  return { words: tidy(wordsOfJson(text), secrets), isForeign: false }
}

/** The words of a value that stands where `errors` is due, e.g. on a declined transaction. */
export const wordsOfValue = (value: JsonValue): string => tidy(collect(value).join('; '), [])

const WORDS_LENGTH_MAX = 500
/** Nobody writes an error of this size; of what is longer only the beginning is looked at. */
const BODY_LENGTH_MAX = 65_536
/** Where an object keeps its words, the telling ones first. */
const WORD_KEYS = ['errors', 'error', 'message', 'warning']

function wordsOfJson(text: string): string {
  try {
    return collect(withoutTokens(parseJson(text))).join('; ')
  } catch (error) {
    // A bare string without quotes, or something broken: as it stands it tells more than the parser's complaint.
    if (error instanceof SyntaxError) return text.replace(TOKEN_IN_TEXT, `$1${REDACTED}`)
    throw error
  }
}

/** A record may come where an error is due, and an error may say back what was sent. */
function withoutTokens(value: JsonValue): JsonValue {
  if (isJsonList(value)) return value.map(withoutTokens)
  if (!isJsonObject(value)) return value
  const entries = Object.entries(value).map(([key, member]): [string, JsonValue] => [
    key,
    SECRET_KEY.test(key) && member !== null ? REDACTED : withoutTokens(member),
  ])
  return Object.fromEntries(entries)
}

const SECRET_KEY = /^(?:card[-_]?token|api[-_]?token|(?:card)?cv[vc]2?)$/i
/** In JSON that was cut off, and in words. */
const TOKEN_IN_TEXT = /((?:card|api)[-_]?token["']?\s*[:=]\s*["']?)[^"',\s}]+/gi

function collect(value: JsonValue): string[] {
  if (typeof value === 'string') return value.trim() === '' ? [] : [value.trim()]
  if (isJsonNumber(value)) return [value.value]
  if (value === null || typeof value === 'boolean') return []
  if (isJsonList(value)) return value.flatMap(collect)
  if (!isJsonObject(value)) return []
  const telling = WORD_KEYS.filter((key) => value[key] !== undefined).flatMap((key) => collectOf(value, key))
  return telling.length > 0 ? withSource(value, telling) : collectFields(value)
}

const collectOf = (object: JsonObject, key: string): string[] => collect(object[key] ?? null)

/** The Recurring API says in `source` which field it means. */
function withSource(object: JsonObject, words: string[]): string[] {
  const source = object.source
  return typeof source === 'string' && source !== '' ? words.map((text) => `${text} (${source})`) : words
}

/** `{"amount":"must be …"}` and `{"ERR_…":[…]}`: the key belongs to the words. */
const collectFields = (object: JsonObject): string[] =>
  Object.keys(object).flatMap((key) => collectOf(object, key).map((text) => `${key}: ${text}`))

function wordsOfHtml(text: string): string {
  const title = /<title[^<>]*>([^<]*)<\/title/i.exec(text)?.[1]?.trim()
  return title || text.replace(/<[^<>]*>/g, ' ')
}

function tidy(words: string, secrets: readonly string[]): string {
  const redacted = secrets.reduce((text, secret) => text.replaceAll(secret, REDACTED), words)
  // Control characters would let an answer write lines of its own into a terminal.
  const line = maskCardNumbers(redacted)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .toWellFormed()
  return line.length > WORDS_LENGTH_MAX ? `${line.slice(0, WORDS_LENGTH_MAX - 1).toWellFormed()}…` : line
}
