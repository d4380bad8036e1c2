import type { Collection, Kept } from '../collection.ts'
import { type Answer, type EndpointCall, jsonAnswer, NO_CONTENT, parseId } from '../endpoint.ts'
import { type Filters, readFilters } from '../filters.ts'
import { type Paging, type SortKeys, shownRows } from '../listing.ts'
import { hash32 } from '../random.ts'

const PAGING: Paging = { kind: 'offset', sizeMax: 100 }

/** One resource of the Recurring API (API.md §8): a list and single records, both in its own envelope. */
export interface RecurringResource<R extends Kept> {
  readonly records: (call: EndpointCall) => Pick<Collection<R>, 'all' | 'get' | 'visible' | 'isVisible'>
  readonly filters: Filters<R>
  readonly sortKeys: SortKeys<R>
  readonly render: (row: R, call: EndpointCall, form: 'listed' | 'single') => string
}

export function answerList<R extends Kept>(resource: RecurringResource<R>, call: EndpointCall): Answer {
  const filters = readFilters(resource.filters, call)
  if ('wrong' in filters) return invalid(filters.wrong, call)
  const records = resource.records(call)
  const matching = records.visible(records.all(), call.now).filter(filters.matches)
  const shown = shownRows(matching, PAGING, call, resource.sortKeys)
  if (shown.length === 0 && call.switches.recurringNothing !== 'empty-data') return NO_CONTENT
  return enveloped(`[${shown.map((row) => resource.render(row, call, 'listed')).join(',')}]`, call)
}

/** @param id as it stands in the path */
export function answerOne<R extends Kept>(
  resource: RecurringResource<R>,
  id: string | undefined,
  call: EndpointCall,
): Answer {
  const number = parseId(id)
  if (number === undefined) return invalid(['id'], call)
  const records = resource.records(call)
  const row = records.get(number)
  if (row && records.isVisible(row, call.now)) return enveloped(resource.render(row, call, 'single'), call)
  if (call.switches.recurringNothing === '204') return NO_CONTENT
  if (call.switches.recurringNothing === 'empty-data') return enveloped('[]', call)
  return failure(404, 'ERR_NOT_FOUND', 'Record not found', ['id'], call)
}

function enveloped(data: string, call: EndpointCall): Answer {
  const { recurringEnvelope, recurringStatusWord } = call.switches
  if (recurringEnvelope === 'bare') return jsonAnswer(200, data)
  return jsonAnswer(200, `{"timestamp":"${timestamp(call)}","status":"${recurringStatusWord}","data":${data}}`)
}

const invalid = (sources: readonly string[], call: EndpointCall): Answer =>
  failure(400, 'ERR_VALIDATION_FAILED', 'Field fails validation', sources, call)

function failure(
  status: number,
  code: string,
  message: string,
  sources: readonly string[],
  call: EndpointCall,
): Answer {
  const errors = { [code]: sources.map((source) => ({ code, message, source, data: '' })) }
  return jsonAnswer(status, JSON.stringify({ timestamp: timestamp(call), status: 'error', errors }))
}

/** With nine digits of a second, as printed; all but the milliseconds are made up. */
function timestamp({ zone, now, seed, callNumber }: EndpointCall): string {
  const rest = String(hash32(seed, 'nanoseconds', callNumber) % 1_000_000).padStart(6, '0')
  return zone.stamp(now).replace(/(\.\d{3})/, `$1${rest}`)
}
