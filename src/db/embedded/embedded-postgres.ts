import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from '../../domain/operating-error.ts'
import { createCluster, hasCluster } from './cluster.ts'
import { endClusterProcesses } from './cluster-processes.ts'
import { type DataPlace, type Log, prepareDataPlace, readOrCreateState, writeState } from './data-place.ts'
import { explainFileError } from './explanations.ts'
import { withGenerationLock } from './generation-lock.ts'
import { findServerPackage, installPrograms, removeOtherPrograms, type ServerPackage } from './server-package.ts'
import { findRunningServer, startServer, stopServer } from './server-process.ts'
import { boundServerLog, type Server } from './server-program.ts'
import { enterRegister, listUsers, refuseUsersElsewhere } from './user-register.ts'

export interface EmbeddedPostgres {
  /** `postgres://tieout:<secret>@127.0.0.1:<port>/tieout`: a superuser of this private server. */
  readonly url: string
  /** Whether somebody else had started the server already. */
  readonly wasRunning: boolean
  /** Stops the server if nobody else uses it. Close every connection before. Calling it again does nothing. */
  leave(): Promise<void>
}

const LOG_CHECK_INTERVAL_MS = 30_000

/**
 * Joins the users of the PostgreSQL that lives in the data directory, starting it when it does not run. Any number of
 * processes of one machine may join and be killed in any order and at any instant.
 * @throws UsageError with one line naming the directory and the way out: no binaries for this platform, directory not
 * writable, disk full, in use by another container
 */
export async function joinEmbeddedPostgres(options: { dataDir: string; log?: Log }): Promise<EmbeddedPostgres> {
  const { dataDir, log = () => {} } = options
  try {
    const serverPackage = await findServerPackage()
    const place = await prepareDataPlace(dataDir, serverPackage.majorVersion)
    return await withGenerationLock(place.lockDir, () => joinUnderLock(serverPackage, place, log))
  } catch (error) {
    throw explainFileError(error, dataDir)
  }
}

async function joinUnderLock(serverPackage: ServerPackage, place: DataPlace, log: Log): Promise<EmbeddedPostgres> {
  await refuseUsersElsewhere(place.usersDir, place.dataDir)
  const claim = await enterRegister(place.usersDir)
  try {
    const { server, port, wasRunning } = await ensureRunning(serverPackage, place, log)
    const logCheck = setInterval(() => boundServerLog(server.logPath).catch(() => {}), LOG_CHECK_INTERVAL_MS).unref()

    const leave = async () => {
      clearInterval(logCheck)
      try {
        await withGenerationLock(place.lockDir, async () => {
          await claim.remove()
          const { here, elsewhere } = await listUsers(place.usersDir)
          if (here.length + elsewhere.length > 0) return
          await stopServer(server)
          log('database.stopped', { clusterDir: server.clusterDir })
        })
      } catch (error) {
        if (!isMissing(error)) throw explainFileError(error, place.dataDir)
        // Somebody removed the data directory under us, and with it the lock and all that was to be kept.
        await claim.remove()
        await endClusterProcesses(server.clusterDir)
      }
    }
    let leaving: Promise<void> | undefined
    return {
      url: `postgres://tieout:${server.secret}@127.0.0.1:${port}/tieout`,
      wasRunning,
      leave() {
        leaving ??= leave()
        return leaving
      },
    }
  } catch (error) {
    await claim.remove()
    throw error
  }
}

async function ensureRunning(
  serverPackage: ServerPackage,
  place: DataPlace,
  log: Log,
): Promise<{ server: Server; port: number; wasRunning: boolean }> {
  const { state, serverUser } = await readOrCreateState(place, log)
  const home = await realpath(state.serverHome)
  const programsDir = join(home, place.programsName)
  const clusterDir = join(home, place.clusterName)
  const programs = await installPrograms(serverPackage, programsDir, place.owner)
  const server = { programs, home, clusterDir, logPath: place.logPath, user: serverUser, secret: state.secret }

  const portFound = await findRunningServer(server)
  if (portFound !== null) {
    log('database.attached', { clusterDir, port: portFound })
    return { server, port: portFound, wasRunning: true }
  }

  if (state.port !== null && !(await hasCluster(clusterDir))) {
    throw new UsageError(
      `The database of ${place.dataDir} was in ${clusterDir} and is gone: bring it back, or remove ${place.statePath} to begin with an empty one.`,
    )
  }
  await removeOtherPrograms(serverPackage, programsDir)
  await createCluster(server)
  const port = await startServer(server, state.port)
  // Remembering the port spares a person with an open psql: no reason to fail now that the server runs.
  if (port !== state.port) {
    await writeState(place, { ...state, port }).catch((error) => log('database.port_not_remembered', { port, error }))
  }
  log('database.started', { clusterDir, port, serverUid: serverUser?.uid ?? process.getuid?.() })
  return { server, port, wasRunning: false }
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'
