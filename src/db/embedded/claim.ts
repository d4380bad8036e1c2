import { open, readFile, rm, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { identifyThisProcess, lookUpProcess, type ProcessIdentity } from './process-identity.ts'

/**
 * A file that says "this process is using it", and that others can tell from the file of a process that was killed:
 * by the process itself where its pid means something to us, otherwise (another container on the same volume) by
 * whether the file is still touched.
 */
export interface Claim {
  /** Ends the claim and leaves the file, which then counts as nobody's. */
  disclaim(): Promise<void>
  /** Ends the claim and removes the file. */
  remove(): Promise<void>
}

export type ClaimState = { is: 'alive' | 'alive elsewhere'; holder: ProcessIdentity } | { is: 'nobody' }

const NOBODY = '"nobody"'
const TOUCH_INTERVAL_MS = 2_000
/** Four missed touches. Long enough for a stalled process, and a restarted container is at work again within 15 s. */
const SILENCE_MS_MAX = 8_000

/** Creates the file as our claim, or returns null when there is one already. */
export async function tryClaim(path: string): Promise<Claim | null> {
  const text = `${JSON.stringify(await identifyThisProcess())}\n`
  const file = await open(path, 'wx', 0o644).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return null
    throw error
  })
  if (file === null) return null
  try {
    await file.write(text)
  } catch (error) {
    await file.close()
    await rm(path, { force: true })
    throw error
  }

  // Writing one byte of white space moves the file's time by the clock of its file system, which all readers share.
  const offset = Buffer.byteLength(text)
  let touching = Promise.resolve()
  const touch = () => {
    touching = file.write(' ', offset).then(
      () => undefined,
      // The directory or the disk is going away; whoever uses it next decides by the silence.
      () => undefined,
    )
  }
  const timer = setInterval(touch, TOUCH_INTERVAL_MS).unref()
  const end = async () => {
    clearInterval(timer)
    await touching
  }
  return {
    async disclaim() {
      await end()
      // Written over in place: needs no room on a full disk, and no reader meets an empty file.
      await file.write(NOBODY.padEnd(offset), 0)
      await file.close()
    },
    async remove() {
      await end()
      await file.close()
      await rm(path, { force: true })
    },
  }
}

/** Tells whose claim the file is. Takes up to 8 s when only the file's being touched can tell. */
export async function inspectClaim(path: string): Promise<ClaimState> {
  const timeFirst = await readTime(path)
  const deadline = performance.now() + SILENCE_MS_MAX
  for (;;) {
    const content = await readClaim(path)
    if (content === 'nobody') return { is: 'nobody' }
    if (content !== 'unreadable') {
      const state = await lookUpProcess(content)
      if (state === 'alive') return { is: 'alive', holder: content }
      if (state === 'gone') return { is: 'nobody' }
      if ((await readTime(path)) !== timeFirst) return { is: 'alive elsewhere', holder: content }
    }
    // Unreadable is a file of this very moment, or one whose writer was killed between creating and filling it.
    if (performance.now() > deadline) return { is: 'nobody' }
    await sleep(50)
  }
}

const claimSchema = z.union([
  z.literal('nobody'),
  z.object({ pid: z.number().int(), startedAt: z.string().nullable(), world: z.string(), hostname: z.string() }),
])

async function readClaim(path: string): Promise<ProcessIdentity | 'nobody' | 'unreadable'> {
  try {
    return claimSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'nobody' : 'unreadable'
  }
}

const readTime = (path: string) =>
  stat(path, { bigint: true }).then(
    (found) => found.mtimeNs,
    () => null,
  )
