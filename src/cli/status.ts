import type { Config } from '../config.ts'
import type { Account } from '../db/accounts.ts'
import { listResourceStates, listUncoveredDays } from '../db/coverage.ts'
import { loadOverview } from '../db/overview.ts'
import { addDays } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { type AccountOption, withAccount, withAccounts } from './judge.ts'
import { say, table } from './paint.ts'
import { clockOf, type OpenDatabase } from './runtime.ts'
import { showTerminals } from './show-terminals.ts'

/** How far each resource is proved, how fresh it is, what is missing, and what it cost; of one account, or of all. */
export function runStatus(config: Config, options: AccountOption & { json?: boolean }): Promise<number> {
  if (options.json) {
    return withAccount(config, options, async (database, account) => {
      const { overview, missing, states } = await look(config, database, account)
      const { name, historyFrom } = account
      say(JSON.stringify({ account: name, historyFrom, ...overview, missing, resources: states.map(toJson) }, null, 2))
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
  const history = { accountId, resource: 'card_transaction', from: historyFrom, to: yesterday }
  return {
    now,
    yesterday,
    overview: await loadOverview(db, accountId, { minuteMs: clock.realMs(60_000), hourMs: clock.realMs(3_600_000) }),
    states: await listResourceStates(db, accountId),
    missing: await listUncoveredDays(db, history),
  }
}

async function show(config: Config, database: OpenDatabase, account: Account): Promise<void> {
  const { now, yesterday, overview, states, missing } = await look(config, database, account)
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
  say(
    missing.length === 0
      ? `  days: every day from ${historyFrom} to ${yesterday} was read completely`
      : `  days not read completely: ${missing.map(({ from, to }) => (from === to ? from : `${from} to ${to}`)).join(', ')}`,
  )
  say()
  say(
    table(
      ['resource', 'read as', 'last complete', 'last ended', 'reason'],
      states.map((state) => [
        state.resource,
        state.windowKind === 'all' ? 'whole list' : 'days',
        state.lastCompleteAt === null ? 'never' : ageText(now, state.lastCompleteAt),
        state.lastState,
        state.lastFailWords ?? '',
      ]),
    ),
  )
  say()
  say(await showTerminals(database.db, accountId))
}

const toJson = ({
  lastCompleteAt,
  firstAskedAt,
  ...state
}: Awaited<ReturnType<typeof listResourceStates>>[number]) => ({
  ...state,
  lastCompleteAt: lastCompleteAt === null ? null : new Date(lastCompleteAt).toISOString(),
  firstAskedAt: firstAskedAt === null ? null : new Date(firstAskedAt).toISOString(),
})

function ageText(now: Instant, then: Instant): string {
  const minutes = Math.max(0, Math.floor((now - then) / 60_000))
  if (minutes < 120) return `${minutes} min ago`
  return minutes < 2_880 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1_440)} days ago`
}
