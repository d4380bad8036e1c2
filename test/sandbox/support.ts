import { parse } from 'lossless-json'
import { afterEach } from 'vitest'
import { type Clock, type Instant, toInstant } from '../../src/domain/clock.ts'
import type { SandboxOptions } from '../../src/sandbox/options.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'

/** A clock that stands until it is told to go on. */
export interface ManualClock extends Clock {
  set(at: string | Instant): void
  advance(ms: number): void
}

export function createManualClock(at: string): ManualClock {
  let now = Date.parse(at)
  return {
    now: () => toInstant(now),
    rate: 1,
    realMs: (ms) => ms,
    sleep: () => Promise.resolve(),
    set(to) {
      now = typeof to === 'string' ? Date.parse(to) : to
    },
    advance(ms) {
      now += ms
    },
  }
}

/** Numbers are texts with their digits here; whether one was a number or a string tells the raw text only. */
export type Row = Record<string, string | boolean>

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  rows(): Row[]
  row(): Row
}

export interface Client {
  readonly sandbox: Sandbox
  readonly clock: ManualClock
  get(path: string, token?: string): Promise<Reply>
  post(path: string, token?: string): Promise<Reply>
  /** Every page, until one is shorter than the limit. */
  all(path: string): Promise<Row[]>
}

const started: Sandbox[] = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((sandbox) => sandbox.close()))
})

export const SMALL_SHOP = { startsOn: '2026-10-01', customers: 40, salesPerDay: { min: 15, max: 30 } } as const
/** The same shop with all that happens beside its till. */
export const BILLED_SHOP = { ...SMALL_SHOP, billing: { subscriptions: 40 } } as const
/** Wide enough for tests that are not about limits. */
export const NO_LIMITS = { concurrent: 1000, minute: 100_000, hour: 1_000_000 }

/** A sandbox whose clock stands at `now`; closed after the test. */
export async function start(options: Partial<SandboxOptions> & { now?: string } = {}): Promise<Client> {
  const clock = createManualClock(options.now ?? '2026-10-12T20:00:00Z')
  const sandbox = await startSandbox({
    clock,
    seed: 7,
    scenario: SMALL_SHOP,
    limits: NO_LIMITS,
    serviceTimeMs: 0,
    ...options,
  })
  started.push(sandbox)
  const send = async (method: string, path: string, token = sandbox.token) => {
    const headers = { 'api-token': token, 'content-type': 'application/json' }
    const response = await fetch(`${sandbox.url}${path}`, { method, headers })
    return readReply(response.status, response.headers, await response.text())
  }
  const get = (path: string, token?: string) => send('GET', path, token)
  return {
    sandbox,
    clock,
    get,
    post: (path, token) => send('POST', path, token),
    async all(path) {
      const rows: Row[] = []
      for (let page = 1; page < 1000; page += 1) {
        const read = (await get(`${path}${path.includes('?') ? '&' : '?'}page=${page}`)).rows()
        rows.push(...read)
        if (read.length < 1000) return rows
      }
      throw new Error('too many pages')
    },
  }
}

function readReply(status: number, headers: Headers, text: string): Reply {
  const parsed = () => parse(text, undefined, (number) => number)
  return {
    status,
    headers,
    text,
    rows() {
      const value = parsed()
      if (!Array.isArray(value)) throw new Error(`no list: ${text.slice(0, 200)}`)
      return value.map(readRow)
    },
    row: () => readRow(parsed()),
  }
}

function readRow(value: unknown): Row {
  if (typeof value !== 'object' || value === null) throw new Error(`no object: ${JSON.stringify(value)}`)
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, typeof each === 'boolean' ? each : String(each)]),
  )
}

export const text = (row: Row | undefined, key: string): string => {
  const value = row?.[key]
  if (typeof value !== 'string') throw new Error(`no ${key} in ${JSON.stringify(row)}`)
  return value
}
