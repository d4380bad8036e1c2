import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { UsageError } from '../domain/operating-error.ts'

/** Ending of a file that is being written; one that stays behind belongs to a run that was killed. */
export const STAGED_ENDING = '.partial'

export interface StagedFile {
  /** Under which it will appear. */
  readonly path: string
  /** Writes all of it, and down to the disk. The next chunk is asked for when the one before is written. */
  fill(
    chunks: AsyncIterable<string | Buffer> | Iterable<string | Buffer>,
    options?: { signal?: AbortSignal; onProgress?: (countBytes: number) => void },
  ): Promise<void>
  /** Of what was filled in. */
  sha256(): string
  /** Lets it appear under its name, in place of a former one. */
  publish(): Promise<void>
  /** Removes it, unless it was published. */
  discard(): Promise<void>
}

/**
 * Begins a file that nobody sees before it is whole.
 * @throws UsageError when the directory cannot be written to
 */
export async function stageFile(directory: string, name: string): Promise<StagedFile> {
  const path = join(directory, name)
  const staged = `${path}.${randomUUID().slice(0, 8)}${STAGED_ENDING}`
  const handle = await openIn(directory, staged)
  const hash = createHash('sha256')
  let digest: string | null = null
  return {
    path,
    async fill(chunks, { signal, onProgress = () => {} } = {}) {
      let countBytes = 0
      async function* observed() {
        for await (const chunk of chunks) {
          hash.update(chunk)
          countBytes += chunk.length
          onProgress(countBytes)
          yield chunk
        }
      }
      await pipeline(observed, (observed) => writeFile(handle, observed), { ...(signal && { signal }) })
      await handle.sync()
      await handle.close()
      digest = hash.digest('hex')
    },
    sha256() {
      if (digest === null) throw new Error(`${name} has not been filled`)
      return digest
    },
    publish: () => rename(staged, path),
    async discard() {
      await handle.close()
      await rm(staged, { force: true })
    },
  }
}

async function openIn(directory: string, staged: string) {
  try {
    await mkdir(directory, { recursive: true })
    return await open(staged, 'wx')
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new UsageError(`--out: cannot write into ${directory} (${reason}); name a folder that you may write to`, {
      cause: error,
    })
  }
}

/** SHA-256 of all that comes. */
export async function hashOf(chunks: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of chunks) hash.update(chunk)
  return hash.digest('hex')
}
