import { createHash, randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { writePrivateFile } from './data-place.ts'
import { explainServerOutput } from './explanations.ts'
import { runServerProgram, type Server } from './server-program.ts'

/**
 * Creates the cluster unless there is one. initdb works in a sibling that is renamed when it is whole: killed anywhere,
 * it leaves rubbish that the next start removes and never half a cluster.
 */
export async function createCluster(server: Server): Promise<void> {
  await removeUnfinished(server.clusterDir)
  if (await hasCluster(server.clusterDir)) return

  const unfinished = `${server.clusterDir}.new-${randomBytes(6).toString('hex')}`
  const secretPath = `${unfinished}.secret`
  try {
    await mkdir(unfinished, { mode: 0o700 })
    if (server.user) await chown(unfinished, server.user.uid, server.user.gid)
    await writePrivateFile(secretPath, `${server.secret}\n`, server.user)
    const { hasSucceeded, said } = await runServerProgram(server, 'initdb', [
      `--pgdata=${unfinished}`,
      '--username=tieout',
      `--pwfile=${secretPath}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // The same order of text on every machine, whatever locales it has.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
    ])
    if (!hasSucceeded) throw explainServerOutput(server, said)
    await rename(unfinished, server.clusterDir)
    await syncDirectory(server.home)
  } finally {
    await removeUnfinished(server.clusterDir)
  }
}

export async function hasCluster(clusterDir: string): Promise<boolean> {
  return (await stat(join(clusterDir, 'PG_VERSION')).catch(() => null)) !== null
}

/** Writes the server's whole configuration; call before each start, while it is stopped. */
export async function configureCluster(server: Server, port: number): Promise<void> {
  // A volume's mount may have opened the modes of all its files; PostgreSQL refuses such a directory.
  await chmod(server.clusterDir, 0o700)
  const settings = [
    '# Written at each start. What is to differ for good belongs into ALTER SYSTEM.',
    "listen_addresses = '127.0.0.1'",
    `port = ${port}`,
    // A socket would need a directory that is private to server and clients alike.
    "unix_socket_directories = ''",
    "password_encryption = 'scram-sha-256'",
    `cluster_name = '${nameCluster(server.clusterDir)}'`,
    'max_connections = 100',
    "shared_buffers = '128MB'",
    'fsync = on',
    'full_page_writes = on',
    'jit = off',
    "timezone = 'UTC'",
    "log_timezone = 'UTC'",
    "datestyle = 'ISO, YMD'",
    "lc_messages = 'C'",
    "log_line_prefix = '%m [%p] '",
    'log_checkpoints = off',
    // Statements, and the details of a violated constraint, carry the rows themselves: none of that in a log.
    'log_min_error_statement = panic',
    "log_error_verbosity = 'terse'",
    ...(await chooseSharedMemory()),
  ]
  const access = ['host all all 127.0.0.1/32 scram-sha-256']
  await writePrivateFile(join(server.clusterDir, 'postgresql.conf'), `${settings.join('\n')}\n`, server.user)
  await writePrivateFile(join(server.clusterDir, 'pg_hba.conf'), `${access.join('\n')}\n`, server.user)
}

/** What this cluster's processes show in `ps` where there is no /proc to tell them by. */
export const nameCluster = (clusterDir: string): string =>
  `tieout-${createHash('sha256').update(clusterDir).digest('hex').slice(0, 12)}`

/** Containers get 64 MB of /dev/shm, and there a parallel query fails with "No space left on device". */
async function chooseSharedMemory(): Promise<string[]> {
  if (process.platform !== 'linux') return []
  const found = await statfs('/dev/shm').catch(() => null)
  const isAmple = found !== null && found.blocks * found.bsize >= 256 * 1024 * 1024
  return [`dynamic_shared_memory_type = ${isAmple ? 'posix' : 'mmap'}`]
}

async function removeUnfinished(clusterDir: string): Promise<void> {
  const prefix = `${basename(clusterDir)}.new-`
  for (const name of await readdir(dirname(clusterDir))) {
    if (!name.startsWith(prefix)) continue
    // An initdb whose starter was killed may still be writing there; then the next start removes it.
    await rm(join(dirname(clusterDir), name), { recursive: true, force: true }).catch(() => {})
  }
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
