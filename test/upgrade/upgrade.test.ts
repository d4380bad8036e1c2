import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type CliProcess, runCli, startCli, until, untilStarted } from '../kills/cli-process.ts'
import { countUnfinished, outcomeOf } from '../kills/database.ts'
import { openShop, readableTotals } from '../kills/shop.ts'
import { defineTestJob, openTestQueue } from '../queue/support.ts'
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts'
import { createNextVersion, type NextVersion } from './next-version.ts'

function nextVersion(): NextVersion {
  const next = createNextVersion()
  onTestFinished(next.remove)
  return next
}

async function openDatabase(): Promise<TestDatabase> {
  const database = await createEmptyDatabase()
  onTestFinished(() => database.drop())
  return database
}

function start(...parameters: Parameters<typeof startCli>): CliProcess {
  const daemon = startCli(...parameters)
  onTestFinished(async () => {
    daemon.kill('SIGKILL')
    await daemon.ended
  })
  return daemon
}

/** Asks for a job as the new version names it. */
async function enqueueAnew(database: TestDatabase): Promise<void> {
  const job = defineTestJob({ name: 'reconcile-anew', decodePayload: (value) => value, run: async () => {} })
  const queue = await openTestQueue({ kind: 'postgres', url: database.url }, [job], { name: 'tieout' })
  const payload = { accountId: 1, scope: 'marked' }
  await queue.enqueue(job, payload, { callClass: 'fresh', jobId: 'anew', isForgotten: true })
  await queue.close({ deadlineMs: 2_000 })
}

const eventsOf = (daemon: CliProcess): string[] =>
  daemon
    .stdout()
    .split('\n')
    .flatMap((line) => /"msg":"([^"]+)"/.exec(line)?.[1] ?? [])

/** What the schema is made of, and what was noted as applied. */
async function schemaOf(database: TestDatabase): Promise<unknown> {
  return {
    columns:
      await database.rows(`select table_schema, table_name, column_name, data_type from information_schema.columns
      where table_schema not in ('pg_catalog', 'information_schema') order by 1, 2, 3`),
    applied: await database.rows('select hash, created_at from recon_migrations.__drizzle_migrations order by 2'),
  }
}

describe('fault 28', () => {
  test('a new version starts, migrates and works while the old one runs: each leaves the other what it does not know, failed jobs 0', async () => {
    const next = nextVersion()
    next.migrate('next', [
      "alter table recon.pulls add column next_word text not null default 'next';",
      'create table recon.next_things (thing_id bigint primary key);',
    ])
    // Neither knows the other's name for judging: every such job is unknown to one of them.
    next.alter('src/jobs/reconcile.ts', "name: 'reconcile'", "name: 'reconcile-anew'")
    const database = await openDatabase()
    const { sandbox, env } = await openShop({
      seed: 28,
      historyDays: 14,
      salesPerDay: 20,
      pageSizeMax: 20,
      serviceTimeMs: { min: 100, max: 200 },
    })
    onTestFinished(() => sandbox.close())
    const options = { env: { ...env, DATABASE_URL: database.url, LOG_LEVEL: 'debug' } }
    const old = start(['start'], options)
    await until('the old one reads', () => sandbox.calls().length >= 2, 30_000)
    const unknown = 'job.unknown_to_this_version'
    await enqueueAnew(database)
    await until('the old one met a job of the new one', () => eventsOf(old).includes(unknown), 30_000)
    const fresh = start(['start'], { ...options, root: next.root })
    await untilStarted(fresh, 30_000)
    // The control: they met in the middle of the work.
    expect(await countUnfinished(database)).toBeGreaterThan(0)
    await until('all is read and judged', async () => (await countUnfinished(database)) === 0, 150_000)
    const countsUnknown = [old, fresh].map((daemon) => eventsOf(daemon).filter((event) => event === unknown).length)
    const waiting = `select id from bullmq.job where name = 'reconcile-anew'`
    // Whoever takes it first is chance: the old one sends it away for ten seconds each time.
    await until('the new one did its job', async () => (await database.rows(waiting)).length === 0, 150_000)
    old.kill('SIGTERM')
    expect(await old.ended).toMatchObject({ code: 0 })

    // The old one again, on what the new one has made of the database: a roll-back, or a replica that is late.
    const late = start(['start'], options)
    await untilStarted(late, 30_000)
    expect(eventsOf(late)).toContain('database.found_newer')
    const doctor = await runCli(['doctor', '--offline'], options)
    expect(doctor).toMatchObject({ code: 0, stdout: expect.stringContaining('by a newer version of tieout') })
    expect(eventsOf(fresh)).not.toContain('database.found_newer')
    for (const daemon of [late, fresh]) daemon.kill('SIGTERM')
    expect(await late.ended).toMatchObject({ code: 0 })
    expect(await fresh.ended).toMatchObject({ code: 0 })

    const failures = [old, fresh, late].flatMap(eventsOf).filter((event) => FAILURES.includes(event))
    expect(failures).toEqual([])
    expect(await database.rows(`select name, failed_reason from bullmq.job where state = 'failed'`)).toEqual([])
    expect(await database.rows(`select pull_id from recon.pulls where state not in ('complete', 'split')`)).toEqual([])
    const { totals } = await outcomeOf(database)
    expect(totals).toMatchObject(readableTotals(sandbox))
    console.info(
      `two versions: failed jobs 0, ${countsUnknown.join(' and ')} jobs left to the other, ${readableTotals(sandbox).rows} rows, lost 0`,
    )
  })

  test('a migration killed with -9 half way changes nothing, and the next start, two at once, completes it', async () => {
    const next = nextVersion()
    next.migrate('first_of_two', ['create table recon.half (half_id bigint);'])
    next.migrate('second_of_two', [
      'alter table recon.pulls add column half text;',
      // The server notices that its client is gone when this is over.
      'select pg_sleep(2);',
      'create table recon.whole (whole_id bigint);',
    ])
    const database = await openDatabase()
    const options = { env: { DATABASE_URL: database.url } }
    expect(await runCli(['migrate'], options)).toMatchObject({ code: 0 })
    const before = await schemaOf(database)
    const killed = start(['migrate'], { ...options, root: next.root })
    const sleeping = `select 1 from pg_stat_activity where datname = current_database() and query like '%pg_sleep(2)%'
      and state = 'active' and pid <> pg_backend_pid()`
    await until('it is half way', async () => (await database.rows(sleeping)).length > 0, 30_000)
    killed.kill('SIGKILL')
    await killed.ended
    expect(await schemaOf(database)).toEqual(before)
    await until('its session is over', async () => (await database.rows(sleeping)).length === 0, 20_000)
    expect(await schemaOf(database)).toEqual(before)

    const migrate = () => runCli(['migrate'], { ...options, root: next.root })
    for (const end of await Promise.all([migrate(), migrate()])) expect(end, end.stderr).toMatchObject({ code: 0 })
    const after = await database.rows(`select to_regclass('recon.half') as half, to_regclass('recon.whole') as whole`)
    expect(after).toEqual([{ half: 'recon.half', whole: 'recon.whole' }])
    console.info('migration killed half way: objects left behind 0, completed by the next start')
  })

  test('a migration with an error in its middle changes nothing and is told in one line; the former version works on', async () => {
    const next = nextVersion()
    next.migrate('sound', ['create table recon.sound (sound_id bigint);'])
    next.migrate('broken', ['create table recon.broken (broken_id bigint);', 'select 1 / 0;'])
    const database = await openDatabase()
    const options = { env: { DATABASE_URL: database.url, HELCIM_API_TOKEN: 'any', HTTP_PORT: 'off' } }
    expect(await runCli(['migrate'], options)).toMatchObject({ code: 0 })
    const before = await schemaOf(database)
    const end = await runCli(['start'], { ...options, root: next.root })
    expect(end).toMatchObject({ code: 1, stdout: '' })
    expect(end.stderr).toBe(
      'the database could not be brought up to date, and nothing in it was changed: division by zero\n',
    )
    expect(await schemaOf(database)).toEqual(before)
    expect(await runCli(['doctor', '--offline'], options)).toMatchObject({ code: 0 })
  })
})

describe('migrations', () => {
  /** What an older version, still running or started again, could stumble over. */
  const TAKES_AWAY = /\bdrop\b|\brename\b|\bset not null\b|\bset data type\b/i
  const isBareNotNull = (sql: string) => /add column [^;]*not null/i.test(sql) && !/default/i.test(sql)
  const takesAway = (sql: string) =>
    sql.split('--> statement-breakpoint').some((one) => TAKES_AWAY.test(one) || isBareNotNull(one))

  test('after the first one only add, so that an older version works on beside a newer one', () => {
    const folder = fileURLToPath(new URL('../../migrations', import.meta.url))
    const files = readdirSync(folder).filter((name) => name.endsWith('.sql') && !name.startsWith('0000'))
    expect(files.length).toBeGreaterThan(0)
    expect(files.filter((name) => takesAway(readFileSync(`${folder}/${name}`, 'utf8')))).toEqual([])
  })

  test.each([
    'alter table t drop column c;',
    'DROP TABLE "recon"."t";',
    'alter table t rename column a to b;',
    'ALTER TABLE "t" ALTER COLUMN "c" SET NOT NULL;',
    'ALTER TABLE "t" ALTER COLUMN "c" SET DATA TYPE bigint;',
    'ALTER TABLE "t" ADD COLUMN "c" text NOT NULL;',
  ])('one that takes away would be seen: %s', (sql) => expect(takesAway(sql)).toBe(true))

  test.each([
    `ALTER TABLE "t" ADD COLUMN "c" text DEFAULT 'x' NOT NULL;`,
    `ALTER TABLE "t" ADD COLUMN "c" text NOT NULL DEFAULT 'x';`,
    'CREATE TABLE "t" ("c" text NOT NULL);',
  ])('one that adds is let pass: %s', (sql) => expect(takesAway(sql)).toBe(false))
})

const FAILURES = ['job.gave_up', 'job.stopped', 'job.crashed', 'job.payload_refused', 'job.unknown', 'job.failed_once']
