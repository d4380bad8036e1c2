import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const factsSchema = z.looseObject({ event: z.string() })
type Facts = z.infer<typeof factsSchema>

/** A script of this folder that runs in a process (and process group) of its own and tells what happens line by line. */
export interface Child {
  readonly pid: number
  readonly told: Facts[]
  /** Resolves with the first line of that event; rejects when the child ends without it. */
  hear(event: string): Promise<Facts>
  say(line: string): void
  /** Sends the signal to the child alone and waits for its end. */
  kill(): Promise<void>
  readonly ended: Promise<unknown>
}

const running = new Set<ChildProcess>()

export function startChild(
  script: string,
  scriptArguments: string[],
  account: { uid: number; gid: number; env: NodeJS.ProcessEnv } | null = null,
): Child {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), path, ...scriptArguments], {
    ...account,
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  running.add(child)
  const told: Facts[] = []
  const listeners = new Set<() => void>()
  const exited = once(child, 'exit')
  const ended = once(child, 'close').then(() => {
    running.delete(child)
    for (const listener of [...listeners]) listener()
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    told.push(factsSchema.parse(JSON.parse(line)))
    for (const listener of [...listeners]) listener()
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`${script} did not start`)
  return {
    pid,
    told,
    ended,
    hear: (event) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = told.find((facts) => facts.event === event)
          if (found) resolve(found)
          else if (!running.has(child)) reject(new Error(`ended before "${event}": ${JSON.stringify(told)}`))
          else return
          listeners.delete(look)
        }
        listeners.add(look)
        look()
      }),
    say: (line) => child.stdin.write(`${line}\n`),
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** Ends what a failed test left behind. */
export function endChildren(): void {
  for (const child of running) child.kill('SIGKILL')
}
