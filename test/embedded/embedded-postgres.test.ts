import { once } from 'node:events'
import { appendFile, lstat, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { joinEmbeddedPostgres } from '../../src/db/embedded/embedded-postgres.ts'
import { boundServerLog } from '../../src/db/embedded/server-program.ts'
import { startChild } from './child-process.ts'
import { useDataDir } from './data-dir.ts'
import { listProcessesIn, query, readPostmasterPid } from './server-facts.ts'

const place = useDataDir()

test('the server lives from its first user to its last, whoever came first', async () => {
  const first = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  expect(first.wasRunning).toBe(false)
  expect(await query(first.url, 'select current_user, current_database() as database')).toEqual([
    { current_user: 'tieout', database: 'tieout' },
  ])
  const postmaster = await readPostmasterPid(place.clusterDir)

  const second = startChild('user-process.ts', [place.dataDir])
  expect(await second.hear('joined')).toMatchObject({ wasRunning: true, url: first.url })
  await first.leave()
  await first.leave()
  expect(await query(first.url, 'select 1 as one')).toEqual([{ one: 1 }])
  expect(await readPostmasterPid(place.clusterDir)).toBe(postmaster)

  second.say('leave')
  await second.hear('left')
  expect(await listProcessesIn(place.dataDir)).toEqual([])
  await expect(query(first.url, 'select 1')).rejects.toThrow('ECONNREFUSED')
})

test('a process that joins twice counts twice', async () => {
  const first = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  const second = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  await first.leave()
  expect(await query(second.url, 'select 1 as one')).toEqual([{ one: 1 }])
  await second.leave()
  await expect(query(second.url, 'select 1')).rejects.toThrow('ECONNREFUSED')
})

test('only the secret opens it, only from this machine, and only its owner can read the secret', async () => {
  const { url, leave } = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  const wrong = new URL(url)
  wrong.password = 'tieout'
  await expect(query(String(wrong), 'select 1')).rejects.toMatchObject({ code: '28P01' })
  const settings = await query<{ name: string; setting: string }>(
    url,
    `select name, setting from pg_settings
      where name in ('listen_addresses', 'unix_socket_directories', 'fsync', 'TimeZone', 'password_encryption')
      order by name`,
  )
  expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
    fsync: 'on',
    listen_addresses: '127.0.0.1',
    password_encryption: 'scram-sha-256',
    TimeZone: 'UTC',
    unix_socket_directories: '',
  })
  expect(await query(url, 'select distinct auth_method from pg_hba_file_rules')).toEqual([
    { auth_method: 'scram-sha-256' },
  ])

  const { password } = new URL(url)
  expect(password).toHaveLength(32)
  for (const name of await readdir(place.dataDir)) {
    const path = join(place.dataDir, name)
    const found = await stat(path)
    if (found.isFile() && (found.mode & 0o077) !== 0) expect(await readFile(path, 'utf8')).not.toContain(password)
  }
  expect((await stat(join(place.dataDir, 'postgres-18.json'))).mode & 0o777).toBe(0o600)
  await leave()
})

test('the links that npm leaves out are made in the copy', async () => {
  await (await joinEmbeddedPostgres({ dataDir: place.dataDir })).leave()
  const [version = ''] = await readdir(join(place.dataDir, 'postgres-18.programs'))
  const library = join(place.dataDir, 'postgres-18.programs', version, 'lib')
  const links = (await readdir(library)).filter((name) => /^libpq\.(so|5\.dylib|dylib)/.test(name))
  const areLinks = await Promise.all(links.map(async (name) => (await lstat(join(library, name))).isSymbolicLink()))
  expect(areLinks).toContain(true)
})

test('it keeps its data and its port, and takes another port when that one is taken', async () => {
  const first = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  await query(first.url, 'create table kept as select 42 as answer')
  await first.leave()
  const again = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  expect(again.url).toBe(first.url)
  await again.leave()

  const thief = createServer().listen(Number(new URL(first.url).port), '127.0.0.1')
  await once(thief, 'listening')
  const moved = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  expect(new URL(moved.url).port).not.toBe(new URL(first.url).port)
  expect(await query(moved.url, 'select answer from kept')).toEqual([{ answer: 42 }])
  await moved.leave()
  thief.close()
})

test('Ctrl-C in the terminal reaches the user and not the server', async () => {
  const user = startChild('user-process.ts', [place.dataDir])
  const { url } = await user.hear('joined')
  process.kill(-user.pid, 'SIGINT')
  await user.hear('interrupted')
  expect(await user.hear('bystander ended'), 'control: it ends an ordinary child').toMatchObject({ signal: 'SIGINT' })
  // A server that got the signal would refuse new connections at once.
  await sleep(300)
  expect(await query(String(url), 'select 1 as one')).toEqual([{ one: 1 }])

  user.say('leave')
  await user.hear('left')
  await expect(query(String(url), 'select 1')).rejects.toThrow('ECONNREFUSED')
})

test('processes that join for the first time at the same instant share one server', async () => {
  const users = [1, 2, 3].map(() => startChild('user-process.ts', [place.dataDir]))
  const joined = await Promise.all(users.map((user) => user.hear('joined')))
  expect(new Set(joined.map(({ url }) => url)).size).toBe(1)
  expect(joined.filter(({ wasRunning }) => !wasRunning)).toHaveLength(1)
  for (const user of users) user.say('leave')
  await Promise.all(users.map((user) => user.hear('left')))
  expect(await listProcessesIn(place.dataDir)).toEqual([])
})

test('a database that has vanished is told, not replaced by an empty one', async () => {
  await (await joinEmbeddedPostgres({ dataDir: place.dataDir })).leave()
  await rename(place.clusterDir, `${place.clusterDir}-moved`)
  await expect(joinEmbeddedPostgres({ dataDir: place.dataDir })).rejects.toThrow(
    `was in ${place.clusterDir} and is gone`,
  )
  await rename(`${place.clusterDir}-moved`, place.clusterDir)
  await (await joinEmbeddedPostgres({ dataDir: place.dataDir })).leave()
})

test('a data directory removed under a running server ends it when its last user leaves', async () => {
  const directory = join(place.dataDir, "Zoë's data")
  const joined = await joinEmbeddedPostgres({ dataDir: directory })
  expect(await query(joined.url, 'select 1 as one')).toEqual([{ one: 1 }])
  await rm(directory, { recursive: true })
  await joined.leave()
  await expect(query(joined.url, 'select 1')).rejects.toThrow('ECONNREFUSED')
})

test('a name that pg_ctl would misread is refused', async () => {
  await expect(joinEmbeddedPostgres({ dataDir: join(place.dataDir, '$HOME') })).rejects.toThrow(
    /^The data directory .*pg_ctl/,
  )
})

test("the server's log is cut while it writes, and goes on", async () => {
  const { url, leave } = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  const logPath = join(place.dataDir, 'postgres-18.log')
  await appendFile(logPath, 'x'.repeat(5 * 1024 * 1024))
  await boundServerLog(logPath)
  expect((await stat(logPath)).size).toBe(0)
  await expect(query(url, "select 'private'::int")).rejects.toMatchObject({ code: '22P02' })
  await expect(query(url, 'select pg_terminate_backend(pg_backend_pid())')).rejects.toThrow()
  const log = await readFile(logPath, 'utf8')
  expect(log).toContain('FATAL')
  expect(log.length).toBeLessThan(10_000)
  await leave()
})
