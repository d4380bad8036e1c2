import { once } from 'node:events'
import { readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { UsageError } from '../../domain/operating-error.ts'
import { configureCluster } from './cluster.ts'
import { endClusterProcesses, isClusterProcess } from './cluster-processes.ts'
import { explainServerOutput } from './explanations.ts'
import { isPidTaken } from './process-identity.ts'
import { boundServerLog, runServerProgram, type Server } from './server-program.ts'

const ATTEMPTS_MAX = 3
/** How long a server may take from its first sign of life to a login: crash recovery replays up to 1 GB of log. */
const LOGIN_WAIT_MS_MAX = 120_000

/** The port of the server on this cluster when it lives and lets us in; null when none does. Waits for one that starts. */
export async function findRunningServer(server: Server): Promise<number | null> {
  const deadline = performance.now() + LOGIN_WAIT_MS_MAX
  for (;;) {
    const postmaster = await readPostmasterFile(server.clusterDir)
    if (postmaster === null || !(await isClusterProcess(postmaster.pid, server.clusterDir))) return null
    const problem = postmaster.port === null ? 'it has no port yet' : await tryLogin(server, postmaster.port)
    if (problem === null) return postmaster.port
    if (performance.now() > deadline) {
      throw new UsageError(
        `The embedded PostgreSQL in ${server.clusterDir} runs as process ${postmaster.pid} and lets nobody in: ${problem} (see ${server.logPath}).`,
        { exitCode: 1 },
      )
    }
    await sleep(50)
  }
}

/** Starts the server where none runs, on the preferred port if it is free. @throws UsageError that says why it can't */
export async function startServer(server: Server, portPreferred: number | null): Promise<number> {
  await boundServerLog(server.logPath)
  for (let attempt = 1; ; attempt++) {
    await clearRemains(server)
    const port = await chooseFreePort(attempt === 1 ? portPreferred : null)
    await configureCluster(server, port)
    const { said } = await runServerProgram(server, 'pg_ctl', [
      ...['start', '--silent', '--wait', '--timeout=60', `--pgdata=${server.clusterDir}`],
    ])
    // What counts is that it lets us in, whatever pg_ctl makes of it.
    if ((await findRunningServer(server)) !== null) return port
    const isWorthAnother = said.includes('Address already in use') || said.includes('could not create any TCP/IP')
    if (!isWorthAnother || attempt === ATTEMPTS_MAX) throw explainServerOutput(server, said)
  }
}

/** Stops the server in order; clients that are still connected lose their connection. */
export async function stopServer(server: Server): Promise<void> {
  const postmaster = await readPostmasterFile(server.clusterDir)
  if (postmaster !== null && (await isClusterProcess(postmaster.pid, server.clusterDir))) {
    await runServerProgram(server, 'pg_ctl', [
      ...['stop', '--silent', '--mode=fast', '--wait', '--timeout=60', `--pgdata=${server.clusterDir}`],
    ])
  }
  await endClusterProcesses(server.clusterDir)
}

/** @returns null when the login succeeded, else what stood in its way */
async function tryLogin(server: Server, port: number): Promise<string | null> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'tieout',
    password: server.secret,
    database: 'postgres',
    ssl: false,
    connectionTimeoutMillis: 10_000,
  })
  // A server that goes away while we are connected is noticed by the query.
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ directory: string; has_database: boolean }>(
      `select current_setting('data_directory') as directory,
              exists (select from pg_database where datname = 'tieout') as has_database`,
    )
    if (rows[0]?.directory !== server.clusterDir) return `the server on port ${port} serves ${rows[0]?.directory}`
    if (!rows[0].has_database) await client.query('create database tieout owner tieout')
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    await client.end().catch(() => {})
  }
}

/** The first line of postmaster.pid is the pid, the fourth the port. */
async function readPostmasterFile(clusterDir: string): Promise<{ pid: number; port: number | null } | null> {
  const text = await readFile(join(clusterDir, 'postmaster.pid'), 'utf8').catch(() => '')
  const [pid, , , port] = text.split('\n')
  if (pid === undefined || !/^\d+$/.test(pid)) return null
  return { pid: Number(pid), port: port !== undefined && /^\d+$/.test(port) ? Number(port) : null }
}

/**
 * Ends what a killed postmaster left: its children hold the shared memory and, while busy, don't notice that it is
 * gone. Its pid file is PostgreSQL's to judge, except when something else has the pid now, or its zombie still has it
 * (a container whose first process buries nobody): PostgreSQL can't tell these from a server and refuses to start.
 */
async function clearRemains(server: Server): Promise<void> {
  await endClusterProcesses(server.clusterDir)
  const postmaster = await readPostmasterFile(server.clusterDir)
  if (postmaster !== null && isPidTaken(postmaster.pid)) {
    await rm(join(server.clusterDir, 'postmaster.pid'), { force: true })
  }
}

async function chooseFreePort(preferred: number | null): Promise<number> {
  return (preferred === null ? null : await tryListen(preferred)) ?? (await tryListen(0)) ?? 0
}

/** The port if it can be listened on now; 0 means any. */
async function tryListen(port: number): Promise<number | null> {
  const listener = createServer()
  try {
    listener.listen({ port, host: '127.0.0.1', exclusive: true })
    await once(listener, 'listening')
    const address = listener.address()
    return address !== null && typeof address === 'object' ? address.port : null
  } catch {
    return null
  } finally {
    await new Promise((resolve) => listener.close(resolve))
  }
}
