import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../../domain/operating-error.ts'
import { nameCluster } from './cluster.ts'
import { askPs, findProcess } from './process-identity.ts'

const ASK_MS_MAX = 2_000
const WAIT_MS_MAX = 15_000

/** Whether the process belongs to this cluster's server. On Windows, which hides command lines, a live one is believed. */
export async function isClusterProcess(pid: number, clusterDir: string): Promise<boolean> {
  if ((await findProcess(pid)) === null) return false
  return process.platform === 'win32' || (await listClusterProcesses(clusterDir)).includes(pid)
}

/** Ends every process of the cluster; what was committed is kept. @throws UsageError when one doesn't end */
export async function endClusterProcesses(clusterDir: string): Promise<void> {
  const startedAt = performance.now()
  for (let round = 0; ; round++) {
    const pids = await listClusterProcesses(clusterDir)
    if (pids.length === 0) return
    const waitedMs = performance.now() - startedAt
    if (waitedMs > WAIT_MS_MAX) {
      throw new UsageError(
        `Processes ${pids.join(', ')} of the embedded PostgreSQL in ${clusterDir} don't end: end them, then try again.`,
        { exitCode: 1 },
      )
    }
    for (const pid of pids) {
      // SIGQUIT asks for an immediate end; the log is replayed as after a crash, which it was.
      if (waitedMs > ASK_MS_MAX) signal(pid, 'SIGKILL')
      else if (round === 0) signal(pid, 'SIGQUIT')
    }
    await sleep(25)
  }
}

/**
 * The postmaster is known by its arguments, its children by the title they take. Working directories would be plainer,
 * but root in a container with the usual capabilities can't see those of other users' processes.
 */
async function listClusterProcesses(clusterDir: string): Promise<number[]> {
  const title = `postgres: ${nameCluster(clusterDir)}:`
  const isOurs = (command: string) => command.startsWith(title) || command.endsWith(`/bin/postgres -D ${clusterDir}`)
  return (await listCommands()).filter(({ command }) => isOurs(command)).map(({ pid }) => pid)
}

async function listCommands(): Promise<{ pid: number; command: string }[]> {
  if (process.platform === 'win32') return []
  if (process.platform === 'linux') {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
    return Promise.all(pids.map(async (pid) => ({ pid, command: await readCommand(pid) })))
  }
  return (await askPs(['-axo', 'pid=,command='])).split('\n').flatMap((line) => {
    const [, pid, command] = /^\s*(\d+) (.*)$/.exec(line) ?? []
    return pid === undefined || command === undefined ? [] : [{ pid: Number(pid), command }]
  })
}

/** The arguments with spaces between, as `ps` shows them; nothing of a zombie. */
async function readCommand(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return text.replaceAll('\0', ' ').trimEnd()
}

function signal(pid: number, name: 'SIGQUIT' | 'SIGKILL'): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
