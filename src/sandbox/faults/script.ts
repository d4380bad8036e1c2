import type { CallRecord } from '../calls.ts'
import { createRandom } from '../random.ts'
import { type FaultAct, RANDOM_ACTS } from './acts.ts'

export interface FaultRule {
  readonly match?: FaultMatch
  readonly act: FaultAct
}

export interface FaultMatch {
  readonly method?: string
  /** A text is the whole path under `/v2`; an expression may match any part of it. */
  readonly path?: string | RegExp
  /** These parameters must have these values. */
  readonly query?: Readonly<Record<string, string>>
  /** The first matching call that is struck, from 1; default 1. */
  readonly nth?: number
  /** How many calls are struck from there on; default 1. */
  readonly times?: number
}

export interface FaultHandle {
  countStruck(): number
  remove(): void
}

export interface FaultScript {
  /** Of several rules that match a call the one added first acts; hooks and slowness act beside it. */
  add(rule: FaultRule): FaultHandle
  /** Strikes calls that no rule struck, by lot. */
  addRandom(options: { rate: number; seed: number; acts?: readonly FaultAct[] }): FaultHandle
  clear(): void
}

/** The acts that one call meets. */
export interface FaultsOfCall {
  readonly act: FaultAct | undefined
  readonly hooks: readonly Extract<FaultAct, { kind: 'hook' }>[]
  readonly slowMs: number
}

interface Armed {
  strike(call: CallRecord): FaultAct | undefined
}

export function createFaultScript(): FaultScript & { strike(call: CallRecord): FaultsOfCall } {
  const rules = new Set<Armed>()
  const lots = new Set<Armed>()
  const arm = (set: Set<Armed>, draw: (call: CallRecord) => FaultAct | undefined): FaultHandle => {
    let countStruck = 0
    const armed: Armed = {
      strike(call) {
        const act = draw(call)
        if (act) countStruck += 1
        return act
      },
    }
    set.add(armed)
    return { countStruck: () => countStruck, remove: () => set.delete(armed) }
  }
  return {
    add({ match = {}, act }) {
      const { nth = 1, times = 1 } = match
      let countMatched = 0
      return arm(rules, (call) => {
        if (!isMatch(call, match)) return undefined
        countMatched += 1
        return countMatched >= nth && countMatched < nth + times ? act : undefined
      })
    },
    addRandom({ rate, seed, acts = RANDOM_ACTS }) {
      const random = createRandom(seed, 'faults')
      return arm(lots, () => (random.chance(rate) ? random.pick(acts) : undefined))
    },
    clear() {
      rules.clear()
      lots.clear()
    },
    strike(call) {
      const struck = Array.from(rules, (rule) => rule.strike(call)).filter((act) => act !== undefined)
      const acts = struck.filter(({ kind }) => kind !== 'hook' && kind !== 'slow')
      const lot = acts.length > 0 ? [] : Array.from(lots, (each) => each.strike(call))
      return {
        act: acts[0] ?? lot.find((act) => act !== undefined),
        hooks: struck.filter((act) => act.kind === 'hook'),
        slowMs: struck.reduce((sum, act) => sum + (act.kind === 'slow' ? act.ms : 0), 0),
      }
    },
  }
}

function isMatch(call: CallRecord, { method, path, query = {} }: FaultMatch): boolean {
  if (method !== undefined && method !== call.method) return false
  if (typeof path === 'string' && path !== call.path) return false
  if (path instanceof RegExp && !path.test(call.path)) return false
  return Object.entries(query).every(([name, value]) => call.query[name] === value)
}
