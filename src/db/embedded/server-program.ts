import { spawn } from 'node:child_process'
import { copyFile, open, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from '../../domain/operating-error.ts'
import type { Account } from './server-user.ts'

/** One server's programs and where they work. */
export interface Server {
  programs: string
  home: string
  /** Without links in its path: the server's processes are told by it. */
  clusterDir: string
  logPath: string
  user: Account | null
  secret: string
}

const LOG_BYTES_MAX = 4 * 1024 * 1024

/**
 * Runs one of the server's programs as the server's user and waits for its end. What it says goes to the server's log
 * and is returned. It has a session of its own: a Ctrl-C in the terminal is for us, and we decide what becomes of the
 * server.
 */
export async function runServerProgram(
  server: Server,
  name: 'initdb' | 'pg_ctl',
  programArguments: string[],
): Promise<{ hasSucceeded: boolean; said: string }> {
  const log = await open(server.logPath, 'a', 0o600)
  try {
    const sizeBefore = (await log.stat()).size
    const program = join(server.programs, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      const child = spawn(program, programArguments, {
        ...(server.user ?? {}),
        cwd: server.home,
        env: serverEnvironment(),
        detached: true,
        windowsHide: true,
        // Files, not pipes: the server inherits them from pg_ctl and keeps them when we are gone.
        stdio: ['ignore', log.fd, log.fd],
      })
      child.once('error', (cause: NodeJS.ErrnoException) => reject(explainSpawnError(program, cause)))
      child.once('exit', resolve)
    })
    return { hasSucceeded: exitCode === 0, said: await readEnd(server.logPath, sizeBefore) }
  } finally {
    await log.close()
  }
}

/** Keeps the log and one older part below 4 MiB each. Its writers append, so that cutting it is safe. */
export async function boundServerLog(logPath: string): Promise<void> {
  const found = await stat(logPath).catch(() => null)
  if (found === null || found.size < LOG_BYTES_MAX) return
  await rm(`${logPath}.1`, { force: true })
  await copyFile(logPath, `${logPath}.1`)
  await truncate(logPath)
}

/** Only what the programs need: PGDATA, PGPORT, PGOPTIONS and their like in a person's shell are for other servers. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = ['PATH', 'SystemRoot', 'TEMP', 'TMP'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  })
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' }
}

function explainSpawnError(program: string, cause: NodeJS.ErrnoException): UsageError {
  const reasons: Record<string, string> = {
    ENOENT: 'this system has no glibc to run it with',
    EACCES: 'its directory may not be executed from (noexec)',
    EPERM: 'this root may not become another user',
  }
  const reason = reasons[cause.code ?? ''] ?? cause.message
  return new UsageError(
    `The embedded PostgreSQL can't run ${program} (${cause.code}): ${reason}. Set DATABASE_URL to a PostgreSQL 14 or later, or TIEOUT_DATA_DIR to another directory.`,
    { cause },
  )
}

async function readEnd(path: string, offset: number): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64 * 1024), 0, 64 * 1024, offset)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}
