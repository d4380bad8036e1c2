import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'
import type { CallLimits } from '../../src/domain/call-budget.ts'
import { createRandom } from '../../src/sandbox/random.ts'

export interface FleetSettings {
  readonly databaseUrl: string
  readonly accountId: number
  readonly baseUrl: string
  readonly token: string
  readonly limits: CallLimits
  readonly rate: number
  readonly deadlineMs: number
  readonly drainMs: number
  readonly concurrency: number
}

export interface Fleet {
  /** Lets its workers begin. */
  start(): void
  /** Kills a random worker with SIGKILL and lets a spare begin in its place. */
  killOne(): void
  /** Ends all in order. */
  stop(): Promise<void>
}

/** Worker processes, each with a pool of its own; resolves when all and the spares are ready to begin. */
export async function startFleet(
  { count, spares, seed }: { count: number; spares: number; seed: number },
  settings: FleetSettings,
): Promise<Fleet> {
  const random = createRandom(seed, 'kills')
  const living = new Set<Child>()
  const working = new Set<Child>()

  async function prepare(): Promise<Child> {
    const child = spawn(process.execPath, ['--import', TSX, SCRIPT, JSON.stringify(settings)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    // One that was killed closes its pipe while we may be writing.
    child.stdin.on('error', () => {})
    living.add(child)
    child.once('exit', () => living.delete(child))
    const isReady = await Promise.race([
      once(child.stdout, 'data').then(() => true),
      once(child, 'exit').then(() => false),
    ])
    if (!isReady) throw new Error('a worker ended before it was ready')
    return child
  }

  const begin = (child: Child) => {
    working.add(child)
    child.stdin.write('go\n')
  }

  async function stop(): Promise<void> {
    await Promise.all(
      Array.from(living, async (child) => {
        const exited = once(child, 'exit')
        child.stdin.end(working.has(child) ? '' : 'go\n')
        const killing = setTimeout(() => child.kill('SIGKILL'), 5_000)
        await exited
        clearTimeout(killing)
      }),
    )
  }

  onTestFinished(stop)
  const ready = await Promise.all(Array.from({ length: count + spares }, prepare))
  return {
    start() {
      for (const child of ready.splice(0, count)) begin(child)
    },
    killOne() {
      const victim = random.pick([...working])
      victim.kill('SIGKILL')
      working.delete(victim)
      const spare = ready.shift()
      if (!spare) throw new Error('the fleet has no spare left')
      begin(spare)
    },
    stop,
  }
}

type Child = ChildProcessByStdio<Writable, Readable, null>

const SCRIPT = fileURLToPath(new URL('caller-process.ts', import.meta.url))
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
