import { hash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DecodedPage, DecodedRecord, UndecodableRecord } from '../domain/record.ts'
import type { AnswerBody } from './body.ts'
import type { RecordShape } from './endpoint.ts'
import { errorWords, wordsOfValue } from './error-words.ts'
import { HelcimError } from './errors.ts'
import { isJsonObject, type JsonValue, parseJson, splitJson, stringifyJson, stringifySorted } from './json.ts'
import { type Reading, toId } from './reading.ts'
import { withoutSecrets } from './without-secrets.ts'

interface Source {
  /** e.g. `GET /card-transactions`, for errors. */
  readonly name: string
}

/**
 * Reads one answer of a list. Either every record of it is accounted for, decoded or undecodable, or it throws: a page
 * is never read in part. Gives way to the event loop after every fifty records.
 * @throws HelcimError `HELCIM_UNAVAILABLE` when the body is no sound JSON, `HELCIM_MALFORMED` when it holds no list
 */
export async function decodePage<R>(
  endpoint: RecordShape<R> & Source,
  body: AnswerBody | null,
): Promise<DecodedPage<R>> {
  const records: DecodedRecord<R>[] = []
  const undecodable: UndecodableRecord[] = []
  // Without a body the client has let a 204 pass where the API says that it means "none".
  const items = body === null ? [] : sound(endpoint, () => listOf(endpoint, body.text))
  for (const [index, item] of items.entries()) {
    if (index % RECORDS_PER_TURN === 0) await nextTurn()
    const value = sound(endpoint, () => parseJson(item))
    if (!isHeld(endpoint, value)) continue
    const outcome = decodeValue(endpoint, value, {
      isBrokenText: body?.isUtf8 === false && item.includes(REPLACEMENT),
    })
    if (outcome.isDecoded) records.push(outcome.decoded)
    else undecodable.push(outcome.undecodable)
  }
  return { records, undecodable }
}

export type RecordOutcome<R> =
  | { readonly isDecoded: true; readonly decoded: DecodedRecord<R> }
  | { readonly isDecoded: false; readonly undecodable: UndecodableRecord }

/**
 * Reads one record: the body of an answer to a single id, or what was kept as `raw` (whose card token is not in it).
 * @throws HelcimError as `decodePage`
 */
export function decodeRecord<R>(endpoint: RecordShape<R> & Source, body: AnswerBody): RecordOutcome<R> {
  const value = sound(endpoint, () => parseJson(body.text))
  // Declined rows carry `errors` of their own: what tells a record from an error is its id.
  if (!isJsonObject(value) || value[endpoint.idKey] === undefined) {
    throw malformed(endpoint, body.text, `no object with ${endpoint.idKey}`)
  }
  const isBrokenText = !body.isUtf8 && body.text.includes(REPLACEMENT)
  return decodeValue(endpoint, value, { isBrokenText })
}

/**
 * Reads an answer to a single id, bare or wrapped. Without a record in it (204, an empty list where one is due) the page
 * is empty: Helcim does not have it.
 * @throws HelcimError as `decodePage`
 */
export async function decodeSingle<R>(
  endpoint: RecordShape<R> & Source,
  body: AnswerBody | null,
): Promise<DecodedPage<R>> {
  if (body === null) return { records: [], undecodable: [] }
  const text = sound(endpoint, () => singleOf(endpoint, body.text))
  if (text === null) return decodePage(endpoint, body)
  const isThere = isHeld(
    endpoint,
    sound(endpoint, () => parseJson(text)),
  )
  if (!isThere) return { records: [], undecodable: [] }
  const outcome = decodeRecord(endpoint, { ...body, text })
  return outcome.isDecoded
    ? { records: [outcome.decoded], undecodable: [] }
    : { records: [], undecodable: [outcome.undecodable] }
}

/** The text of the record in an answer that is sound as a whole; null when there is none, and it is to be read as a list. */
function singleOf<R>({ idKey }: RecordShape<R>, text: string): string | null {
  parseJson(text)
  const parts = splitJson(text)
  if (parts.kind !== 'object') return null
  if (parts.members.has(idKey)) return text
  for (const key of SINGLE_WRAPPER_KEYS) {
    const member = parts.members.get(key)
    const inner = member === undefined ? undefined : splitJson(member)
    if (member !== undefined && inner?.kind === 'object' && inner.members.has(idKey)) return member
  }
  return null
}

const RECORDS_PER_TURN = 50
/** What a decoder of UTF-8 writes for bytes that are none. */
const REPLACEMENT = '\uFFFD'
/** Where a list hides when the answer is an object (API.md, point 1). */
const WRAPPER_KEYS = ['data', 'transactions', 'batches', 'terminals', 'customers', 'invoices', 'items', 'value']
/** Where a single record hides when the answer is an object around it (API.md §8 and §11). */
const SINGLE_WRAPPER_KEYS = ['data', 'transaction', 'customer']

function decodeValue<R>(
  shape: RecordShape<R>,
  value: JsonValue,
  { isBrokenText }: { isBrokenText: boolean },
): RecordOutcome<R> {
  const { content: all, tokens, isMasked } = withoutSecrets(value)
  const content = (isJsonObject(all) && shape.select?.(all)) || all
  const raw = stringifyJson(content)
  const refuse = (key: string, reason: string): RecordOutcome<R> => ({
    isDecoded: false,
    undecodable: { key, raw, reason },
  })
  if (!isJsonObject(content)) return refuse(keyOf(raw), 'it is no object')

  const reading: Reading = {
    object: content,
    tokens,
    place: '',
    problems: [],
    unknownValues: [],
  }
  const id = toId(content[shape.idKey]) ?? null
  if (id === null) return refuse(keyOf(raw), `${shape.idKey} is missing or no id`)
  if (isBrokenText) return refuse(String(id), 'its text is not UTF-8')
  const record = shape.decode(reading, id)
  if (reading.problems.length > 0) return refuse(String(id), reading.problems.join('; '))
  const contentHash = hashOf(content, tokens)
  const { unknownValues } = reading
  return { isDecoded: true, decoded: { id, record, raw, contentHash, unknownValues, cardNumberMasked: isMasked } }
}

/** By what it says, a record without an id is the same in every reading; a place would be another one's in the next. */
const keyOf = (raw: string): string => `sha256 ${hash('sha256', raw, 'hex').slice(0, 32)}`

/** A masked card number enters in its masked form: from a digest over all of it, the hidden digits could be guessed. */
function hashOf(content: JsonValue, tokens: ReadonlyMap<string, JsonValue>): string {
  let text = stringifySorted(content)
  for (const place of [...tokens.keys()].sort()) {
    text += `\n${place}\n${stringifySorted(tokens.get(place) ?? null)}`
  }
  return hash('sha256', text, 'hex')
}

/** False for an object that does not hold a record of this kind; what is no object is for the decoder to refuse. */
const isHeld = <R>({ select }: RecordShape<R>, value: JsonValue): boolean =>
  !select || !isJsonObject(value) || select(value) !== null

/** The texts of a list's records, from a bare list or a wrapper around one. */
function listOf(source: Source, text: string): readonly string[] {
  const parts = splitJson(text)
  if (parts.kind === 'list') return parts.items
  if (parts.kind === 'scalar') {
    parseJson(text)
    throw malformed(source, text, 'a single value where a list is due')
  }
  let list: readonly string[] | undefined
  for (const [key, member] of parts.members) {
    const inner = WRAPPER_KEYS.includes(key) && list === undefined ? splitJson(member) : undefined
    if (inner?.kind === 'list') list = inner.items
    // What stands beside the list is not used, but an answer is sound as a whole or not at all.
    else parseJson(member)
  }
  const isError = errorWords(parts.members.get('errors') ?? '').words !== ''
  if (list === undefined || isError) {
    throw malformed(source, text, `an object with the keys ${[...parts.members.keys()].join(', ')}`)
  }
  return list
}

function malformed({ name }: Source, text: string, shape: string): HelcimError {
  const words = errorWords(text).words || wordsOfValue(shape)
  return new HelcimError('HELCIM_MALFORMED', { status: 200, endpoint: name, words })
}

/** Runs a reader of JSON. What it complains about is broken on the way or at the other end, and may be whole next time. */
function sound<T>({ name }: Source, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const words = wordsOfValue(`broken JSON: ${error.message}`)
    throw new HelcimError('HELCIM_UNAVAILABLE', { status: 200, endpoint: name, words })
  }
}
