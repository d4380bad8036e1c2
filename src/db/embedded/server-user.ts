import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UsageError } from '../../domain/operating-error.ts'

export interface Account {
  uid: number
  gid: number
}

/** PostgreSQL refuses to run as root. Everybody else, and Windows, runs it as themselves. */
export const isRoot = (): boolean => process.getuid?.() === 0

/**
 * Whom root lets the server run as: who owns the cluster already, else who owns the data directory (`sudo`, a mounted
 * home), else `postgres`, which exists to own databases, else `nobody`, which every image has. The account must be
 * named in /etc/passwd, or initdb refuses it.
 */
export async function chooseServerUser(dataDir: string, clusterDir: string): Promise<Account> {
  const clusterOwner = await findOwner(clusterDir)
  if (clusterOwner !== null && clusterOwner.uid !== 0) return clusterOwner

  const accounts = await readAccounts()
  const dataOwner = await findOwner(dataDir)
  const chosen =
    accounts.find(({ uid }) => uid === dataOwner?.uid && uid !== 0) ??
    accounts.find(({ name }) => name === 'postgres') ??
    accounts.find(({ name }) => name === 'nobody')
  if (chosen === undefined || chosen.uid === 0) {
    throw new UsageError(
      'PostgreSQL does not run as root, and /etc/passwd names neither `postgres` nor `nobody` to run it as: run this as an ordinary user, or set DATABASE_URL.',
    )
  }
  return { uid: chosen.uid, gid: chosen.gid }
}

/** Whether the account may pass through the directory and all that contain it, by their modes. */
export async function canReach(directory: string, { uid, gid }: Account): Promise<boolean> {
  let current = await realpath(directory)
  for (;;) {
    const found = await stat(current)
    const bit = found.uid === uid ? 0o100 : found.gid === gid ? 0o010 : 0o001
    if ((found.mode & bit) === 0) return false
    if (current === dirname(current)) return true
    current = dirname(current)
  }
}

export async function findOwner(path: string): Promise<Account | null> {
  return stat(path).then(
    ({ uid, gid }) => ({ uid, gid }),
    () => null,
  )
}

async function readAccounts(): Promise<({ name: string } & Account)[]> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':')
    return name !== undefined && uid !== undefined && gid !== undefined && /^\d+$/.test(uid) && /^\d+$/.test(gid)
      ? [{ name, uid: Number(uid), gid: Number(gid) }]
      : []
  })
}
