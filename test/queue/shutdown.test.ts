import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEffects } from './effects.ts'
import { createTestStore, defineTestJob, openTestQueue, STORE_KINDS, type TestStore, until } from './support.ts'

/** What the worker's process gives itself, and a moment for the process to end. */
const DEADLINE_MS = 4_000
const EXIT_MS = 1_000

describe.each(STORE_KINDS)('SIGTERM under load on %s', (kind) => {
  let store: TestStore
  let effects: Awaited<ReturnType<typeof createEffects>>
  beforeAll(async () => {
    store = await createTestStore(kind)
    effects = await createEffects()
  })
  afterAll(async () => {
    await effects.drop()
    await store.drop()
  })

  test.each([
    ['short jobs come to their end', 50, 0],
    ['endless jobs that do not listen are put back', 60_000, 5],
  ])('exit within the deadline, no job left to stall: %s', async (_title, workMs, countPutBack) => {
    const name = `term-${randomBytes(4).toString('hex')}`
    const key = defineTestJob({ name: 'key', decodePayload: () => undefined, run: async () => {} })
    const queue = await openTestQueue(store.settings, [key], { name })
    const countJobs = 500
    for (let job = 0; job < countJobs; job++) {
      await queue.enqueue(key, { key: `${name}-${job}` }, { callClass: 'backfill' })
    }
    const begun: string[] = []
    const child = spawnWorker({ store: store.settings, name, effectsUrl: effects.url, workMs }, begun)
    try {
      await until(() => begun.length >= 5)
      const startedAt = performance.now()
      child.kill('SIGTERM')
      const [exitCode] = await once(child, 'exit')
      const exitMs = performance.now() - startedAt
      expect(exitCode).toBe(0)
      expect(exitMs).toBeLessThan(DEADLINE_MS + EXIT_MS)
      const counts = await queue.counts()
      expect(counts).toMatchObject({ active: 0, delayed: 0, failed: 0 })
      // Each job begun either took effect or waits again.
      expect(counts.waiting).toBe(countJobs - begun.length + countPutBack)
      console.info(`${kind} SIGTERM: exit after ${Math.round(exitMs)} ms, ${begun.length} begun, 0 stalled`)
    } finally {
      child.kill('SIGKILL')
      await queue.close({ deadlineMs: 1_000 })
    }
  })
})

function spawnWorker(settings: unknown, begun: string[]): ChildProcess {
  const script = fileURLToPath(new URL('worker-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script, JSON.stringify(settings)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  createInterface({ input: child.stdout }).on('line', (key) => begun.push(key))
  return child
}
