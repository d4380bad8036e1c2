import { isLosslessNumber, type LosslessNumber, parse } from 'lossless-json'

/** A value of JSON whose numbers keep the digits they were sent with: 1e400 and 2^70 are texts, not doubles. */
export type JsonValue = JsonScalar | readonly JsonValue[] | JsonObject
export type JsonScalar = string | boolean | null | LosslessNumber
export interface JsonObject {
  readonly [key: string]: JsonValue
}

/** Deeper than anything Helcim sends (three levels), shallower than what a recursive parser could choke on. */
export const JSON_DEPTH_MAX = 64

/**
 * Reads one JSON text. The nesting is measured before anything is parsed; a key that comes twice in one object is an
 * error even with equal values. A byte order mark is no part of a text: whoever decodes the bytes drops it.
 * @throws SyntaxError
 */
export function parseJson(text: string): JsonValue {
  const outline = outlineOf(text)
  const value = parseTree(text)
  if (memberCountOf(value) !== outline.colonCount) throw new SyntaxError('A key stands twice in one object')
  return value
}

/** The texts of the parts of a JSON text: each is to be parsed, and thereby checked, by itself. */
export type JsonParts =
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'object'; readonly members: ReadonlyMap<string, string> }
  | { readonly kind: 'scalar' }

/**
 * Takes a list or an object apart without parsing what is in it, in one pass of about a millisecond a page. So a page
 * of a thousand records can be parsed a few dozen at a time, and the event loop is never blocked for long.
 *
 * Together, this and `parseJson` on each part accept exactly the texts that `parseJson` accepts as a whole.
 * @throws SyntaxError
 */
export function splitJson(text: string): JsonParts {
  const { opener, pieces } = outlineOf(text)
  if (opener === '[')
    return { kind: 'list', items: isBlank(text, pieces) ? [] : pieces.map(([from, , to]) => text.slice(from, to)) }
  if (opener !== '{') return { kind: 'scalar' }
  const members = new Map<string, string>()
  if (isBlank(text, pieces)) return { kind: 'object', members }
  for (const [from, colonAt, to] of pieces) {
    const key = colonAt === NOWHERE ? undefined : parseTree(text.slice(from, colonAt))
    if (typeof key !== 'string') throw new SyntaxError('A member of an object has no key')
    if (members.has(key)) throw new SyntaxError('A key stands twice in one object')
    members.set(key, text.slice(colonAt + 1, to))
  }
  return { kind: 'object', members }
}

export const isJsonNumber = isLosslessNumber

export const isJsonObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !isLosslessNumber(value)

export const isJsonList = (value: JsonValue | undefined): value is readonly JsonValue[] => Array.isArray(value)

/**
 * JSON text with the digits of its numbers as they came. NUL and lone surrogates are written as escapes, so that the
 * result is well-formed Unicode.
 */
export function stringifyJson(value: JsonValue): string {
  if (isJsonObject(value)) return stringifyObject(value, Object.keys(value), stringifyJson)
  return isJsonList(value) ? `[${value.map(stringifyJson).join(',')}]` : stringifyScalar(value)
}

/** Like `stringifyJson`, and equal contents give equal texts, whatever the order of their keys. */
export function stringifySorted(value: JsonValue): string {
  if (isJsonObject(value)) return stringifyObject(value, sortedKeysOf(value), stringifySorted)
  return isJsonList(value) ? `[${value.map(stringifySorted).join(',')}]` : stringifyScalar(value)
}

function stringifyScalar(value: JsonScalar): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return isLosslessNumber(value) ? value.value : String(value)
}

function stringifyObject(
  object: JsonObject,
  keys: readonly string[],
  stringifyMember: (value: JsonValue) => string,
): string {
  let members = ''
  for (const key of keys) {
    members += `${members === '' ? '' : ','}${stringifyKey(key)}:${stringifyMember(object[key] ?? null)}`
  }
  return `{${members}}`
}

/** The same two dozen keys come a thousand times a page, and hardly any needs an escape. */
const stringifyKey = (key: string): string => (/^\w+$/.test(key) ? `"${key}"` : JSON.stringify(key))

/** By keys in their order of arrival; the records of a page share one or two such orders, and sorting is dear. */
const sortedKeysByKeys = new Map<string, readonly string[]>()
const SORTED_KEYS_COUNT_MAX = 256

function sortedKeysOf(object: JsonObject): readonly string[] {
  const keys = Object.keys(object)
  const joined = JSON.stringify(keys)
  const cached = sortedKeysByKeys.get(joined)
  if (cached) return cached
  const sorted = keys.sort()
  if (sortedKeysByKeys.size >= SORTED_KEYS_COUNT_MAX) sortedKeysByKeys.clear()
  sortedKeysByKeys.set(joined, sorted)
  return sorted
}

// The parser only makes these kinds of values when it is handed no number parser and no reviver.
const parseTree = (text: string): JsonValue => parse(text) as JsonValue

interface Outline {
  readonly opener: '[' | '{' | null
  /** Of the outermost list or object: where each part starts, where its first colon stands, and where it ends. */
  readonly pieces: readonly Piece[]
  /** Colons outside strings: the number of members of all objects of a sound JSON text. */
  readonly colonCount: number
}
type Piece = readonly [from: number, colonAt: number, to: number]

const NOWHERE = -1
const SCALAR: Outline = { opener: null, pieces: [], colonCount: 0 }

/** Follows only strings, brackets, commas and colons; what it lets pass is left to the parser. */
function outlineOf(text: string): Outline {
  let depth = 0
  let colonCount = 0
  let opener: Outline['opener'] = null
  let pieceFrom = 0
  let colonAt = NOWHERE
  let endAt = NOWHERE
  const pieces: Piece[] = []
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === SPACE || code === NEWLINE || code === RETURN || code === TAB) continue
    if (endAt !== NOWHERE) throw new SyntaxError(`Something follows the end at position ${at}`)
    const isOpening = code === OPEN_LIST || code === OPEN_OBJECT
    // A text that begins with neither is a scalar or nonsense: the parser tells which.
    if (depth === 0 && !isOpening) return SCALAR
    if (isOpening) {
      if (++depth > JSON_DEPTH_MAX) throw new SyntaxError(`Nested deeper than ${JSON_DEPTH_MAX} at position ${at}`)
      if (depth === 1) {
        opener = code === OPEN_LIST ? '[' : '{'
        pieceFrom = at + 1
      }
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) {
      if (--depth > 0) continue
      if ((code === CLOSE_LIST) !== (opener === '[')) throw new SyntaxError(`The wrong bracket at position ${at}`)
      pieces.push([pieceFrom, colonAt, at])
      endAt = at
    } else if (code === QUOTE) {
      at = endOfString(text, at)
    } else if (code === COLON) {
      colonCount++
      if (depth === 1 && colonAt === NOWHERE) colonAt = at
    } else if (code === COMMA && depth === 1) {
      pieces.push([pieceFrom, colonAt, at])
      pieceFrom = at + 1
      colonAt = NOWHERE
    }
  }
  if (endAt === NOWHERE) throw new SyntaxError(text === '' ? 'Nothing at all' : `Cut off at position ${text.length}`)
  return { opener, pieces, colonCount }
}

/** True for `[]` and `{}` with nothing but whitespace inside. */
function isBlank(text: string, pieces: readonly Piece[]): boolean {
  const [first, second] = pieces
  return first !== undefined && second === undefined && /^[ \n\r\t]*$/.test(text.slice(first[0], first[2]))
}

function endOfString(text: string, quoteAt: number): number {
  let at = text.indexOf('"', quoteAt + 1)
  while (at !== NOWHERE && isEscaped(text, at)) at = text.indexOf('"', at + 1)
  if (at === NOWHERE) throw new SyntaxError(`Cut off inside the string at position ${quoteAt}`)
  return at
}

function isEscaped(text: string, quoteAt: number): boolean {
  let from = quoteAt
  while (text.charCodeAt(from - 1) === BACKSLASH) from--
  return (quoteAt - from) % 2 === 1
}

function memberCountOf(value: JsonValue): number {
  if (typeof value !== 'object' || value === null || isLosslessNumber(value)) return 0
  if (isJsonList(value)) return value.reduce((count: number, item) => count + memberCountOf(item), 0)
  let count = 0
  for (const key of Object.keys(value)) count += 1 + memberCountOf(value[key] ?? null)
  return count
}

const SPACE = 0x20
const NEWLINE = 0x0a
const RETURN = 0x0d
const TAB = 0x09
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
