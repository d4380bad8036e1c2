import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The command as it is shipped, compiled when the run began: it starts in half the time of the sources. */
const COMPILED = [fileURLToPath(new URL('../../dist-test/cli.js', import.meta.url))]
// A process may work in any folder, where the bare name would not be found.
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href

export interface CliEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliProcess {
  readonly child: ChildProcess
  readonly pid: number
  readonly ended: Promise<CliEnd>
  /** What it printed so far. */
  stdout(): string
  kill(signal: NodeJS.Signals): void
}

const sourcesIn = (root: string) => ['--import', TSX, join(root, 'src', 'cli.ts')]

/**
 * The real command in a process of its own, with these variables and none of ours but PATH and HOME.
 * @param options.root the folder of another version, run from its sources; this one unless said
 */
export function startCli(
  args: readonly string[],
  options: { env?: Readonly<Record<string, string>>; cwd?: string; root?: string } = {},
): CliProcess {
  const { PATH = '', HOME = '' } = process.env
  const command = options.root === undefined ? COMPILED : sourcesIn(options.root)
  const child = spawn(process.execPath, [...command, ...args], {
    cwd: options.cwd,
    env: { PATH, HOME, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const texts = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    texts.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    texts.stderr += text
  })
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, signal: child.signalCode, ...texts }))
  return {
    child,
    pid: child.pid ?? 0,
    ended,
    stdout: () => texts.stdout,
    kill: (signal) => void child.kill(signal),
  }
}

/** Runs a command to its end. */
export const runCli = (...parameters: Parameters<typeof startCli>): Promise<CliEnd> => startCli(...parameters).ended

/**
 * Waits until a daemon says that it works.
 * @returns where its pages are
 * @throws Error at once where it ended instead, with what it said
 */
export async function untilStarted({ child, ended, stdout }: CliProcess, timeoutMs: number): Promise<string> {
  const line = () =>
    stdout()
      .split('\n')
      .slice(0, -1)
      .find((one) => one.includes('"daemon.started"'))
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  await until('it started', () => line() !== undefined || hasEnded(), timeoutMs)
  const said = line()
  if (said !== undefined) return JSON.parse(said).http
  const end = await ended
  throw new Error(`it ended with ${end.code ?? end.signal} instead of starting:\n${end.stdout}${end.stderr}`)
}

/** Waits for what has no event of its own. @returns milliseconds */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<number> {
  const startedAt = performance.now()
  while (!(await condition())) {
    if (performance.now() - startedAt > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return performance.now() - startedAt
}
