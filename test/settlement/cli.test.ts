import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { runCli, until } from '../kills/cli-process.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { ACH, CARD } from './sides.ts'

const START_AT = createZone('America/Edmonton').at('2026-10-14', '13:00')

describe('tieout settle', () => {
  let sandbox: Sandbox
  let database: TestDatabase
  let batch = ''
  // Each process begins at the time that it is for the sandbox, as processes on one machine do.
  const clock = createSimulatedClock(START_AT, 1)
  const settle = (args: readonly string[], env: Record<string, string> = {}) =>
    runCli(args, {
      env: {
        HELCIM_BASE_URL: sandbox.url,
        HELCIM_API_TOKEN: sandbox.token,
        DATABASE_URL: database.url,
        TIEOUT_CLOCK: `${new Date(clock.now()).toISOString()}@1`,
        TIEOUT_HISTORY_DAYS: '2',
        SETTLE_MODE: 'on',
        SETTLE_CRON: '30 16 * * *',
        ...env,
      },
    })
  const posts = () => sandbox.calls().filter(({ method }) => method === 'POST').length

  beforeAll(async () => {
    sandbox = await startSandbox({
      clock,
      seed: 4,
      scenario: {
        startsOn: '2026-10-13',
        endsAt: toInstant(START_AT - 60_000),
        customers: 5,
        salesPerDay: 8,
        terminals: [{ id: 54181, currency: 'CAD' }],
        ...ACH.scenario,
      },
      serviceTimeMs: 0,
    })
    database = await createTestDatabase()
    const read = ['card_terminal', 'card_batch', 'card_transaction'].flatMap((name) => ['--resource', name])
    expect(await settle(['sync', ...read])).toMatchObject({ code: 0 })
    batch = String(sandbox.state.merchant().openBatch(54181n)?.id)
  })
  afterAll(async () => {
    await sandbox.close()
    await database.drop()
  })

  test('wrong usage is one line and exit 2, and calls nothing', async () => {
    const mute = await settle(['settle', '--batch', batch])
    expect(mute).toMatchObject({
      code: 2,
      stdout: '',
      stderr: '--yes: nobody can be asked here; say it if you mean it\n',
    })
    const off = await settle(['settle', '--batch', batch, '--yes'], { SETTLE_MODE: 'off' })
    expect(off).toMatchObject({ code: 2, stderr: expect.stringMatching(/^SETTLE_MODE: /) })
    for (const [option, name] of [
      ['--batch', 'batch 999'],
      ['--ach-batch', 'ACH batch 999'],
    ] as const) {
      const none = await settle(['settle', option, '999', '--yes'])
      expect(none).toMatchObject({
        code: 2,
        stdout: '',
        stderr: `${option}: there is no ${name}: none is open here, and Helcim does not return it\n`,
      })
    }
    const unknown = await settle(['settle', '--abandon', '77', '--yes'])
    expect(unknown).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^--abandon: .* attempt 77; /) })
    expect(posts()).toBe(0)
  })

  test('the plan and a dry run call nothing; by hand one call settles; history tells of both', async () => {
    const plan = await settle(['settle', '--plan', '--json'])
    expect(JSON.parse(plan.stdout)).toMatchObject({
      mode: 'on',
      nextAt: '2026-10-14T22:30:00.000Z',
      batches: [{ batch, terminal: '54181', expected: { verdict: 'settle', reasons: [] }, last: null }],
    })
    const dry = await settle(['settle', '--batch', batch], { SETTLE_MODE: 'dry-run' })
    expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining('would be settled') })
    expect(posts()).toBe(0)
    const done = await settle(['settle', '--batch', batch, '--yes', '--by', 'Ines', '--json'], {
      SETTLE_COUNT_MIN: '99',
    })
    expect(done, done.stderr).toMatchObject({ code: 0 })
    expect(JSON.parse(done.stdout)).toMatchObject({
      verdict: 'settle',
      reasons: [{ code: 'too_few', weight: 'note' }],
      attempt: { state: 'confirmed', closedBy: 'tieout', by: 'Ines' },
    })
    expect(posts()).toBe(1)
    const again = await settle(['settle', '--batch', batch, '--yes'])
    expect(again).toMatchObject({ code: 1, stdout: expect.stringContaining('it is closed') })
    expect(posts()).toBe(1)
    const history = JSON.parse((await settle(['settle', '--history', '--json'])).stdout)
    expect(history.attempts).toMatchObject([{ batch, state: 'confirmed' }])
    expect(history.decisions.map(({ verdict, mode }: Record<string, string>) => `${verdict} ${mode}`)).toEqual([
      'skip on',
      'settle on',
      'settle dry-run',
    ])
  })

  test('an attempt that nobody can tell the outcome of is ended by a person, once, and the next one waits for its call', async () => {
    const sold = String(CARD.sell({ sandbox, helcimClock: clock }, 1_250n))
    const countBefore = posts()
    const page = { kind: 'answer', status: 403, body: '<html><title>Log in</title></html>' } as const
    sandbox.faults.add({ match: { method: 'POST' }, act: page })
    const settling = settle(['settle', '--batch', sold, '--yes'])
    const unknown = () => database.rows(`select attempt_id from recon.settlement_attempts where state = 'unknown'`)
    await until('the call is over and nobody knows', async () => (await unknown()).length === 1, 30_000)
    const attempt = String((await unknown())[0]?.attempt_id)
    const mute = await settle(['settle', '--abandon', attempt])
    expect(mute).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^--yes: /) })
    const abandon = ['settle', '--abandon', attempt, '--yes', '--by', 'Ines']
    expect(await settle(abandon)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`Attempt ${attempt} is abandoned.`),
    })
    expect(await settling).toMatchObject({ code: 1, stdout: `  Attempt ${attempt} was abandoned.\n` })
    expect(await settle(abandon)).toMatchObject({
      code: 1,
      stderr: `--abandon: attempt ${attempt} has ended already (abandoned)\n`,
    })
    const history = JSON.parse((await settle(['settle', '--history', '--json'])).stdout)
    expect(history.attempts[0]).toMatchObject({ attempt, batch: sold, state: 'abandoned', status: 403 })
    expect(history.attempts[0].words).toMatch(/abandoned by Ines$/)
    const again = await settle(['settle', '--batch', sold, '--yes'])
    expect(again).toMatchObject({ code: 1, stdout: expect.stringContaining('may still be under way') })
    expect(posts()).toBe(countBefore + 1)
    expect((await settle(['doctor'])).stdout).toMatch(/✓ settle batches +on, by the one token; it did the last time/)
  })

  test('an ACH batch by its own option, with a key; the doctor tells what is known of each', async () => {
    const achBatch = String(ACH.sell({ sandbox, helcimClock: clock }, 50_000n))
    const both = await settle(['settle', '--batch', batch, '--ach-batch', achBatch, '--yes'])
    expect(both).toMatchObject({ code: 2, stderr: expect.stringMatching(/^settle: say one of .*--ach-batch <id>/) })
    const done = await settle(['settle', '--ach-batch', achBatch, '--yes', '--json'])
    expect(done, done.stderr).toMatchObject({ code: 0 })
    expect(JSON.parse(done.stdout)).toMatchObject({
      batch: achBatch,
      kind: 'ach_batch',
      reasons: [{ code: 'kind_not_listed', weight: 'note' }],
      attempt: { batch: achBatch, kind: 'ach_batch', state: 'confirmed', closedBy: 'tieout', currency: 'CAD' },
    })
    const [put, ...others] = sandbox.calls().filter(({ method }) => method === 'PUT')
    expect(put?.path).toBe(`/ach/batches/${achBatch}/settle`)
    expect(put?.idempotencyKey).toMatch(/^[0-9a-f-]{36}$/)
    expect(others).toEqual([])
    sandbox.tokens.refuse('default', ['/customers'])
    const doctor = await settle(['doctor'], { SETTLE_KINDS: 'card,ach' })
    expect(doctor).toMatchObject({ code: 0 })
    for (const line of [
      /✓ read customers +not permitted, so they are not mirrored/,
      /✓ read ACH batches +permitted/,
      /✓ settle batches +on, by the one token; it did the last time/,
      /✓ settle ACH batches +on, by the one token; it did the last time/,
    ])
      expect(doctor.stdout).toMatch(line)
  })
})
