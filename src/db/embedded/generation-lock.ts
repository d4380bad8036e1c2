import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '../../domain/operating-error.ts'
import { type Claim, inspectClaim, tryClaim } from './claim.ts'

/** A first start on a slow disk takes half a minute; crash recovery may take longer. */
const WAIT_MS_MAX = 180_000
const GENERATIONS_KEPT = 8

/**
 * Runs `work` while no other process does so with the same directory, whoever was killed before.
 *
 * The directory holds numbered claims, and who made the highest number holds the lock. A lock is taken by creating
 * the next number, and only once the highest is nobody's: given back, or its process is gone. The highest file is
 * never removed, so two processes that break the same stale lock compete for one file name, and exactly one creates
 * it; deleting a stale lock file instead can delete the lock of whoever was faster.
 */
export async function withGenerationLock<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const claim = await acquire(directory)
  try {
    return await work()
  } finally {
    await claim.disclaim()
  }
}

async function acquire(directory: string): Promise<Claim> {
  const deadline = performance.now() + WAIT_MS_MAX
  for (;;) {
    const highest = await findHighest(directory)
    const state = await inspectClaim(join(directory, String(highest)))
    if (state.is !== 'nobody') {
      if (performance.now() > deadline) {
        const { pid, hostname } = state.holder
        throw new UsageError(
          `Process ${pid} on ${hostname} has been starting or stopping the database under ${directory} for three minutes: end it, then try again.`,
          { exitCode: 1 },
        )
      }
      await sleep(25)
      continue
    }

    const mine = highest + 1
    const claim = await tryClaim(join(directory, String(mine)))
    if (claim === null) continue
    // Whoever looked long ago may create a number that was passed and tidied away since.
    if ((await findHighest(directory)) > mine) {
      await claim.remove()
      continue
    }
    await removeOld(directory, mine - GENERATIONS_KEPT)
    return claim
  }
}

async function findHighest(directory: string): Promise<number> {
  return Math.max(0, ...(await listGenerations(directory)))
}

async function removeOld(directory: string, newest: number): Promise<void> {
  for (const generation of await listGenerations(directory)) {
    if (generation <= newest) await rm(join(directory, String(generation)), { force: true })
  }
}

async function listGenerations(directory: string): Promise<number[]> {
  return (await readdir(directory)).filter((name) => /^\d+$/.test(name)).map(Number)
}
