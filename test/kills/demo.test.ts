import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runCli, startCli, until } from './cli-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'tieout-demo-'))
// Under root the server is another user, who must be able to enter.
chmodSync(folder, 0o755)
/** Guards against standing still, no bound: a machine that others use has taken four times the usual. */
const STANDS_STILL_MS = 240_000
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the demo ends cleanly when interrupted, goes on from its data, and adds, tells and exports nothing twice', async () => {
  const first = await interruptedAt('\n')
  const firstDay = readFileSync(join(folder, '.tieout/demo/first-day'), 'utf8')

  const whole = factsOf(await runCli(['demo'], { cwd: folder }))
  expectNoServer()
  // While it writes its exports, or just before.
  const late = await interruptedAt('\nAlerts\n')
  expect(readdirSync(join(folder, '.tieout/demo/exports')).filter((file) => file.endsWith('.partial'))).toEqual([])
  const last = factsOf(await runCli(['demo'], { cwd: folder }))
  expectNoServer()
  console.info(`interrupted: ended after ${first.exitMs} and ${late.exitMs} ms; ${JSON.stringify({ whole, last })}`)

  expect(readFileSync(join(folder, '.tieout/demo/first-day'), 'utf8')).toBe(firstDay)
  expect(last.countTransactions - whole.countTransactions).toBe(last.countNew + newIn(late.stdout))
  // A minute of a shop is a few sales; a row twice would be thousands.
  expect(last.countNew).toBeLessThan(100)
  expect(whole.rows.map(({ file }) => file)).toHaveLength(7)

  expect(whole.countMessages).toBeGreaterThan(0)
  expect(whole.countEarlier).toBe(0)
  // More where one was opened and gone again while days were still missing; those of info stand in digests alone.
  expect(whole.countTold + whole.countUntold).toBeGreaterThanOrEqual(whole.countMismatches - whole.countInfo)
  expect(whole.countMismatches).toBeGreaterThan(whole.countInfo)
  expect(last.countMismatches).toBe(whole.countMismatches)
  // What came in the run that was cut off stands above its end.
  expect(last.countEarlier).toBe(whole.countMessages + messagesIn(late.stdout))
  // On another day there are other files.
  if (whole.rows[0]?.file === last.rows[0]?.file) {
    expect(last.rows.filter(({ file }) => !file.includes('mismatches'))).toEqual(
      whole.rows.filter(({ file }) => !file.includes('mismatches')),
    )
    expect(last.countUnchanged).toBeGreaterThanOrEqual(4)
  }
})

test('a reader that has seen enough ends it and its server, as Ctrl-C does', async () => {
  const demo = startCli(['demo'], { cwd: folder })
  await until('it works', () => demo.stdout().includes('pulling'), STANDS_STILL_MS)
  demo.child.stdout?.destroy()
  await demo.ended
  expectNoServer()
})

/** Runs the demo until it has printed `text`, and presses Ctrl-C. */
async function interruptedAt(text: string) {
  const demo = startCli(['demo'], { cwd: folder })
  await until(`it says ${JSON.stringify(text)}`, () => demo.stdout().includes(text), STANDS_STILL_MS)
  const stoppedAt = performance.now()
  demo.kill('SIGINT')
  const { code, stdout, stderr } = await demo.ended
  const exitMs = Math.round(performance.now() - stoppedAt)
  expect({ code, stderr }, stdout).toEqual({ code: 130, stderr: '' })
  expect(stdout).toMatch(/\nStopped\. Everything read so far is kept/)
  expect(exitMs).toBeLessThanOrEqual(10_000)
  expectNoServer()
  return { stdout, exitMs }
}

function factsOf({ code, stdout, stderr }: Awaited<ReturnType<typeof runCli>>) {
  expect(code, stdout + stderr).toBe(0)
  expect(stderr).toBe('')
  // Of those numbers that a run may not have, the default.
  const numberIn = (pattern: RegExp, unlessThere?: number) => {
    const text = pattern.exec(stdout)?.[1]?.replaceAll(',', '')
    if (text === undefined && unlessThere === undefined) throw new Error(`${pattern} is not in ${stdout}`)
    return text === undefined ? (unlessThere ?? 0) : Number(text)
  }
  expect(numberIn(/✓ (\d+) calls in all, 0 refused/)).toBeGreaterThan(0)
  const rows = [...stdout.matchAll(/^ {2}(demo\.\S+\.csv) +([\d,]+)/gm)].map(([, file = '', count]) => ({
    file,
    count,
  }))
  expect(stdout).toMatch(new RegExp(`✓ ${rows.length} files with [\\d,]+ rows agree with their control files`))
  const told = [...stdout.matchAll(/^ {2}\d+ mismatch(?:es)? opened: \w+ \(\w+\) +(\d+)/gm)]
  const facts = {
    countTransactions: numberIn(/✓ ([\d,]+) card transactions/),
    countNew: newIn(stdout),
    countMismatches: numberIn(/^ {2}(\d+) mismatches: \d+ critical/m),
    countInfo: numberIn(/^ {2}\d+ mismatches: \d+ critical.* (\d+) info/m, 0),
    countMessages: messagesIn(stdout),
    countEarlier: numberIn(/✓ (\d+) came in earlier runs/, 0),
    countTold: told.reduce((sum, [, count]) => sum + Number(count), 0),
    countUntold: numberIn(/✓ (\d+) more will be told/, 0),
    countUnchanged: numberIn(/✓ (\d) are byte for byte/, 0),
    rows,
  }
  expect(facts.countTransactions).toBeGreaterThan(0)
  expect(facts.countMismatches).toBeGreaterThan(0)
  return facts
}

const newIn = (stdout: string): number => Number(/completely; ([\d,]+)\s+of\s+them\s+new/.exec(stdout)?.[1] ?? 0)

/** Taken by the demo's receiver, which checks each signature. */
function messagesIn(stdout: string): number {
  if (stdout.includes('✓ no message in this run')) return 0
  return Number(/✓ (\d+) messages? arrived at \S+ as webhooks, every signature\s+verified/.exec(stdout)?.[1])
}

/** A running PostgreSQL keeps its process id in a file of its data directory and removes it when it ends. */
function expectNoServer() {
  const files = readdirSync(folder, { recursive: true }).map(String)
  // The control: there is a data directory to look into.
  if (files.some((file) => file.endsWith('PG_VERSION'))) {
    expect(files.filter((file) => file.endsWith('postmaster.pid'))).toEqual([])
  }
}
