import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../kills/cli-process.ts'
import { LIMITS } from '../kills/shop.ts'
import { type Daemon, openDaemon, PASSWORD, parseExposition, type Sample, withPassword } from './support.ts'

const CARD_NUMBER = '4242424242424242'
let daemon: Daemon
let samples: readonly Sample[]
let names: ReadonlyMap<string, string>
let page: string

beforeAll(async () => {
  daemon = await openDaemon()
  await seed()
  ;({ text: page } = await daemon.get('/metrics', withPassword))
  ;({ names, samples } = parseExposition(page))
})
afterAll(() => daemon?.close())

/** Rows that a rested daemon does not have; wherever a text may stand, a card number does. */
async function seed(): Promise<void> {
  const { rows } = daemon.database
  await rows(`insert into recon.mismatches (account_id, code, subject_kind, subject_id, severity, currency,
      expected_minor, actual_minor, summary, advice, evidence, state, first_seen_at, last_seen_at)
    select 1, 'card_batch_total_differs', 'card_batch', '9000' || n || ':net', 'critical', currency, expected, actual,
      '${CARD_NUMBER}', '${CARD_NUMBER}', '["${CARD_NUMBER}"]', state, now(), now()
    from (values (1, 'CAD', 9007199254740993, 10, 'open'), (2, 'USD', 5, 1005, 'acknowledged'),
      (3, 'USD', 0, 77700, 'resolved'), (4, 'USD', null, 500, 'open')) as m (n, currency, expected, actual, state)`)
  await rows(`insert into recon.alert_messages (account_id, channel, cause, body, created_at, next_attempt_at,
      delivered_at, given_up_at, last_error)
    select 1, channel, '${CARD_NUMBER}', '{"text":"${CARD_NUMBER}"}', now() - interval '2 hours', now() + interval '1 hour', delivered, given_up,
      '${CARD_NUMBER}'
    from (values ('log', null, null), ('log', now(), null), ('log', null, now()), ('former', null, null))
      as a (channel, delivered, given_up)`)
  await rows(`insert into recon.due_work (account_id, kind, planned_at, finished_at, outcome) values
    (1, 'poll', now() - interval '90 minutes', null, null), (1, 'poll', now() + interval '1 hour', null, null),
    (1, 'week', now() - interval '1 day', now(), 'done')`)
  await rows(`update recon.budgets set foreign_minute = 7, foreign_observed_at = now(),
    closed_until = now() + interval '10 minutes', closed_reason = '${CARD_NUMBER}'`)
  await rows(`delete from recon.covered_days where day = (select max(day) - 3 from recon.covered_days)`)
}

const figure = (name: string, labels: Readonly<Record<string, string>> = {}): number | undefined => {
  const found = samples.filter(
    (sample) => sample.name === name && Object.entries(labels).every(([label, text]) => sample.labels[label] === text),
  )
  if (found.length > 1) throw new Error(`${name} has several series with these labels`)
  return found[0]?.value
}

/** Series of one metric as `label value, … → value`, and the same of rows whose last column is the value. */
const seriesOf = (name: string) =>
  samples
    .filter((sample) => sample.name === name)
    .map(({ labels, value }) => [
      ...Object.entries(labels).flatMap(([label, text]) => (label === 'account' ? [] : [text])),
      value,
    ])
    .map((cells) => cells.join(' '))
    .sort()
const rowsOf = async (statement: string) =>
  (await daemon.database.rows(statement)).map((row) => Object.values(row).join(' ')).sort()

test('the page is sound, each name begins with tieout_, and counters alone end in _total', () => {
  expect(names.size).toBeGreaterThan(30)
  for (const [name, type] of names) {
    expect(name).toMatch(/^tieout_[a-z_]+$/)
    expect(name.endsWith('_total'), name).toBe(type === 'counter')
    expect(name, 'base units').not.toMatch(/_(ms|milliseconds|minutes|hours|kilobytes|megabytes)$/)
  }
})

test.each([
  ['no newline at the end', 'x'],
  ['a sample without HELP and TYPE', 'a 1\n'],
  ['a sample of another metric', '# HELP a A.\n# TYPE a gauge\nb 1\n'],
  ['a series twice', '# HELP a A.\n# TYPE a gauge\na{x="1"} 1\na{x="1"} 2\n'],
  ['a value that is none', '# HELP a A.\n# TYPE a gauge\na one\n'],
  ['a raw quote in a label', '# HELP a A.\n# TYPE a gauge\na{x="""} 1\n'],
  ['a metric twice', '# HELP a A.\n# TYPE a gauge\na 1\n# HELP a A.\n# TYPE a gauge\n'],
])('the checker sees %s', (_, text) => {
  expect(() => parseExposition(text)).toThrow()
})

test('mismatches, money, batches and calls are those of the database', async () => {
  const mismatches = await rowsOf(
    `select code, severity, count(*) from recon.mismatches where state <> 'resolved' group by 1, 2`,
  )
  expect(seriesOf('tieout_mismatches_open')).toEqual(mismatches)
  expect(mismatches.length).toBeGreaterThan(2)

  const batches = await rowsOf('select state, count(*) from recon.batch_checks group by 1')
  expect(seriesOf('tieout_card_batches')).toEqual(batches)
  expect(batches.length).toBeGreaterThan(1)

  const calls = await rowsOf(`select call_class, endpoint, status, count(*) from recon.calls group by 1, 2, 3`)
  expect(seriesOf('tieout_calls_past_hour')).toEqual(calls)
  // Nobody else made calls, so what the process counted itself is the same.
  expect(seriesOf('tieout_calls_total')).toEqual(calls)
  const pages = await rowsOf(`select endpoint, count(*) from recon.calls where status = 200 group by 1`)
  expect(seriesOf('tieout_pages_read_total')).toEqual(pages)
})

test('money at stake is the exact sum without signs, of what is open alone, rounded once', async () => {
  const [row] = await daemon.database.rows(`select sum(abs(actual_minor - expected_minor)) as minor
    from recon.mismatches where currency = 'CAD' and state <> 'resolved'`)
  expect(BigInt(String(row?.minor))).toBeGreaterThan(9_007_199_254_740_000n)
  expect(figure('tieout_money_at_stake', { currency: 'CAD' })).toBe(Number(`${row?.minor}e-2`))
  const [usd] = await daemon.database.rows(`select coalesce(sum(abs(actual_minor - expected_minor)), 0) as minor
    from recon.mismatches where currency = 'USD' and state <> 'resolved'`)
  expect(Number(usd?.minor)).toBeGreaterThanOrEqual(1_000)
  expect(figure('tieout_money_at_stake', { currency: 'USD' })).toBe(Number(`${usd?.minor}e-2`))
})

test('the budget left is the limit less own calls and those of others', async () => {
  const { minute, hour } = LIMITS
  const [own] = await daemon.database.rows('select count(*) as count from recon.calls')
  const count = Number(own?.count)
  expect(count).toBeGreaterThan(3)
  expect(figure('tieout_call_limit', { window: 'minute' })).toBe(minute)
  expect(figure('tieout_foreign_calls', { window: 'minute' })).toBe(7)
  expect(figure('tieout_call_budget_left', { window: 'minute' })).toBe(minute - count - 7)
  expect(figure('tieout_call_budget_left', { window: 'hour' })).toBe(hour - count)
  expect(figure('tieout_call_slots_in_use')).toBe(0)
  expect(figure('tieout_account_stopped')).toBe(0)
  expect(figure('tieout_account_closed_seconds')).toBeGreaterThan(500)
})

test('days, due work and alerts that wait are told with their age', () => {
  expect(figure('tieout_missing_days')).toBe(1)
  expect(figure('tieout_due_work_overdue', { kind: 'poll' })).toBe(1)
  expect(figure('tieout_due_work_overdue', { kind: 'week' })).toBe(0)
  expect(Math.round((figure('tieout_due_work_overdue_seconds', { kind: 'poll' }) ?? 0) / 60)).toBe(90)
  expect(figure('tieout_due_work_overdue_seconds', { kind: 'week' })).toBe(0)
  expect(figure('tieout_alerts_undelivered', { channel: 'log' })).toBe(1)
  // A channel that was taken from the settings troubles nobody.
  expect(figure('tieout_alerts_undelivered', { channel: 'former' })).toBeUndefined()
  expect(Math.round((figure('tieout_alerts_undelivered_age_seconds', { channel: 'log' }) ?? 0) / 60)).toBe(120)
  expect(figure('tieout_alerts_given_up_past_day', { channel: 'log' })).toBe(1)
})

test('freshness is the age of the last complete proof', async () => {
  for (const resource of ['card_batch', 'card_terminal', 'card_transaction']) {
    const age = figure('tieout_resource_age_seconds', { resource }) ?? Number.NaN
    expect(age).toBeGreaterThan(0)
    expect(age).toBeLessThan(60)
    expect(figure('tieout_resource_age_limit_seconds', { resource })).toBeGreaterThan(6 * 3_600 - 1)
  }
})

test('the process tells what it is and did', () => {
  expect(figure('tieout_build_info', { queue: 'postgres', database: 'DATABASE_URL' })).toBe(1)
  expect(figure('tieout_worker_working')).toBe(1)
  expect(figure('tieout_job_runs_total', { job_name: 'pull-page', outcome: 'finished' })).toBeGreaterThan(3)
  expect(figure('tieout_job_runs_total', { job_name: 'reconcile', outcome: 'failed' })).toBe(0)
  expect(figure('tieout_process_memory_bytes', { kind: 'resident' })).toBeGreaterThan(10_000_000)
  expect(figure('tieout_event_loop_delay_seconds', { quantile: '0.99' })).toBeGreaterThanOrEqual(0)
  expect(figure('tieout_jobs', { state: 'waiting' })).toBe(0)
})

test('however many scrape, the database is asked once in 5 s', async () => {
  const pages = await Promise.all(Array.from({ length: 20 }, () => daemon.get('/metrics', withPassword)))
  const first = pages[0]?.text ?? ''
  for (const { text } of pages) expect(text).toBe(first)
  // The control: a later page is another one.
  await until('a new page', async () => (await daemon.get('/metrics', withPassword)).text !== first, 10_000)
})

test('a database that hangs costs a scrape 5 s and its own figures, never the page or former figures', async () => {
  daemon.proxy.stall()
  try {
    let stalled = { status: 0, text: '', tookMs: 0 }
    await until(
      'a page without the database',
      async () => {
        stalled = await daemon.get('/metrics', withPassword)
        return stalled.text.includes('tieout_database_answering 0')
      },
      20_000,
    )
    expect(stalled.status).toBe(200)
    expect(stalled.tookMs).toBeLessThan(6_000)
    const left = parseExposition(stalled.text).samples
    expect(left.filter(({ labels }) => 'account' in labels)).toEqual([])
    expect(left.some(({ name }) => name === 'tieout_process_memory_bytes')).toBe(true)
    console.info(`a page without its database took ${Math.round(stalled.tookMs)} ms`)
  } finally {
    daemon.proxy.flow()
  }
  const backMs = await until(
    'the figures are back',
    async () => (await daemon.get('/metrics', withPassword)).text.includes('tieout_mismatches_open{'),
    30_000,
  )
  console.info(`figures were back ${Math.round(backMs)} ms after the database was`)
})

test('no page and no line of the log shows a token, a password or a card number', async () => {
  await daemon.database.rows(`update recon.pulls set fail_words = '${CARD_NUMBER}'`)
  const paths = ['/healthz', '/readyz', '/metrics', '/metrics?password=x', '/nothing']
  const texts = [page, JSON.stringify(daemon.log.lines)]
  for (const path of paths) for (const headers of [{}, withPassword]) texts.push((await daemon.get(path, headers)).text)
  const all = texts.join('\n')
  const password = new URL(daemon.database.url).password
  for (const secret of [daemon.token, PASSWORD, CARD_NUMBER, password]) {
    expect(secret.length).toBeGreaterThan(7)
    expect(all.includes(secret)).toBe(false)
  }
  // A run of digits as long as a card number, in whatever spelling.
  expect(
    texts
      .slice(0, 1)
      .join('')
      .match(/(?<![\d.])\d{13,19}(?![\d.])/g),
  ).toBeNull()
})
