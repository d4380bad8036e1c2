import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from '../../domain/operating-error.ts'
import { type Claim, inspectClaim, tryClaim } from './claim.ts'
import type { ProcessIdentity } from './process-identity.ts'

/** Writes this process down as a user of the server. Call under the lock. */
export async function enterRegister(directory: string): Promise<Claim> {
  const claim = await tryClaim(join(directory, `${process.pid}-${randomBytes(6).toString('hex')}`))
  if (claim === null) throw new Error('a random name was taken')
  return claim
}

/** The users that live, after forgetting those that were killed. Call under the lock. */
export async function listUsers(directory: string): Promise<{ here: ProcessIdentity[]; elsewhere: ProcessIdentity[] }> {
  const states = await Promise.all(
    (await readdir(directory)).map(async (name) => ({ name, state: await inspectClaim(join(directory, name)) })),
  )
  const users: Record<'here' | 'elsewhere', ProcessIdentity[]> = { here: [], elsewhere: [] }
  for (const { name, state } of states) {
    if (state.is === 'nobody') await rm(join(directory, name), { force: true })
    else users[state.is === 'alive' ? 'here' : 'elsewhere'].push(state.holder)
  }
  return users
}

/**
 * Two containers on one volume see the same files and neither sees the other's processes nor its loopback address:
 * PostgreSQL's own guard fails there and both servers would write the same pages.
 * @throws UsageError when a user lives in another container or machine
 */
export async function refuseUsersElsewhere(directory: string, dataDir: string): Promise<void> {
  const [other] = (await listUsers(directory)).elsewhere
  if (other === undefined) return
  throw new UsageError(
    `The data directory ${dataDir} is in use by process ${other.pid} on ${other.hostname}, another container or machine: run this command there, give each its own TIEOUT_DATA_DIR, or set DATABASE_URL to a PostgreSQL that both reach.`,
  )
}
