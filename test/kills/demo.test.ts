import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runCli, startCli, until } from './cli-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'tieout-demo-'))
// Under root the server is another user, who must be able to enter.
chmodSync(folder, 0o755)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the demo ends cleanly when interrupted, goes on from its data, and adds nothing twice', async () => {
  const interrupted = startCli(['demo'], { cwd: folder })
  await until('its first line', () => interrupted.stdout().includes('\n'), 20_000)
  const firstDay = readFileSync(join(folder, '.tieout/demo/first-day'), 'utf8')
  const stoppedAt = performance.now()
  interrupted.kill('SIGINT')
  const end = await interrupted.ended
  const exitMs = performance.now() - stoppedAt
  expect(end.code, end.stdout + end.stderr).toBe(130)
  expect(exitMs).toBeLessThanOrEqual(10_000)
  expectNoServer()

  const first = factsOf(await runCli(['demo'], { cwd: folder }))
  expectNoServer()
  const second = factsOf(await runCli(['demo'], { cwd: folder }))
  expectNoServer()
  console.info(
    `interrupted: ended after ${Math.round(exitMs)} ms; first run ${JSON.stringify(first)}, second ${JSON.stringify(second)}`,
  )
  expect(readFileSync(join(folder, '.tieout/demo/first-day'), 'utf8')).toBe(firstDay)
  expect(second.countTransactions).toBeGreaterThanOrEqual(first.countTransactions)
  // A minute of a shop is a few sales; a row twice would be thousands.
  expect(second.countTransactions - first.countTransactions).toBeLessThan(100)
  expect(second.countMismatches).toBe(first.countMismatches)
})

function factsOf({ code, stdout, stderr }: Awaited<ReturnType<typeof runCli>>) {
  expect(code, stdout + stderr).toBe(0)
  expect(stderr).toBe('')
  expect(stdout.match(/^ {2}✓ /gm)).toHaveLength(2)
  const numberIn = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1])
  const facts = {
    countTransactions: numberIn(/✓ (\d+) card transactions/),
    countCalls: numberIn(/✓ (\d+) calls in all, 0 refused/),
    countMismatches: numberIn(/^(\d+) mismatches, the worst first/m),
  }
  for (const fact of Object.values(facts)) expect(fact).toBeGreaterThan(0)
  return facts
}

/** A running PostgreSQL keeps its process id in a file of its data directory and removes it when it ends. */
function expectNoServer() {
  const files = readdirSync(folder, { recursive: true }).map(String)
  // The control: there is a data directory to look into.
  if (files.some((file) => file.endsWith('PG_VERSION'))) {
    expect(files.filter((file) => file.endsWith('postmaster.pid'))).toEqual([])
  }
}
