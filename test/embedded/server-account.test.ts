import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, rmdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { joinEmbeddedPostgres } from '../../src/db/embedded/embedded-postgres.ts'
import { canReach } from '../../src/db/embedded/server-user.ts'
import { endChildren, startChild } from './child-process.ts'
import { listProcessesIn, query } from './server-facts.ts'

const NOBODY = { uid: 65_534, gid: 65_534 }
const isRoot = process.getuid?.() === 0
const isProjectOpen = isRoot && (await canReach(fileURLToPath(new URL('../..', import.meta.url)), NOBODY))
if (!isRoot) console.info('Not root: the tests of root, of other users and of a full disk are skipped.')
else if (!isProjectOpen)
  console.info('The project lies in a closed directory: the tests as an ordinary user are skipped.')

/** A directory that only its owner enters, as a home is. */
let home: string
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tieout-test-home-'))
})
afterEach(async () => {
  endChildren()
  await rm(home, { recursive: true, force: true })
})

test.runIf(isRoot)('root under a closed home keeps the cluster where the server can reach it', async () => {
  const dataDir = join(home, 'project', '.tieout')
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 16)
  const elsewhere = async () => (await readdir('/var/lib/tieout')).filter((name) => name.startsWith(hash))
  try {
    const first = await joinEmbeddedPostgres({ dataDir })
    await query(first.url, 'create table kept as select 42 as answer')
    await first.leave()
    const { serverHome } = JSON.parse(await readFile(join(dataDir, 'postgres-18.json'), 'utf8'))
    expect(serverHome).toBe(`/var/lib/tieout/${hash}`)
    const owner = await stat(join(serverHome, 'postgres-18'))
    expect(owner.mode & 0o777).toBe(0o700)
    expect(owner.uid).not.toBe(0)
    expect(await canReach(dataDir, owner), 'control: it can not reach the data directory').toBe(false)
    expect(await readFile(join(serverHome, 'belongs-to'), 'utf8')).toBe(`${dataDir}\n`)

    const second = await joinEmbeddedPostgres({ dataDir })
    expect(await query(second.url, 'select answer from kept')).toEqual([{ answer: 42 }])
    await second.leave()

    await rm(dataDir, { recursive: true })
    const events: string[] = []
    const afresh = await joinEmbeddedPostgres({ dataDir, log: (event) => events.push(event) })
    expect(events).toContain('database.set_aside')
    await expect(query(afresh.url, 'select answer from kept')).rejects.toMatchObject({ code: '42P01' })
    await afresh.leave()
    expect(await elsewhere()).toHaveLength(2)
  } finally {
    for (const name of await elsewhere()) await rm(join('/var/lib/tieout', name), { recursive: true })
    await rmdir('/var/lib/tieout').catch(() => {})
  }
})

test.runIf(isProjectOpen)('an ordinary user keeps everything in the data directory, closed to others', async () => {
  await chown(home, NOBODY.uid, NOBODY.gid)
  const dataDir = join(home, '.tieout')
  const user = startChild('user-process.ts', [dataDir], { ...NOBODY, env: { PATH: process.env.PATH, HOME: home } })
  const { url } = await user.hear('joined')
  expect(await query(String(url), 'select current_user')).toEqual([{ current_user: 'tieout' }])
  expect((await stat(dataDir)).mode & 0o777).toBe(0o700)
  for (const name of await readdir(dataDir)) expect((await stat(join(dataDir, name))).uid).toBe(NOBODY.uid)

  // Root comes by: it attaches, and what it leaves doesn't lock the owner out.
  const root = await joinEmbeddedPostgres({ dataDir })
  expect(root).toMatchObject({ wasRunning: true, url })
  user.say('leave')
  await user.hear('left')
  await root.leave()
  const started = await joinEmbeddedPostgres({ dataDir })
  expect(started.wasRunning).toBe(false)
  await started.leave()
  const again = startChild('user-process.ts', [dataDir], { ...NOBODY, env: { PATH: process.env.PATH, HOME: home } })
  expect(await again.hear('joined')).toMatchObject({ wasRunning: false })
  again.say('leave')
  await again.hear('left')
  expect(await listProcessesIn(dataDir)).toEqual([])
})

test.runIf(isProjectOpen)('a directory that may not be written to is named, with the way out', async () => {
  await chmod(home, 0o755)
  const user = startChild('user-process.ts', [join(home, 'closed')], { ...NOBODY, env: { PATH: process.env.PATH } })
  const { name, message } = await user.hear('failed')
  expect(name).toBe('UsageError')
  expect(message).toMatch(new RegExp(`^The data directory ${home}/closed .*TIEOUT_DATA_DIR.*DATABASE_URL`))
  expect(message).not.toContain('\n')
})

test.runIf(isRoot)('a full disk is named, with the way out, and loses nothing', async (context) => {
  await chmod(home, 0o755)
  const disk = join(home, 'disk')
  await mkdir(disk)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=75m,mode=755', 'tmpfs', disk], { stdio: 'ignore' })
  } catch {
    context.skip('this machine lets nobody mount a small disk')
  }
  try {
    // Room for the programs (57 MB), not for the cluster (39 MB).
    await expect(joinEmbeddedPostgres({ dataDir: disk })).rejects.toThrow(
      new RegExp(`^The disk that holds ${disk} is full: .*TIEOUT_DATA_DIR.*DATABASE_URL`),
    )
    expect((await readdir(disk)).filter((name) => name.includes('.new-'))).toEqual([])
    // A second try fails on the same ground, and more room mends it.
    await expect(joinEmbeddedPostgres({ dataDir: disk })).rejects.toMatchObject({ name: 'UsageError', exitCode: 1 })
    execFileSync('mount', ['-o', 'remount,size=400m', disk])
    const joined = await joinEmbeddedPostgres({ dataDir: disk })
    expect(await query(joined.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await joined.leave()
  } finally {
    execFileSync('umount', [disk])
  }
})
