import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect, test } from 'vitest'
import { joinEmbeddedPostgres } from '../../src/db/embedded/embedded-postgres.ts'
import { startChild } from './child-process.ts'
import { useDataDir } from './data-dir.ts'
import { killProcessesIn, listProcessesIn, query, readPostmasterPid } from './server-facts.ts'

const place = useDataDir()

test('a killed user is forgotten: the server outlives it, and stops with the next one', async () => {
  const victim = startChild('user-process.ts', [place.dataDir])
  const { url } = await victim.hear('joined')
  await victim.kill()

  const next = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  expect(next).toMatchObject({ wasRunning: true, url })
  await next.leave()
  await expect(query(next.url, 'select 1')).rejects.toThrow('ECONNREFUSED')
})

test('a killed server starts again with all that was committed, also while its orphans are busy', async () => {
  const before = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  await query(before.url, 'create table kept as select generate_series(1, 1000) as number')
  const busy = new pg.Client({ connectionString: before.url })
  busy.on('error', () => {})
  await busy.connect()
  const { rows } = await busy.query<{ pid: number }>('select pg_backend_pid() as pid')
  const busyEnd = busy.query('select count(*) from generate_series(1, 1e10)').catch((error: Error) => error)

  const postmaster = await readPostmasterPid(place.clusterDir)
  process.kill(postmaster, 'SIGKILL')
  await sleep(100)
  expect(await listProcessesIn(place.dataDir), 'control: an orphan holds on').toContain(rows[0]?.pid)

  const after = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  expect(after.wasRunning).toBe(false)
  expect(await query(after.url, 'select count(*)::int from kept')).toEqual([{ count: 1000 }])
  expect(await listProcessesIn(place.dataDir)).not.toContain(rows[0]?.pid)
  expect(await busyEnd).toBeInstanceOf(Error)
  await before.leave()
  expect(await query(after.url, 'select 1 as one')).toEqual([{ one: 1 }])
  await after.leave()
})

test("a killed server whose pid is now another process's starts again and spares that process", async () => {
  const before = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  const { uid, gid } = await stat(place.clusterDir)
  process.kill(await readPostmasterPid(place.clusterDir), 'SIGKILL')
  const stranger = spawn('sleep', ['60'], { uid, gid, cwd: '/' })
  const pidFile = join(place.clusterDir, 'postmaster.pid')
  await writeFile(pidFile, (await readFile(pidFile, 'utf8')).replace(/^\d+/, String(stranger.pid)))

  const after = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  expect(after.wasRunning).toBe(false)
  expect(await query(after.url, 'select 1 as one')).toEqual([{ one: 1 }])
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull()
  stranger.kill()
  await before.leave()
  await after.leave()
})

test.runIf(process.platform === 'linux')('a killed server that nobody buries starts again', async () => {
  const before = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  const { uid, gid } = await stat(place.clusterDir)
  process.kill(await readPostmasterPid(place.clusterDir), 'SIGKILL')
  // The program that replaces the shell never asks for the shell's child. A shell does, so the child ends only then.
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], { uid, gid, cwd: '/' })
  const [line] = await once(parent.stdout, 'data')
  const zombie = Number.parseInt(String(line), 10)
  while (!(await readFile(`/proc/${parent.pid}/stat`, 'utf8')).includes('(sleep)')) await sleep(5)
  process.kill(zombie, 'SIGKILL')
  while (!(await readFile(`/proc/${zombie}/stat`, 'utf8')).includes(') Z ')) await sleep(5)
  const pidFile = join(place.clusterDir, 'postmaster.pid')
  await writeFile(pidFile, (await readFile(pidFile, 'utf8')).replace(/^\d+/, String(zombie)))

  const after = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  expect(after.wasRunning).toBe(false)
  expect(await query(after.url, 'select 1 as one')).toEqual([{ one: 1 }])
  parent.kill()
  await before.leave()
  await after.leave()
})

test('a first start that is killed at any instant is finished by the next one', async () => {
  const random = createRandom()
  const watchFirstStart = async (directory: string) => {
    const user = startChild('user-process.ts', [directory])
    while ((await readdir(directory)).length === 0) await sleep(1)
    return user
  }
  const makeDirectory = async () => {
    const directory = await mkdtemp(join(place.dataDir, 'round-'))
    await chmod(directory, 0o755)
    return directory
  }
  const undisturbed = await watchFirstStart(await makeDirectory())
  const startedAt = performance.now()
  await undisturbed.hear('joined')
  const durationMs = performance.now() - startedAt
  undisturbed.say('leave')
  await undisturbed.hear('left')

  const clustersLeft: boolean[] = []
  for (let round = 0; round < 3; round++) {
    const directory = await makeDirectory()
    const user = await watchFirstStart(directory)
    await sleep(((round + random()) / 3) * durationMs)
    await user.kill()
    clustersLeft.push((await readdir(directory)).includes('postgres-18'))

    const next = await joinEmbeddedPostgres({ dataDir: directory })
    expect(await query(next.url, 'select 1 as one')).toEqual([{ one: 1 }])
    await next.leave()
    expect(await listProcessesIn(directory)).toEqual([])
  }
  expect(clustersLeft, 'control: kills came before the cluster was there').toContain(false)
})

test('initdb killed halfway leaves no cluster, and the next user gets a whole one', async () => {
  const user = startChild('user-process.ts', [place.dataDir])
  const findUnfinished = async () =>
    (await readdir(place.dataDir)).find((name) => /^postgres-18\.new-[0-9a-f]+$/.test(name))
  while ((await findUnfinished()) === undefined) await sleep(1)
  const unfinished = join(place.dataDir, (await findUnfinished()) ?? '')
  while (!(await readdir(unfinished)).includes('PG_VERSION')) await sleep(1)
  await user.kill()
  await killProcessesIn(place.dataDir)
  expect(await readdir(place.dataDir), 'control: the kill came in time').not.toContain('postgres-18')

  const next = await joinEmbeddedPostgres({ dataDir: place.dataDir })
  expect(await query(next.url, 'select 1 as one')).toEqual([{ one: 1 }])
  await next.leave()
  expect((await readdir(place.dataDir)).filter((name) => name.includes('.new-'))).toEqual([])
})

/** A repeatable random source over [0, 1); `SEED=<printed number>` repeats a run. */
function createRandom(): () => number {
  let state = Number(process.env.SEED ?? Math.trunc(Math.random() * 2 ** 31))
  console.info(`SEED=${state}`)
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
