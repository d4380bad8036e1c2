import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { inspectClaim, tryClaim } from '../../src/db/embedded/claim.ts'
import { identifyThisProcess } from '../../src/db/embedded/process-identity.ts'
import { findServerPackage } from '../../src/db/embedded/server-package.ts'
import { refuseUsersElsewhere } from '../../src/db/embedded/user-register.ts'
import { endChildren, startChild } from './child-process.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tieout-test-claims-'))
})
afterEach(async () => {
  endChildren()
  await rm(directory, { recursive: true, force: true })
})

test("a claim lives as long as its process, and a recycled pid doesn't inherit it", async () => {
  const identity = await identifyThisProcess()
  const state = async (holder: object) => {
    await writeFile(join(directory, 'claim'), JSON.stringify(holder))
    return (await inspectClaim(join(directory, 'claim'))).is
  }
  expect(await state(identity)).toBe('alive')
  expect(await state({ ...identity, startedAt: '1' })).toBe('nobody')

  const sleeper = spawn('sleep', ['60'])
  expect(await state({ ...identity, pid: sleeper.pid, startedAt: null })).toBe('alive')
  sleeper.kill('SIGKILL')
  await once(sleeper, 'exit')
  expect(await state({ ...identity, pid: sleeper.pid, startedAt: null })).toBe('nobody')
})

test('a claim is made once, and free again when given back', async () => {
  const path = join(directory, 'claim')
  const claim = await tryClaim(path)
  expect(await tryClaim(path)).toBeNull()
  expect((await inspectClaim(path)).is).toBe('alive')
  await claim?.disclaim()
  expect((await inspectClaim(path)).is).toBe('nobody')
})

test('a user in another container is refused while its file is touched, and forgotten when it falls silent', async () => {
  const path = join(directory, '7-abc')
  const stranger = { ...(await identifyThisProcess()), pid: 7, world: 'another boot', hostname: 'worker-2' }
  await writeFile(path, JSON.stringify(stranger))
  const touching = setInterval(() => utimes(path, Math.random() * 1e6, Math.random() * 1e6), 500)
  await expect(refuseUsersElsewhere(directory, '/data')).rejects.toThrow(
    /^The data directory \/data is in use by process 7 on worker-2/,
  )
  clearInterval(touching)

  await refuseUsersElsewhere(directory, '/data')
  expect(await readdir(directory)).toEqual([])
})

test('no two processes hold the lock at once, whichever of them is killed', async () => {
  const numbersTaken = async (mode: 'locked' | 'free') => {
    await rm(join(directory, 'lock'), { recursive: true, force: true })
    await mkdir(join(directory, 'lock'))
    await writeFile(join(directory, 'counter'), '0')
    const children = [1, 2, 3, 4].map(() => startChild('lock-process.ts', [directory, '40', mode]))
    // All at once, however long each of them took to start.
    for (const child of children) await child.hear('ready')
    for (const child of children) child.say('go')
    const [victim] = children
    await victim?.hear('took')
    await victim?.kill()
    await Promise.all(children.map(({ ended }) => ended))
    return children.flatMap(({ told }) => told.filter(({ event }) => event === 'took').map(({ number }) => number))
  }

  const locked = await numbersTaken('locked')
  expect(new Set(locked).size).toBe(locked.length)
  expect(locked.length).toBeGreaterThanOrEqual(121)
  // The victim may have written its last number without telling.
  expect(Number(await readFile(join(directory, 'counter'), 'utf8')) - locked.length).toBeOneOf([0, 1])
  expect((await readdir(join(directory, 'lock'))).length).toBeLessThanOrEqual(9)

  const free = await numbersTaken('free')
  expect(new Set(free).size, 'control: without the lock numbers are taken twice').toBeLessThan(free.length)
})

test('a platform without binaries is told to set DATABASE_URL', async () => {
  await expect(findServerPackage('sunos', 'x64')).rejects.toThrow(/sunos-x64.*set DATABASE_URL/)
  expect((await findServerPackage()).majorVersion).toBe(18)
})
