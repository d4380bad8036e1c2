import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../domain/clock.ts'
import type { CallLog, CallRecord } from './calls.ts'
import { type Answer, type Endpoint, type EndpointCall, errorAnswer } from './endpoint.ts'
import type { AnswerAct, FaultAct } from './faults/acts.ts'
import { deliver } from './faults/deliver.ts'
import type { FaultsOfCall } from './faults/script.ts'
import type { CallLimits, Limits, Remaining } from './limits.ts'
import type { Merchant } from './merchant.ts'
import type { Range, Switches } from './options.ts'
import { createRandom } from './random.ts'
import type { Renderer } from './render.ts'
import { isPermitted, type TokenHolder, type Tokens } from './tokens.ts'
import type { Zone } from './zone.ts'

export interface ConductContext {
  readonly clock: Clock
  readonly seed: number
  readonly merchant: Merchant
  readonly render: Renderer
  readonly zone: Zone
  /** Read anew with each call: a defect may make the server ignore filters. */
  readonly switches: () => Switches
  readonly limits: Limits
  readonly limitsMax: CallLimits
  readonly tokens: Tokens
  readonly calls: CallLog
  readonly strike: (call: CallRecord) => FaultsOfCall
  readonly advance: () => void
  readonly settleAchBatch: EndpointCall['settleAchBatch']
  readonly serviceTimeMs: Range
  /** Aborted when the sandbox closes. */
  readonly closing: AbortSignal
}

export interface Request {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  values(name: string): readonly string[]
  readonly parameters: Readonly<Record<string, string>>
  readonly endpoint: Endpoint | undefined
  readonly incoming: IncomingMessage
  readonly response: ServerResponse
}

/**
 * The way of one call: counted, let in or refused, worked on for its service time, answered. A call is in progress until
 * its work is done, also when its client has long gone away; only a hanging or streaming answer ends with its client.
 */
export async function conductCall(context: ConductContext, request: Request): Promise<void> {
  const { calls, limits, tokens, seed } = context
  const { method, path, query, incoming, response } = request
  const header = incoming.headers['api-token']
  const holder = tokens.find(typeof header === 'string' ? header : undefined)
  const idempotencyKey = keyOf(incoming) ?? null
  const call = calls.arrive({ method, path, query, tokenName: holder?.name ?? null, idempotencyKey })
  const refuse = async (answer: Answer, remaining: Remaining) => {
    const headers = { ...limitHeaders(context, remaining), ...answer.headers }
    calls.answer(call, await deliver(response, { ...answer, headers }, undefined, context.closing))
  }
  // Without a token a call belongs to no merchant, so it cannot fill anybody's windows.
  if (!holder) return refuse(unauthorized(context.switches()), limits.remaining(call.arrivedAt))
  const arrival = limits.arrive(call.arrivedAt)
  if (arrival.exceeded.length > 0) {
    return refuse(tooManyRequests(context.switches(), arrival.waitMs), arrival.remaining)
  }

  const client = watchClient(response, context.closing)
  let isInProgress = true
  const leave = () => {
    if (isInProgress) limits.leave()
    isInProgress = false
  }
  let status: number | null = null
  try {
    const { act, hooks, slowMs } = context.strike(call)
    const serviceMs = drawServiceMs(context.serviceTimeMs, seed, call.number) + slowMs
    for (const { before } of hooks) await before?.(call)
    await pause(serviceMs / 2, context.closing)
    if (act?.kind === 'hang') await client.gone
    const isDropped = act?.kind === 'hang' || (act?.kind === 'cut' && act.when === 'before-effect')
    const answer = isDropped ? undefined : answerTo(context, request, holder, act, call.number)
    await pause(serviceMs / 2, context.closing)
    // Whoever gets the last byte may call again at once, so a call that is not sent byte by byte leaves first.
    if (!isSlowToSend(act)) leave()
    if (answer) {
      const headers = { ...limitHeaders(context, arrival.remaining), ...answer.headers }
      status = await deliver(response, { ...answer, headers }, act, client.goneSignal)
    } else response.destroy()
    for (const { after } of hooks) await after?.(call)
  } catch (error) {
    // A hook that fails must not leave its client waiting.
    response.destroy()
    throw error
  } finally {
    leave()
    client.stop()
    calls.answer(call, status)
  }
}

/** On all answers, errors included. */
function limitHeaders({ switches, limitsMax }: ConductContext, { minute, hour }: Remaining): Record<string, string> {
  return {
    'minute-limit-remaining': String(minute),
    'hour-limit-remaining': String(switches().hourHeader === 'falling' ? hour : limitsMax.hour),
  }
}

function answerTo(
  context: ConductContext,
  { endpoint, query, values, parameters, incoming }: Request,
  { permissions, refused }: TokenHolder,
  act: FaultAct | undefined,
  callNumber: number,
): Answer {
  const replacement = act?.kind === 'answer' ? act : undefined
  if (replacement && !replacement.takesEffect) return replace(replacement)
  const switches = context.switches()
  context.advance()
  if (!endpoint) return errorAnswer(404, 'Not found')
  if (refused.includes(endpoint.path) || !isPermitted(permissions, endpoint.needs))
    return errorAnswer(switches.noPermission, 'No access permission')
  const applied = Object.entries(query).filter(([name]) => !switches.filtersIgnored.includes(name))
  const { clock, merchant, render, zone, seed } = context
  const answer = endpoint.answer({
    now: clock.now(),
    parameters,
    query: Object.fromEntries(applied),
    values: (name) => (switches.filtersIgnored.includes(name) ? [] : values(name)),
    pageShown: act?.kind === 'page' ? act.shows : 'asked',
    idempotencyKey: keyOf(incoming),
    merchant,
    render,
    switches,
    zone,
    callNumber,
    seed,
    settleAchBatch: context.settleAchBatch,
  })
  return replacement ? replace(replacement) : answer
}

function keyOf({ headers }: IncomingMessage): string | undefined {
  const key = headers['idempotency-key']
  return typeof key === 'string' ? key : undefined
}

function replace({ status, body = '', contentType = 'application/json', headers = {} }: AnswerAct): Answer {
  return { status, body, contentType, headers }
}

const isSlowToSend = (act: FaultAct | undefined) =>
  act?.kind === 'drip' || act?.kind === 'oversize' || act?.kind === 'gzip-bomb'

const unauthorized = (switches: Switches): Answer => errorAnswer(switches.unauthorized, 'Unauthorized')

function tooManyRequests({ tooManyRequests }: Switches, waitMs: number): Answer {
  if (tooManyRequests === 'html') {
    const body = '<!DOCTYPE html><html><head><title>429 Too Many Requests</title></head><body></body></html>'
    return { status: 429, body, contentType: 'text/html' }
  }
  const answer = errorAnswer(429, 'Too Many Requests')
  if (tooManyRequests === 'json') return answer
  return { ...answer, headers: { 'retry-after': String(Math.max(1, Math.ceil(waitMs / 1000))) } }
}

function drawServiceMs({ min, max }: Range, seed: number, callNumber: number): number {
  return min === max ? min : createRandom(seed, 'service', callNumber).integer(min, max)
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await delay(ms, undefined, { signal }).catch(() => undefined)
}

/** `gone` resolves when the client leaves before its answer is complete, or when the sandbox closes. */
function watchClient(response: ServerResponse, closing: AbortSignal) {
  const controller = new AbortController()
  const leave = () => controller.abort()
  response.once('close', leave)
  if (closing.aborted) leave()
  else closing.addEventListener('abort', leave, { once: true })
  const gone = new Promise<void>((resolve) => {
    if (controller.signal.aborted) resolve()
    else controller.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  return {
    gone,
    goneSignal: controller.signal,
    stop: () => {
      response.off('close', leave)
      closing.removeEventListener('abort', leave)
    },
  }
}
