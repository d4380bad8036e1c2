import { type AccountSettings, readAccounts } from '../accounts-file.ts'
import type { Config } from '../config.ts'
import type { Enqueue, Services } from '../context.ts'
import type { Tx } from '../db/client.ts'
import { listPullsByCause, type Pull } from '../db/pulls.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { UsageError } from '../domain/operating-error.ts'
import { subjectText } from '../domain/pull.ts'
import { askForDueDays } from '../jobs/sync/ask-for-due-lists.ts'
import { type Ask, askForBatches, askForDays, askForHistory, askForList } from '../jobs/sync/ask-for-lists.ts'
import { askForNeeds } from '../jobs/sync/ask-for-needs.ts'
import type { Resource } from '../jobs/sync/resource.ts'
import { resourceOf } from '../jobs/sync/resources.ts'
import { createLog } from '../log.ts'
import type { AccountOption } from './account-option.ts'
import type { AccountWork } from './account-work.ts'
import { dateOf } from './date-option.ts'
import { paint, say, table } from './paint.ts'
import { resourcesOf } from './resource-option.ts'
import { openRuntime } from './runtime.ts'
import { waitUntilQuiet } from './settle-down.ts'

export interface SyncOptions extends AccountOption {
  readonly from?: string
  readonly to?: string
  readonly resource?: readonly string[]
  readonly json?: boolean
}

/** Nobody puts lost jobs back here; between two jobs there is far less. */
const STUCK_MS_MAX = 5_000

/** Pulls once what is asked for, with the jobs and the budget of the daemon. @returns the exit code: 0 only if complete */
export async function runSync(config: Config, options: SyncOptions, signal: AbortSignal): Promise<number> {
  const accounts = accountsOf(config, options)
  const resources = resourcesOf(options.resource)
  const range = { from: dateOf('--from', options.from), to: dateOf('--to', options.to) }
  const runtime = await openRuntime(config, { log: createLog({ level: 'silent', isPretty: false }) })
  try {
    const cause = `sync ${new Date(runtime.clock.now()).toISOString()} ${process.pid}`
    const works: AccountWork[] = []
    for (const account of accounts) works.push(await runtime.add(account))
    for (const { services } of works) {
      await services.db.transaction((tx) => ask(tx, services, cause, resources, range))
    }
    const dead = new AbortController()
    runtime.work({ onDead: () => dead.abort() })
    const ended = { signal: AbortSignal.any([signal, dead.signal]), stuckMsMax: STUCK_MS_MAX }
    // Also those that a killed process left in no queue: what we asked for may be waiting for them.
    for (const work of works) await work.repair()
    let isQuiet = true
    for (const { services } of works) {
      const beQuiet = () => waitUntilQuiet({ ...runtime, services }, ended)
      isQuiet =
        (await beQuiet()) &&
        (await readNeeded({ services, enqueue: runtime.enqueue, beQuiet }, cause, resources)) &&
        isQuiet
    }
    const read: Read[] = []
    for (const { services, settings } of works) {
      const pulls = await listPullsByCause(services.db, services.account.accountId, cause)
      read.push(...pulls.map((pull) => ({ account: settings.name, pull })))
    }
    show(read, options.json === true)
    if (!isQuiet) return 1
    return read.every(({ pull }) => pull.state === 'complete' || pull.state === 'split') ? 0 : 1
  } finally {
    await runtime.close({ deadlineMs: 10_000 })
  }
}

/** Single readings that the lists show to be needed, a few at a time until none is. @returns false when interrupted */
async function readNeeded(
  { services, enqueue, beQuiet }: { services: Services; enqueue: Enqueue; beQuiet: () => Promise<boolean> },
  cause: string,
  resources: readonly string[],
): Promise<boolean> {
  const { db, account, clock } = services
  for (;;) {
    const ask = { accountId: account.accountId, cause, now: clock.now() }
    const pulls = await db.transaction((tx) => askForNeeds(tx, ask, { resources }))
    const running = pulls.filter(({ state }) => state === 'running')
    // What ended without success is asked for by a later command.
    if (running.length === 0) return true
    for (const pull of running) await enqueue.pullPage(pull)
    if (!(await beQuiet())) return false
  }
}

/** Of days, as far as it was said. */
interface Range {
  readonly from: BusinessDate | undefined
  readonly to: BusinessDate | undefined
}

interface Read {
  readonly account: string
  readonly pull: Pull
}

/** The accounts that a command concerns: the named one, or all. @throws UsageError when there is none of that name */
export function accountsOf(config: Config, { account: name }: AccountOption): readonly AccountSettings[] {
  const all = readAccounts(config)
  const accounts = name === undefined ? all : all.filter((account) => account.name === name)
  if (accounts.length > 0) return accounts
  throw new UsageError(`--account: there is no "${name}"; choose from ${all.map((one) => one.name).join(', ')}`)
}

async function ask(
  tx: Tx,
  { account, clock }: Services,
  cause: string,
  resources: readonly string[],
  range: Range,
): Promise<void> {
  const now = clock.now()
  const input = { accountId: account.accountId, cause, now }
  const today = helcimDate(now)
  const { from: first = account.historyFrom, to: last = today } = range
  if (first > last) throw new UsageError(`--from ${first} is after --to ${last}`)
  const pulls: Pull[] = []
  if (resources.includes('card_transaction')) {
    // No rhythm comes after it: of the days before today each is read once after it ended.
    if (range.from === undefined && range.to === undefined)
      pulls.push(...(await askForHistory(tx, input, { historyFrom: account.historyFrom, freshFrom: today })))
    const from = range.from ?? (range.to === undefined ? today : account.historyFrom)
    const to = range.to ?? today
    const isCovered = pulls.some(({ window }) => window.kind === 'days' && window.from <= from && window.to >= to)
    if (!isCovered) pulls.push(...(await askForDays(tx, input, { from, to, callClass: 'fresh' })))
  }
  if (resources.includes('card_terminal')) await askForList(tx, input, 'card_terminal')
  if (resources.includes('card_batch')) await askForBatches(tx, input)
  for (const resource of resources.map(resourceOf)) await askForOther(tx, input, resource, { account, today, range })
}

/** Everything but card data: the list, or the days that are asked for; unless said those that are due, and today. */
async function askForOther(
  tx: Tx,
  ask: Ask,
  resource: Resource,
  { account, today, range }: { account: Services['account']; today: BusinessDate; range: Range },
): Promise<void> {
  const { name, rhythm } = resource
  if (rhythm?.kind === 'list') await askForList(tx, ask, name)
  if (rhythm?.kind !== 'days') return
  const { historyFrom } = account
  if (range.from !== undefined || range.to !== undefined) {
    const { from = historyFrom, to = today } = range
    await askForDays(tx, ask, { from, to, callClass: 'fresh' }, name)
    return
  }
  const due = await askForDueDays(tx, ask, resource, { rhythm, historyFrom })
  const isToday = due.some(({ window }) => window.kind === 'days' && window.to >= today)
  if (!isToday) await askForDays(tx, ask, { from: today, to: today, callClass: 'fresh' }, name)
}

function show(read: readonly Read[], isJson: boolean): void {
  if (isJson) {
    const rows = read.map(({ account, pull }) => {
      const { resource, window, state, countRows, countChanged, countCalls, failCode, failWords } = pull
      const counts = { countRows, countChanged, countCalls, failCode, failWords }
      return { account, resource, window: subjectText(window), state, ...counts }
    })
    say(JSON.stringify(rows, null, 2))
    return
  }
  const names = new Set(read.map(({ account }) => account))
  for (const name of names) {
    const pulls = read.filter(({ account }) => account === name).map(({ pull }) => pull)
    if (names.size > 1) say(paint('bold', `  account ${name}`))
    const rows = pulls.map((pull) => [
      pull.resource,
      subjectText(pull.window),
      pull.state,
      String(pull.countRows),
      String(pull.countChanged),
      String(pull.countCalls),
    ])
    say(table(['resource', 'window', 'state', 'rows', 'changed', 'calls'], rows, [3, 4, 5]))
    for (const line of reasonsOf(pulls)) say(paint('red', `  ${line}`))
  }
}

/** Codes that end every pull of an account: the first few hear it from Helcim, the rest from us. */
const ACCOUNT_CODES = ['HELCIM_UNAUTHORIZED', 'ACCOUNT_STOPPED']

/** Why pulls failed, each reason once however many pulls it ended. */
export function reasonsOf(pulls: readonly Pull[]): string[] {
  const failed = pulls.filter(({ failWords }) => failWords !== null)
  const windows = new Map<string, string[]>()
  for (const { resource, window, failCode, failWords } of failed) {
    if (ACCOUNT_CODES.includes(failCode ?? '')) continue
    const reason = `${resource}: ${failWords}`
    windows.set(reason, [...(windows.get(reason) ?? []), subjectText(window)])
  }
  const ofWindows = Array.from(
    windows,
    ([reason, texts]) => `${reason} (${texts.length === 1 ? texts[0] : `${texts.length} windows`})`,
  )
  if (failed.some(({ failCode }) => failCode === 'HELCIM_UNAUTHORIZED'))
    return ['HELCIM_API_TOKEN: Helcim does not accept the token; set a valid one', ...ofWindows]
  const stopped = failed.find(({ failCode }) => failCode === 'ACCOUNT_STOPPED')
  return stopped ? [stopped.failWords ?? '', ...ofWindows] : ofWindows
}
