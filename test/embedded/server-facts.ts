import { readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { askPs } from '../../src/db/embedded/process-identity.ts'

export async function query<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

/** The pid of the server's first process, in its own words. */
export async function readPostmasterPid(clusterDir: string): Promise<number> {
  return Number.parseInt(await readFile(join(clusterDir, 'postmaster.pid'), 'utf8'), 10)
}

/** Every process of the machine that works in the directory: an observer that shares nothing with the code under test's bookkeeping. */
export async function listProcessesIn(directory: string): Promise<number[]> {
  if (process.platform !== 'linux') {
    const lines = (await askPs(['-axo', 'pid=,command='])).split('\n')
    return lines.filter((line) => line.includes(directory)).map((line) => Number.parseInt(line, 10))
  }
  const real = await realpath(directory)
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const directories = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => '')))
  return pids.filter((_, index) => directories[index]?.startsWith(real)).map(Number)
}

/** Kills whatever works in the directory, also what starts meanwhile, until nothing does. */
export async function killProcessesIn(directory: string): Promise<void> {
  for (let pids = await listProcessesIn(directory); pids.length > 0; pids = await listProcessesIn(directory)) {
    for (const pid of pids) killIfAlive(pid)
  }
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // Between the look and the kill it ended by itself.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
