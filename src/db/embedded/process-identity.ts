import { execFile } from 'node:child_process'
import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { promisify } from 'node:util'

/** Names one process for good: a pid alone is used again, often at once in a restarted container. */
export interface ProcessIdentity {
  pid: number
  /** When the process began, in the system's own words: compared, never computed with. Null where it can't be told. */
  startedAt: string | null
  /** The boot and the pid namespace in which `pid` means something. */
  world: string
  hostname: string
}

export async function identifyThisProcess(): Promise<ProcessIdentity> {
  const found = await findProcess(process.pid)
  return { pid: process.pid, startedAt: found?.startedAt ?? null, world: await identifyWorld(), hostname: hostname() }
}

/** Whether that very process lives; `unknown` when it ran in another container, machine or boot. */
export async function lookUpProcess(identity: ProcessIdentity): Promise<'alive' | 'gone' | 'unknown'> {
  if (identity.world !== (await identifyWorld())) return 'unknown'
  const found = await findProcess(identity.pid)
  if (found === null) return 'gone'
  const isOther = found.startedAt !== null && identity.startedAt !== null && found.startedAt !== identity.startedAt
  return isOther ? 'gone' : 'alive'
}

/** The process that has this pid now, or null; a zombie is none. */
export async function findProcess(pid: number): Promise<{ startedAt: string | null } | null> {
  if (!isPidTaken(pid)) return null
  if (process.platform === 'linux') return findInProc(pid)
  if (process.platform === 'win32') return { startedAt: null }
  const startedAt = (await askPs(['-o', 'lstart=', '-p', String(pid)])).trim()
  return startedAt === '' ? null : { startedAt }
}

/** What `ps` prints. Only for systems without /proc: small Linux images carry no `ps`. */
export async function askPs(args: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('ps', args, { env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } })
    return stdout
  } catch {
    // ps exits with 1 when no process matches.
    return ''
  }
}

/** Whether anything has this pid, be it a zombie that nobody has buried. */
export function isPidTaken(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

async function findInProc(pid: number): Promise<{ startedAt: string | null } | null> {
  // A /proc that hides other users' processes shows nothing of one that can be signalled.
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (stat === null) return isPidTaken(pid) ? { startedAt: null } : null
  // The second field is the command in parentheses and may hold anything; the state and the 22nd field follow it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const hasEnded = fields[0] === 'Z' || fields[0] === 'X'
  return hasEnded ? null : { startedAt: fields[19] ?? null }
}

async function identifyWorld(): Promise<string> {
  if (process.platform !== 'linux') return hostname()
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  return `${boot.trim()} ${namespace}`
}
