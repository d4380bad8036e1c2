import { createHash, randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { UsageError } from '../../domain/operating-error.ts'
import { type Account, canReach, chooseServerUser, findOwner, isRoot } from './server-user.ts'

export type Log = (event: string, facts: Record<string, unknown>) => void

/** Where everything of one embedded server lies. What belongs to one major version carries it in its name. */
export interface DataPlace {
  dataDir: string
  statePath: string
  lockDir: string
  usersDir: string
  logPath: string
  clusterName: string
  programsName: string
  /** Who owns the data directory, when we are root and it is somebody else: what we put there is handed over. */
  owner: Account | null
}

/** What is remembered between starts, in a file that only its owner reads. */
export interface ServerState {
  /** Where cluster and programs lie: the data directory, or elsewhere when the server's user can't reach that. */
  serverHome: string
  secret: string
  /** The port of the last start; null before the first. */
  port: number | null
}

/** Where root keeps clusters whose data directory lies under a closed home. */
const ELSEWHERE = '/var/lib/tieout'

/** Makes the data directory and what the lock needs. */
export async function prepareDataPlace(dataDir: string, majorVersion: number): Promise<DataPlace> {
  if (/["$`\\\n\r]/.test(dataDir) && process.platform !== 'win32') {
    throw new UsageError(
      `The data directory ${JSON.stringify(dataDir)} has a quote, $, \` or \\ in its name, which pg_ctl would misread: set TIEOUT_DATA_DIR to another one.`,
    )
  }
  // Under root another user must pass through; the secrets in it are closed by their own modes.
  await mkdir(resolve(dataDir), { recursive: true, mode: isRoot() ? 0o755 : 0o700 })
  const real = await realpath(resolve(dataDir))
  const found = await findOwner(real)
  const owner = isRoot() && found !== null && found.uid !== 0 ? found : null
  const name = `postgres-${majorVersion}`
  const place = {
    dataDir: real,
    statePath: join(real, `${name}.json`),
    lockDir: join(real, `${name}.lock`),
    usersDir: join(real, `${name}.users`),
    logPath: join(real, `${name}.log`),
    clusterName: name,
    programsName: `${name}.programs`,
    owner,
  }
  for (const directory of [place.lockDir, place.usersDir]) await makeDirectory(directory, owner)
  const serverLog = await open(place.logPath, 'a', 0o600)
  if (owner) await serverLog.chown(owner.uid, owner.gid)
  await serverLog.close()
  return place
}

/** Reads the state, or decides it when there is none: a new secret, and where the server's files shall lie. */
export async function readOrCreateState(
  place: DataPlace,
  log: Log,
): Promise<{ state: ServerState; serverUser: Account | null }> {
  const stored = await readState(place.statePath)
  const serverUser = isRoot()
    ? await chooseServerUser(place.dataDir, join(stored?.serverHome ?? place.dataDir, place.clusterName))
    : null
  if (stored !== null) {
    await makeDirectory(join(stored.serverHome, place.programsName), place.owner)
    return { state: stored, serverUser }
  }

  const isReachable = serverUser === null || (await canReach(place.dataDir, serverUser))
  const serverHome = isReachable ? place.dataDir : await makeHomeElsewhere(place.dataDir, log)
  await makeDirectory(join(serverHome, place.programsName), place.owner)
  const state = { serverHome, secret: randomBytes(24).toString('base64url'), port: null }
  await writeState(place, state)
  return { state, serverUser }
}

/** Replaces the state whole: a kill or a full disk leaves the former one. */
export async function writeState(place: DataPlace, state: ServerState): Promise<void> {
  await writePrivateFile(place.statePath, `${JSON.stringify(state, null, 2)}\n`, place.owner)
}

/** Puts a file with mode 0600 in place whole; never writes through a link that lies at its name. */
export async function writePrivateFile(path: string, text: string, owner: Account | null): Promise<void> {
  const unfinished = `${path}.new-${randomBytes(6).toString('hex')}`
  const file = await open(unfinished, 'wx', 0o600)
  try {
    if (owner) await file.chown(owner.uid, owner.gid)
    await file.writeFile(text)
    await file.sync()
    await file.close()
    await rename(unfinished, path)
  } catch (error) {
    await file.close()
    await rm(unfinished, { force: true })
    throw error
  }
}

const stateSchema = z.object({ serverHome: z.string(), secret: z.string(), port: z.number().int().nullable() })

async function readState(path: string): Promise<ServerState | null> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return null
  try {
    return stateSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new UsageError(
      `${path} holds the secret of the embedded PostgreSQL and can't be read: restore it, or move the whole directory away and start afresh.`,
      { cause },
    )
  }
}

async function makeHomeElsewhere(dataDir: string, log: Log): Promise<string> {
  const home = join(ELSEWHERE, createHash('sha256').update(dataDir).digest('hex').slice(0, 16))
  await makeDirectory(ELSEWHERE, null)
  // The data directory doesn't know this one: it was removed and made anew. Old data may be all that is left of a
  // disk that is not mounted today, so a person deletes it, not we.
  if (await stat(home).catch(() => null)) {
    const setAside = `${home}.set-aside-${randomBytes(4).toString('hex')}`
    await rename(home, setAside)
    log('database.set_aside', { dataDir, setAside })
  }
  await mkdir(home, { mode: 0o755 })
  await chmod(home, 0o755)
  await writePrivateFile(join(home, 'belongs-to'), `${dataDir}\n`, null)
  log('database.kept_elsewhere', { dataDir, serverHome: home })
  return home
}

async function makeDirectory(path: string, owner: Account | null): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o755 })
  if (made !== undefined) await chmod(path, 0o755)
  if (made !== undefined && owner) await chown(path, owner.uid, owner.gid)
}
