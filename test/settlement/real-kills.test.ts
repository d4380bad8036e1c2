import { expect, test } from 'vitest'
import { createSimulatedClock, toInstant } from '../../src/domain/clock.ts'
import { createRandom } from '../../src/sandbox/random.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { type CliProcess, startCli, until } from '../kills/cli-process.ts'
import { createTestDatabase } from '../support/database.ts'
import { isLong } from '../support/long.ts'
import { brokenLaws } from './laws.ts'

const SEED = Number(process.env.SEED ?? 11)
const KILLS = isLong ? 20 : 2
const RATE = 20
const START_AT = createZone('America/Edmonton').at('2026-10-14', '09:00')
/** A call's deadline and drain are 40 s, and an intent lapses after a minute; then comes the next sweep. */
const CERTAIN_MS_MAX = 110_000

/**
 * The control of the kills in process: real daemons, killed when Helcim has just got their call; in the long run also at
 * random, and with calls that are lost before they take effect.
 */
test(
  `${KILLS} real kills -9 around the call: no batch is called twice, each outcome is certain (fault 3, seed ${SEED})`,
  async () => {
    const clock = createSimulatedClock(START_AT, RATE)
    const random = createRandom(SEED, 'settlement kills')
    const sandbox = await startSandbox({
      clock,
      seed: SEED,
      scenario: {
        startsOn: '2026-10-13',
        endsAt: toInstant(START_AT - 60_000),
        customers: 5,
        salesPerDay: 6,
        terminals: [{ id: 54181, currency: 'CAD' }],
      },
      limits: { concurrent: 30, minute: 10_000, hour: 100_000 },
      serviceTimeMs: { min: 20, max: 60 },
    })
    const database = await createTestDatabase()
    const daemons: CliProcess[] = []
    const start = () => {
      const daemon = startCli(['start'], {
        env: {
          HELCIM_BASE_URL: sandbox.url,
          HELCIM_API_TOKEN: sandbox.token,
          HELCIM_LIMITS: 'concurrent=30,minute=10000,hour=100000',
          DATABASE_URL: database.url,
          TIEOUT_CLOCK: `${new Date(clock.now()).toISOString()}@${RATE}`,
          TIEOUT_HISTORY_DAYS: '2',
          HTTP_PORT: 'off',
          SYNC_CRON: '*/5 * * * *',
          SETTLE_CRON: '* * * * *',
          SETTLE_MODE: 'on',
        },
      })
      daemons.push(daemon)
      return daemon
    }
    const certainMs: number[] = []
    try {
      let daemon = start()
      await until('the first batches are settled', async () => (await countOpen()) === 0, CERTAIN_MS_MAX)
      for (let kill = 1; kill <= KILLS; kill += 1) {
        const isLost = isLong && random.chance(0.3)
        const isAtCall = !isLong || random.chance(0.5)
        let strike = () => {}
        const struck = new Promise<void>((resolve) => {
          strike = resolve
        })
        const countBefore = sandbox.calls().length
        if (isLost) sandbox.faults.add({ match: { method: 'POST' }, act: { kind: 'cut', when: 'before-effect' } })
        if (isAtCall) {
          sandbox.faults.add({ match: { method: 'POST' }, act: { kind: 'hook', before: () => strike() } })
        } else {
          const countCalls = random.integer(1, 6)
          void until('calls', () => sandbox.calls().length >= countBefore + countCalls, CERTAIN_MS_MAX).then(() =>
            strike(),
          )
        }
        const [customer] = sandbox.state.customers
        if (!customer) throw new Error('no customer')
        const at = toInstant(Math.floor(clock.now() / 1_000) * 1_000)
        const { batchId } = sandbox.state.payments.purchase({ at, customer, amountMinor: BigInt(1_000 + kill) })
        await struck
        daemon.kill('SIGKILL')
        const killedAt = performance.now()
        expect(await daemon.ended).toMatchObject({ signal: 'SIGKILL' })
        daemon = start()
        await until(
          `batch ${batchId} is settled for certain`,
          async () => (await countOpen()) === 0 && (await countUnfinished()) === 0,
          CERTAIN_MS_MAX,
        )
        certainMs.push(performance.now() - killedAt)
        sandbox.faults.clear()
      }
      const query = database.rows
      expect(await brokenLaws({ query, sandbox })).toEqual([])
      const twice = await query(`select card_batch_id from recon.settlement_attempts where state = 'confirmed'
      group by 1 having count(*) <> 1`)
      expect(twice).toEqual([])
      daemon.kill('SIGTERM')
      await daemon.ended
      const sorted = certainMs.map(Math.round).sort((a, b) => a - b)
      const posts = sandbox.calls().filter(({ method }) => method === 'POST').length
      const [made] = await query(`select count(*)::int as attempts, count(distinct card_batch_id)::int as batches,
      count(*) filter (where state = 'confirmed')::int as confirmed from recon.settlement_attempts`)
      console.info(
        `seed ${SEED}: ${KILLS} kills; ${posts} calls, ${JSON.stringify(made)}; certain after p50 ` +
          `${sorted[Math.floor(sorted.length / 2)]} ms, at most ${sorted.at(-1)} ms, process start included`,
      )
    } finally {
      for (const { kill, ended } of daemons) {
        kill('SIGKILL')
        await ended
      }
      await sandbox.close()
      await database.drop()
    }

    function countOpen(): Promise<number> {
      const open = sandbox.state
        .merchant()
        .batches()
        .filter(({ closedAt }) => closedAt === null)
      return Promise.resolve(open.length)
    }
    async function countUnfinished(): Promise<number> {
      const [row] = await database.rows(
        'select count(*)::int as count from recon.settlement_attempts where finished_at is null',
      )
      return Number(row?.count)
    }
  },
  isLong ? 3_600_000 : 400_000,
)
