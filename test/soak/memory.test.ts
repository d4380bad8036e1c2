import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createSystemClock } from '../../src/domain/clock.ts'
import { helcimDate } from '../../src/domain/helcim-time.ts'
import { startSandbox } from '../../src/sandbox/sandbox.ts'
import { addDays } from '../../src/sandbox/zone.ts'
import { startCli } from '../kills/cli-process.ts'
import { createTestDatabase } from '../support/database.ts'
import { isLong } from '../support/long.ts'

/** Can be fewer where there is less time or room: PostgreSQL takes some 1.5 kB for each. */
const COUNT_ROWS = Number(process.env.MEMORY_ROWS ?? 10_000_000)
/** One may have three pages of a backfill under way, and a process five. */
const ACCOUNTS = ['one', 'other'] as const
const ROWS_PER_DAY = 50_000
const IN_FLIGHT = 5
const MEBIBYTE = 1_048_576
const RSS_MAX = 256 * MEBIBYTE
/** What the second half may take more than the first, once all of the code has run. */
const GROWTH_MAX = 8 * MEBIBYTE
const LIMITS = { concurrent: 5, minute: 100_000, hour: 1_000_000 }
const SAMPLE_EVERY_MS = 200

interface Sample {
  readonly rss: number
  readonly heapUsed: number
  readonly heapTotal: number
  readonly external: number
}

/** Has a process write down its own memory. */
const recorder = (path: string) =>
  `data:text/javascript,${encodeURIComponent(`import { appendFileSync } from 'node:fs'
setInterval(() => appendFileSync(${JSON.stringify(path)}, JSON.stringify(process.memoryUsage()) + '\\n'), ${SAMPLE_EVERY_MS}).unref()`)}`

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const inMebibytes = (bytes: number): number => Math.round((bytes / MEBIBYTE) * 10) / 10

test.skipIf(!isLong)(
  `a backfill of ${COUNT_ROWS.toLocaleString('en-CA')} rows with ${IN_FLIGHT} full pages in flight takes no more memory at its end than at its beginning`,
  async () => {
    const clock = createSystemClock()
    const today = helcimDate(clock.now())
    const days = Math.ceil(COUNT_ROWS / ROWS_PER_DAY / ACCOUNTS.length)
    const sandbox = await startSandbox({
      clock,
      seed: 1,
      scenario: {
        startsOn: today,
        customers: 2_000,
        salesPerDay: 0,
        archive: { from: addDays(today, -days), transactionsPerDay: ROWS_PER_DAY },
      },
      tokens: ACCOUNTS.map((name) => ({ name, token: `token-${name}` })),
      limits: { ...LIMITS, concurrent: 20 },
      // So long that pages wait for each other, as they do over a real line.
      serviceTimeMs: { min: 60, max: 120 },
    })
    const database = await createTestDatabase()
    try {
      const folder = mkdtempSync(join(tmpdir(), 'tieout-memory-'))
      for (const name of ACCOUNTS) writeFileSync(join(folder, name), `token-${name}\n`)
      const accountsFile = join(folder, 'accounts.json')
      const limits = Object.entries(LIMITS).map((limit) => limit.join('='))
      const accounts = ACCOUNTS.map((name) => ({ name, tokenFile: name, limits: limits.join(), historyDays: 1 }))
      writeFileSync(accountsFile, JSON.stringify({ accounts }))
      const samplesFile = join(folder, 'samples')
      const range = ['--from', addDays(today, -days), '--to', addDays(today, -1)]
      const startedAt = performance.now()
      const backfill = startCli(['backfill', ...range, '--resource', 'card_transaction', '--json'], {
        env: {
          HELCIM_BASE_URL: sandbox.url,
          TIEOUT_ACCOUNTS_FILE: accountsFile,
          DATABASE_URL: database.url,
          NODE_OPTIONS: `--import=${recorder(samplesFile)}`,
        },
      })
      const end = await backfill.ended
      expect(end, end.stderr).toMatchObject({ code: 0 })
      const seconds = (performance.now() - startedAt) / 1_000

      const samples = readFileSync(samplesFile, 'utf8')
        .trim()
        .split('\n')
        .map((line): Sample => JSON.parse(line))
      const partOf = (from: number, to: number) =>
        samples.slice(Math.floor(samples.length * from), Math.floor(samples.length * to))
      const growth = (key: keyof Sample) =>
        median(partOf(0.6, 1).map((one) => one[key])) - median(partOf(0.2, 0.6).map((one) => one[key]))
      const [{ count } = {}] = await database.rows('select count(*)::int as count from helcim.card_transactions')
      const peak = (key: keyof Sample) => Math.max(...samples.map((one) => one[key]))
      console.info({
        rows: count,
        calls: sandbox.calls().length,
        inFlightMax: sandbox.peaks().concurrent,
        seconds: Math.round(seconds),
        samples: samples.length,
        rssMiB: { peak: inMebibytes(peak('rss')), median: inMebibytes(median(samples.map(({ rss }) => rss))) },
        heapUsedMiB: { peak: inMebibytes(peak('heapUsed')) },
        growthMiB: { rss: inMebibytes(growth('rss')), heapUsed: inMebibytes(growth('heapUsed')) },
        byTenthRssMiB: Array.from({ length: 10 }, (_, n) =>
          inMebibytes(median(partOf(n / 10, (n + 1) / 10).map(({ rss }) => rss))),
        ),
      })
      expect(count).toBe(days * ROWS_PER_DAY * ACCOUNTS.length)
      // The control: that many pages were under way at once.
      expect(sandbox.peaks().concurrent).toBe(IN_FLIGHT)
      expect(peak('rss')).toBeLessThanOrEqual(RSS_MAX)
      expect(growth('rss')).toBeLessThanOrEqual(GROWTH_MAX)
      expect(growth('heapUsed')).toBeLessThanOrEqual(GROWTH_MAX)
    } finally {
      await sandbox.close()
      await database.drop()
    }
  },
  4 * 3_600_000,
)
