import type { Config } from '../config.ts'
import type { Account } from '../db/accounts.ts'
import { listTargets } from '../db/alerts/targets.ts'
import {
  listMissingDays,
  listResourceExtents,
  listResourceStates,
  listUnprovedDays,
  type ResourceState,
} from '../db/coverage.ts'
import { countDetails } from '../db/needs.ts'
import { loadOverview } from '../db/overview.ts'
import { addDays, type BusinessDate, daysText } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { RESOURCES } from '../jobs/sync/resources.ts'
import { type AccountOption, withAccount, withAccounts } from './account-option.ts'
import { clockOf } from './clock.ts'
import type { OpenDatabase } from './open-database.ts'
import { say, table } from './paint.ts'
import { targetText, targetToJson } from './show-alert-targets.ts'
import { showTerminals } from './show-terminals.ts'

/** How far each resource is proved, how fresh it is, what is missing, and what it cost; of one account, or of all. */
export function runStatus(config: Config, options: AccountOption & { json?: boolean }): Promise<number> {
  if (options.json) {
    return withAccount(config, options, async (database, account) => {
      const { overview, provedTo, missing, resources, details, alerts } = await look(config, database, account)
      const { name, historyFrom } = account
      const shown = {
        account: name,
        historyFrom,
        ...overview,
        provedTo,
        missing,
        details,
        alerts: alerts.map(targetToJson),
        resources: resources.map(toJson),
      }
      say(JSON.stringify(shown, null, 2))
      return 0
    })
  }
  return withAccounts(config, options.account, async (database, accounts) => {
    for (const [index, account] of accounts.entries()) {
      if (index > 0) say()
      await show(config, database, account)
    }
    return 0
  })
}

async function look(config: Config, { db }: OpenDatabase, { accountId, historyFrom }: Account) {
  const clock = clockOf(config)
  const now = clock.now()
  const yesterday = addDays(helcimDate(now), -1)
  const asked = await listResourceStates(db, accountId)
  const extents = await listResourceExtents(db, accountId)
  const neverAsked = [...RESOURCES.keys()].filter((name) => !asked.some(({ resource }) => resource === name))
  const states = [...asked, ...neverAsked.map(neverAskedFor)]
  const missingOf = (resource: string) =>
    listMissingDays(db, { accountId, resource, from: historyFrom, to: yesterday, now })
  const resources: ResourceView[] = []
  for (const state of states) {
    const { resource, windowKind } = state
    const extent = extents.find((one) => one.resource === resource)
    const missing = windowKind === 'days' ? await missingOf(resource) : []
    resources.push({ ...state, countRecords: extent?.countRecords ?? 0, lastDay: extent?.lastDay ?? null, missing })
  }
  const cardDays = { accountId, resource: 'card_transaction', from: historyFrom, to: yesterday }
  const [firstUnproved] = await listUnprovedDays(db, cardDays)
  return {
    now,
    provedTo: firstUnproved ? addDays(firstUnproved.from, -1) : yesterday,
    overview: await loadOverview(db, accountId, { minuteMs: clock.realMs(60_000), hourMs: clock.realMs(3_600_000) }),
    resources,
    missing: await missingOf('card_transaction'),
    details: await countDetails(db, accountId),
    alerts: await listTargets(db, { accountId, now }),
  }
}

async function show(config: Config, database: OpenDatabase, account: Account): Promise<void> {
  const { now, provedTo, overview, resources, missing, details, alerts } = await look(config, database, account)
  const { name, historyFrom, accountId } = account
  // Of the environment: an accounts file may say otherwise, and needs its tokens to be read.
  const { limits } = config.helcim
  say(
    `  account ${name}: ${overview.countTransactions} card transactions, ${overview.countBatches} batches since ${historyFrom}`,
  )
  say(
    `  calls: ${overview.countCallsLastMinute} of ${limits.minute} in the last minute, ` +
      `${overview.countCallsLastHour} of ${limits.hour} in the last hour, ${overview.countRateLimited} refused`,
  )
  say(missing.length === 0 ? daysProvedText(historyFrom, provedTo) : `  days not read completely: ${daysText(missing)}`)
  say()
  say(
    table(
      ['resource', 'records', 'read as', 'proved', 'last complete', 'last ended', 'reason'],
      resources.map((one) => [
        one.resource,
        String(one.countRecords),
        one.windowKind === 'all' ? 'whole list' : 'days',
        provedText(one),
        one.lastCompleteAt === null ? 'never' : ageText(now, one.lastCompleteAt),
        one.lastState.replace('_', ' '),
        one.lastFailWords ?? '',
      ]),
      [1],
    ),
  )
  if (details.countSubscriptions > 0) {
    say()
    say(`  payments of ${details.countRead} of ${details.countSubscriptions} subscriptions were read, each by itself`)
  }
  say()
  for (const line of alerts.map((target) => targetText(target, now))) say(line)
  say()
  say(await showTerminals(database.db, accountId))
}

/** Only days that were read since they were over: yesterday, shortly after midnight, is not among them. */
const daysProvedText = (from: BusinessDate, to: BusinessDate): string =>
  from <= to
    ? `  days: every day from ${from} to ${to} was read completely`
    : `  days: the first one, ${from}, is over and is yet to be read once more`

/** One resource as it is read as a whole or by days. */
type ResourceView = ResourceState & {
  readonly countRecords: number
  readonly lastDay: string | null
  /** Days of the history that are not read, see `listMissingDays`. */
  readonly missing: readonly { readonly from: BusinessDate; readonly to: BusinessDate }[]
}

const neverAskedFor = (resource: string): ResourceState => ({
  resource,
  windowKind: RESOURCES.get(resource)?.rhythm?.kind === 'days' ? 'days' : 'all',
  lastCompleteAt: null,
  lastState: 'not asked yet',
  lastFailCode: null,
  lastFailWords: null,
  firstAskedAt: null,
})

/** How far, in a few words. */
function provedText({ windowKind, lastCompleteAt, lastState, lastDay, missing }: ResourceView): string {
  if (lastState === 'not_permitted') return 'not permitted'
  if (windowKind === 'all') return lastCompleteAt === null ? 'no' : 'all of it'
  if (lastDay === null) return 'no'
  const countMissing = missing.reduce(
    (days, { from, to }) => days + (Date.parse(to) - Date.parse(from)) / DAY_MS + 1,
    0,
  )
  return countMissing === 0 ? `to ${lastDay}` : `to ${lastDay}, ${countMissing} days missing`
}

const DAY_MS = 86_400_000

const toJson = ({ lastCompleteAt, firstAskedAt, ...state }: ResourceView) => ({
  ...state,
  lastCompleteAt: lastCompleteAt === null ? null : new Date(lastCompleteAt).toISOString(),
  firstAskedAt: firstAskedAt === null ? null : new Date(firstAskedAt).toISOString(),
})

function ageText(now: Instant, then: Instant): string {
  const minutes = Math.max(0, Math.floor((now - then) / 60_000))
  if (minutes < 120) return `${minutes} min ago`
  return minutes < 2_880 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1_440)} days ago`
}
