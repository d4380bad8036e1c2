import { Gauge, type Registry } from 'prom-client'
import type { Figures } from '../db/figures.ts'
import type { CallLimits } from '../domain/call-budget.ts'
import type { Instant } from '../domain/clock.ts'
import { formatMinor } from '../domain/money.ts'
import type { Freshness } from './freshness.ts'

export interface AccountFacts {
  /** Its name, on each of its figures. */
  readonly account: string
  readonly figures: Figures
  readonly limits: CallLimits
  readonly freshness: readonly Freshness[]
  /** Of the clock by which the figures' instants were taken. */
  readonly now: Instant
}

/** All gauges: what lies in the database can also go down, by retention if by nothing else. */
export function createAccountMetrics(registry: Registry) {
  const gauges: { reset(): void }[] = []
  function gauge<Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []) {
    const created = new Gauge<string>({
      name: `tieout_${name}`,
      help,
      labelNames: ['account', ...labelNames],
      registers: [registry],
    })
    gauges.push(created)
    return (account: string, value: number, labels?: Record<Label, string>) =>
      created.set({ account, ...labels }, value)
  }

  const calls = gauge(
    'calls_past_hour',
    "Calls to Helcim of all replicas in the past 60 min. outcome: Helcim's status, aborted or running.",
    ['class', 'endpoint', 'outcome'],
  )
  const limit = gauge('call_limit', 'Calls that may be made in any such window.', ['window'])
  const left = gauge('call_budget_left', 'What own calls and those of others leave of the limit.', ['window'])
  const foreign = gauge('foreign_calls', 'Calls of other users of the quota in the window, as answers showed.', [
    'window',
  ])
  const slots = gauge('call_slots', 'Calls that may be in progress at once.')
  const slotsInUse = gauge('call_slots_in_use', 'Slots taken by calls in progress or given up a moment ago.')
  const closed = gauge('account_closed_seconds', 'For how much longer a 429 keeps the account closed; 0 when open.')
  const stopped = gauge('account_stopped', '1 when all calls are stopped because the token is not accepted, else 0.')
  const age = gauge(
    'resource_age_seconds',
    'Since the end of the last complete proof of the resource, or since it was first asked for.',
    ['resource'],
  )
  const ageLimit = gauge('resource_age_limit_seconds', 'An age beyond this is stale.', ['resource'])
  const missing = gauge(
    'missing_days',
    'Days of the history, up to yesterday, that were not read completely since they were over.',
  )
  const batches = gauge('card_batches', 'Card batches by how far they are proved.', ['state'])
  const open = gauge('mismatches_open', 'Unresolved mismatches.', ['code', 'severity'])
  const atStake = gauge(
    'money_at_stake',
    'Differences of unresolved mismatches added up without sign, in major units. A float: for watching, not for books.',
    ['currency'],
  )
  const jobs = new Gauge({
    name: 'tieout_jobs',
    help: 'Jobs of all replicas in the queue, of all accounts.',
    labelNames: ['state'],
    registers: [registry],
  })
  gauges.push(jobs)
  const overdue = gauge('due_work_overdue', 'Planned work whose time has come and that has not ended.', ['kind'])
  const overdueAge = gauge('due_work_overdue_seconds', 'How long the oldest of it has been due; 0 without any.', [
    'kind',
  ])
  const undelivered = gauge('alerts_undelivered', 'Alert messages that still wait to be delivered.', ['channel'])
  const undeliveredAge = gauge('alerts_undelivered_age_seconds', 'Age of the oldest of them; 0 without any.', [
    'channel',
  ])
  const givenUp = gauge('alerts_given_up_past_day', 'Alert messages given up in the past 24 h.', ['channel'])

  const dead = gauge('alert_target_dead', '1 when the target of the channel refused for good, else 0.', ['channel'])

  function showAccount({ figures, limits, freshness, now, account }: AccountFacts): void {
    const { usage } = figures
    const ageSeconds = (at: Instant | null) => (at === null ? 0 : Math.max(0, now - at) / 1_000)
    for (const { callClass, endpoint, outcome, count } of figures.calls) {
      calls(account, count, { class: callClass, endpoint, outcome })
    }
    const windows = [
      { window: 'minute', own: usage.minute, foreign: usage.foreignMinute },
      { window: 'hour', own: usage.hour, foreign: usage.foreignHour },
    ] as const
    for (const { window, own, foreign: ofOthers } of windows) {
      limit(account, limits[window], { window })
      left(account, Math.max(0, limits[window] - own - ofOthers), { window })
      foreign(account, ofOthers, { window })
    }
    slots(account, limits.concurrent)
    slotsInUse(account, usage.running)
    closed(account, Math.max(0, usage.closedMs) / 1_000)
    stopped(account, usage.stopReason === null ? 0 : 1)
    for (const { resource, ageMs, limitMs } of freshness) {
      age(account, ageMs / 1_000, { resource })
      ageLimit(account, limitMs / 1_000, { resource })
    }
    missing(account, figures.countMissingDays)
    for (const { state, count } of figures.batches) batches(account, count, { state })
    for (const { code, severity, count } of figures.mismatches) open(account, count, { code, severity })
    // The sum itself is exact; the last step to a number is what Prometheus can hold.
    for (const { currency, minor } of figures.atStake)
      atStake(account, Number(formatMinor(minor, currency)), { currency })
    for (const { kind, countOverdue, oldestAt } of figures.dueWork) {
      overdue(account, countOverdue, { kind })
      overdueAge(account, ageSeconds(oldestAt), { kind })
    }
    for (const { channel, countUndelivered, oldestAt, countGivenUp, deadAt } of figures.alerts) {
      undelivered(account, countUndelivered, { channel })
      undeliveredAge(account, ageSeconds(oldestAt), { channel })
      givenUp(account, countGivenUp, { channel })
      dead(account, deadAt === null ? 0 : 1, { channel })
    }
  }

  return {
    /** Replaces all figures; those that could not be read (null) are left out. */
    show(facts: readonly AccountFacts[] | null, countsOfJobs: Readonly<Record<string, number>> | null): void {
      for (const each of gauges) each.reset()
      for (const each of facts ?? []) showAccount(each)
      for (const [state, count] of Object.entries(countsOfJobs ?? {})) jobs.set({ state }, count)
    },
  }
}
