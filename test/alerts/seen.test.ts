import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { sql } from 'drizzle-orm'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { addSilenceCommand } from '../../src/cli/commands/silence.ts'
import { runDoctor } from '../../src/cli/doctor.ts'
import { runMismatches, runShowMismatch } from '../../src/cli/mismatches.ts'
import { runStatus } from '../../src/cli/status.ts'
import { type Config, readConfig } from '../../src/config.ts'
import { beginChannels } from '../../src/db/alerts/outbox.ts'
import { listTargets, noteDead } from '../../src/db/alerts/targets.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { createAccountMetrics } from '../../src/http/account-metrics.ts'
import { printed } from '../support/printed.ts'
import { type Book, createDatabase, DAY_MS, START, type TestDatabase } from './support.ts'

/** Four days after the mismatches were seen; the machine's own clock would age them for ever. */
const NOW = toInstant(START + 4 * DAY_MS)

let database: TestDatabase
let book: Book
let config: Config
let mismatchId = ''
beforeAll(async () => {
  database = await createDatabase()
  book = await database.openBook()
  mismatchId = await book.open({ severity: 'high' })
  await book.open({ severity: 'info', code: 'price_differs_from_plan' })
  config = readConfig({
    DATABASE_URL: database.url,
    HELCIM_BASE_URL: 'http://127.0.0.1:1/v2',
    TIEOUT_CLOCK: `${new Date(NOW).toISOString()}@1`,
    ALERT_SLACK_URL: 'https://hooks.slack.com/services/T0/B0/secret-path',
  })
  const { accountId } = book
  await beginChannels(database.db, { accountId, channels: ['log', 'slack', 'former'], now: book.clock.now() })
  for (const channel of ['slack', 'former']) {
    await noteDead(database.db, { accountId, channel, now: toInstant(START), words: 'answered 404 no_service' })
  }
  await database.db.execute(sql`
    insert into recon.alert_messages (account_id, channel, cause, body, created_at, next_attempt_at)
    values (${accountId}, 'slack', 'opened x', '{}', ${new Date(START).toISOString()}, ${new Date(START).toISOString()})`)
})
afterAll(() => database.drop())

const silence = (...args: string[]) =>
  printed(async () => {
    const program = new Command().exitOverride()
    addSilenceCommand(program, {
      config: () => config,
      interruptible: () => new AbortController().signal,
      exitWith: () => {},
    })
    await program.parseAsync(['silence', ...args], { from: 'user' })
  })

test('a dead target is seen in status, doctor and metrics, with the reason and the way out', async () => {
  const status = await printed(() => runStatus(config, {}))
  expect(status.replaceAll(/\s+/g, ' ')).toContain(
    'alerts, slack: 1 message not delivered, the oldest for 5760 min; dead since 2026-10-01 12:00 UTC ' +
      '(answered 404 no_service): correct its setting and restart; what waits is sent then',
  )
  expect(status).toContain('✓ alerts, log: all messages delivered')
  const json = JSON.parse(await printed(() => runStatus(config, { json: true })))
  expect(json.alerts).toMatchObject([
    { channel: 'former', deadAt: '2026-10-01T12:00:00.000Z' },
    { channel: 'log', deadAt: null, words: null },
    { channel: 'slack', countUndelivered: 1, deadAt: '2026-10-01T12:00:00.000Z', words: 'answered 404 no_service' },
  ])

  let code = 0
  const doctor = await printed(async () => {
    code = await runDoctor(config, { offline: true, json: true })
  })
  const checks: { name: string; isFine: boolean; says: string }[] = JSON.parse(doctor)
  // One that is not in the settings any more needs no doctor.
  expect(checks.filter(({ isFine }) => !isFine).map(({ name }) => name)).toEqual(['alerts, slack'])
  expect(code).toBe(1)
  expect(checks).toContainEqual({ name: 'alerts', isFine: true, says: 'told on log, slack' })

  const registry = new Registry()
  const alerts = await listTargets(database.db, { accountId: book.accountId, now: NOW })
  const usage = { minute: 0, hour: 0, running: 0, foreignMinute: 0, foreignHour: 0, closedMs: 0, stopReason: null }
  const nothing = { calls: [], resources: [], batches: [], mismatches: [], atStake: [], dueWork: [] }
  const figures = { ...nothing, usage, countMissingDays: 0, alerts } as never
  const limits = { concurrent: 5, minute: 100, hour: 3_000 }
  createAccountMetrics(registry).show([{ account: 'north', figures, limits, freshness: [], now: NOW }], null)
  const page = await registry.metrics()
  expect(page).toContain('tieout_alert_target_dead{account="north",channel="slack"} 1')
  expect(page).toContain('tieout_alert_target_dead{account="north",channel="log"} 0')
})

test('doctor names accounts of the rules that it does not know', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tieout-alert-accounts-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'alerts.json')
  const { rows } = await database.db.execute<{ name: string }>(sql`select name from recon.accounts`)
  writeFileSync(file, JSON.stringify({ routes: [{ accounts: [rows[0]?.name, 'nroth'], to: ['log'] }] }))
  const withFile = { ...config, alerts: { ...config.alerts, file } }
  const checks = JSON.parse(await printed(() => runDoctor(withFile, { offline: true, json: true })))
  const says = 'told on log, slack; TIEOUT_ALERTS_FILE names what is no account yet: nroth'
  expect(checks).toContainEqual({ name: 'alerts', isFine: true, says })
})

test('mismatches show who looks after them and until when', async () => {
  const [one, other] = JSON.parse(await printed(() => runMismatches(config, { json: true })))
  // Seen on the morning of the 1st in Edmonton; two days for what is high.
  expect(one).toMatchObject({ id: mismatchId, owner: null, assignedTo: null, dueOn: '2026-10-03' })
  expect(other).toMatchObject({ severity: 'info', dueOn: null })
  expect(await printed(() => runMismatches(config, {}))).toMatch(/ due\n.* late\n/)
  expect(await printed(() => runShowMismatch(config, mismatchId, {}))).toContain('due 2026-10-03')
})

test('silences are added, listed and ended, with who and why; wrong usage changes nothing', async () => {
  await expect(silence('add', '--until', '2026-11-01T00:00:00Z', '--reason', 'x')).rejects.toThrow(/^--code: say which/)
  await expect(silence('add', '--code', 'charge_mising')).rejects.toThrow(/^--code: "charge_mising" is none of/)
  await expect(silence('add', '--code', 'charge_missing')).rejects.toThrow(/^--until: say until when/)
  const until = ['--code', 'charge_missing', '--until', '2026-11-01T00:00:00Z']
  await expect(silence('add', ...until)).rejects.toThrow(/^--reason: say why/)
  const past = ['--code', 'charge_missing', '--until', '2026-10-02T00:00:00Z', '--reason', 'x']
  await expect(silence('add', ...past)).rejects.toThrow(/^--until: 2026-10-02T00:00:00.000Z has passed/)
  expect(await silence()).toBe('  Nothing is silenced.\n')

  const wanted = ['--subject', `card_batch:${mismatchId}`, '--until', '2026-11-01T00:00:00Z', '--by', 'Ines']
  expect(await silence('add', ...wanted, '--reason', 'paid 4111 1111 1111 1111 by hand')).toMatch(
    /Silence 1 holds until 2026-11-01T00:00:00.000Z: 1 open mismatch is concerned/,
  )
  expect(JSON.parse(await silence('--json'))).toMatchObject([
    { number: '1', code: null, subject: `card_batch:${mismatchId}`, by: 'Ines', isInForce: true },
  ])
  expect(await silence('--json')).not.toContain('4111 1111 1111 1111')
  await expect(silence('end', '2')).rejects.toThrow(/^2: no silence of this number holds/)
  expect(await silence('end', '1', '--by', 'Ben')).toBe('  Silence 1 is ended.\n')
  expect(await silence()).toBe('  Nothing is silenced.\n')
  expect(JSON.parse(await silence('--all', '--json'))).toMatchObject([
    { number: '1', isInForce: false, endedBy: 'Ben' },
  ])
})
