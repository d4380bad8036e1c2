import { z } from 'zod'
import { toInstant } from '../domain/clock.ts'
import { type DefectName, type DefectOptions, isDefectName } from './defects/catalogue.ts'
import { FAULT_ANSWERS, type FaultAct } from './faults/acts.ts'
import type { FaultRule } from './faults/script.ts'
import type { Sandbox } from './sandbox.ts'

/** One way to steer or ask a sandbox from another process: JSON over HTTP under `/_sandbox`, outside all limits. */
export interface ControlEndpoint {
  readonly method: 'GET' | 'POST'
  /** Under `/_sandbox`. */
  readonly path: string
  /** For whoever prints a help text. */
  readonly about: string
  /** @throws Error with a message for a body that is not understood; it is answered with 400 */
  handle(body: unknown): unknown
}

export function controlEndpoints(sandbox: Sandbox): readonly ControlEndpoint[] {
  const controls: readonly ControlEndpoint[] = [
    {
      method: 'GET',
      path: '/',
      about: 'what can be asked and done here',
      handle: () => controls.map(({ method, path, about }) => ({ method, path: `/_sandbox${path}`, about })),
    },
    { method: 'GET', path: '/calls', about: 'the calls as the server saw them', handle: () => sandbox.calls() },
    {
      method: 'GET',
      path: '/peaks',
      about: 'highest counts over each limit, and every violation',
      handle: () => ({ ...sandbox.peaks(), violations: sandbox.violations() }),
    },
    { method: 'GET', path: '/truth', about: 'what is wrong in what is served', handle: () => sandbox.truth() },
    {
      method: 'GET',
      path: '/totals',
      about: 'records and amounts that a complete copy holds, by resource',
      handle: () => sandbox.totals(),
    },
    {
      method: 'POST',
      path: '/faults',
      about: `{match: {method, path or pattern, query, nth, times}, act: {kind, …} or one of ${Object.keys(FAULT_ANSWERS).join(', ')}}`,
      handle(body) {
        sandbox.faults.add(readRule(body))
        return { added: true }
      },
    },
    {
      method: 'POST',
      path: '/faults/clear',
      about: 'no more faults',
      handle() {
        sandbox.faults.clear()
        return { cleared: true }
      },
    },
    {
      method: 'POST',
      path: '/foreign',
      about: '{count}: so many calls of a stranger on the same merchant; answers how many fitted',
      handle: (body) => ({ used: sandbox.foreign.use(check(FOREIGN, body).count) }),
    },
    {
      method: 'POST',
      path: '/defects',
      about:
        '{name, at, terminalId}: a labelled defect, now or at an instant in epoch milliseconds; answers its number',
      handle: (body) => ({ applied: true, strike: sandbox.state.apply(readDefect(body)) }),
    },
    { method: 'GET', path: '/defects', about: 'what struck until now', handle: () => sandbox.state.strikes() },
    {
      method: 'POST',
      path: '/defects/heal',
      about: '{strike}: takes a defect back, by its number',
      handle(body) {
        sandbox.state.heal(check(STRIKE, body).strike)
        return { healed: true }
      },
    },
    {
      method: 'POST',
      path: '/defects/relapse',
      about: '{strike}: a healed defect returns, on the same records',
      handle(body) {
        sandbox.state.relapse(check(STRIKE, body).strike)
        return { returned: true }
      },
    },
    {
      method: 'POST',
      path: '/close',
      about: 'ends the sandbox once this is answered',
      handle() {
        setImmediate(() => void sandbox.close())
        return { closing: true }
      },
    },
  ]
  return controls
}

const STRIKE = z.strictObject({ strike: z.int().min(1) })
const FOREIGN = z.strictObject({ count: z.int().min(0) })

const count = z.number().int().min(1)
const ACT = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('answer'),
    status: z.int().min(200).max(599),
    body: z.string().exactOptional(),
    contentType: z.string().exactOptional(),
    headers: z.record(z.string(), z.string()).exactOptional(),
    takesEffect: z.boolean().exactOptional(),
  }),
  z.strictObject({ kind: z.literal('hang') }),
  z.strictObject({ kind: z.literal('page'), shows: z.enum(['previous', 'first', 'empty']) }),
  z.strictObject({ kind: z.literal('cut'), when: z.enum(['before-effect', 'after-effect', 'in-answer']) }),
  z.strictObject({ kind: z.literal('drip'), intervalMs: z.number().min(0).exactOptional() }),
  z.strictObject({ kind: z.literal('truncated') }),
  z.strictObject({ kind: z.literal('wrong-length'), offBy: z.int() }),
  z.strictObject({ kind: z.literal('duplicate-keys') }),
  z.strictObject({ kind: z.literal('huge-number') }),
  z.strictObject({ kind: z.literal('huge-integer') }),
  z.strictObject({ kind: z.literal('byte-order-mark') }),
  z.strictObject({ kind: z.literal('deep-nesting'), depth: count }),
  z.strictObject({ kind: z.literal('oversize'), bytes: count }),
  z.strictObject({ kind: z.literal('gzip-bomb'), bytes: count }),
  z.strictObject({ kind: z.literal('slow'), ms: z.number().min(0) }),
])
const MATCH = z.strictObject({
  method: z.string().exactOptional(),
  path: z.string().exactOptional(),
  /** A regular expression over the path. */
  pattern: z.string().exactOptional(),
  query: z.record(z.string(), z.string()).exactOptional(),
  nth: count.exactOptional(),
  /** null: always. */
  times: count.nullable().exactOptional(),
})
const RULE = z.strictObject({
  match: MATCH.default({}),
  act: z.union([ACT, z.enum(Object.keys(FAULT_ANSWERS)).transform((name): FaultAct => answerNamed(name))]),
})
const DEFECT = z.strictObject({
  name: z.string(),
  at: z.int().exactOptional(),
  terminalId: z.int().exactOptional(),
})

function readRule(body: unknown): FaultRule {
  const { match, act } = check(RULE, body)
  const { pattern, times, path, ...rest } = match
  const where = pattern !== undefined ? new RegExp(pattern) : path
  return {
    match: {
      ...rest,
      ...(where === undefined ? {} : { path: where }),
      ...(times === undefined ? {} : { times: times ?? Number.POSITIVE_INFINITY }),
    },
    act,
  }
}

function answerNamed(name: string): FaultAct {
  const act = Object.entries(FAULT_ANSWERS).find(([each]) => each === name)?.[1]
  if (!act) throw new Error(`no answer is named ${name}`)
  return act
}

function readDefect(body: unknown): DefectOptions {
  const { name, at, terminalId } = check(DEFECT, body)
  return {
    name: readDefectName(name),
    ...(at === undefined ? {} : { at: toInstant(at) }),
    ...(terminalId === undefined ? {} : { terminalId }),
  }
}

/** @throws Error that names the unknown defect */
export function readDefectName(name: string): DefectName {
  if (!isDefectName(name)) throw new Error(`no defect is named ${name}`)
  return name
}

function check<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body)
  if (!result.success) throw new Error(z.prettifyError(result.error))
  return result.data
}
