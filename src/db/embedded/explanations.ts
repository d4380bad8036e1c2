import { UsageError } from '../../domain/operating-error.ts'
import type { Server } from './server-program.ts'

/** Turns what the file system refused into one line that names the directory and the way out. */
export function explainFileError(error: unknown, dataDir: string): unknown {
  if (error instanceof UsageError || !(error instanceof Error) || !('code' in error)) return error
  const { code } = error
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(dataDir, error)
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new UsageError(
      `The data directory ${dataDir} can't be used (${error.message}): run this as the user who owns it, set TIEOUT_DATA_DIR to a directory you may write to, or set DATABASE_URL.`,
      { cause: error },
    )
  }
  if (code === 'ENOTDIR' || code === 'EEXIST' || code === 'ENOTEMPTY') {
    return new UsageError(
      `The data directory ${dataDir} can't be used, something else lies there (${error.message}): set TIEOUT_DATA_DIR to another directory, or set DATABASE_URL.`,
      { cause: error },
    )
  }
  return error
}

/** Says why one of the server's programs failed, from what it printed. */
export function explainServerOutput(server: Server, said: string): UsageError {
  if (said.includes('No space left on device')) return diskFull(server.home)
  if (said.includes('could not look up effective user ID')) {
    return new UsageError(
      `The user id ${process.getuid?.()} has no line in /etc/passwd, which PostgreSQL needs: run this as a user who has one, or set DATABASE_URL.`,
    )
  }
  const lines = said.split('\n').filter((line) => line.trim() !== '')
  const telling = lines.find((line) => /FATAL|PANIC|error:|error while/.test(line)) ?? lines.at(-1) ?? 'no reason given'
  return new UsageError(
    `The embedded PostgreSQL in ${server.clusterDir} did not start: ${telling.trim()} (see ${server.logPath}). Mend that, or set DATABASE_URL.`,
    { exitCode: 1 },
  )
}

const diskFull = (directory: string, cause?: unknown): UsageError =>
  new UsageError(
    `The disk that holds ${directory} is full: free some space, set TIEOUT_DATA_DIR to a directory on another disk, or set DATABASE_URL.`,
    { exitCode: 1, cause },
  )
