import {
  findRevision,
  listPeriodFiles,
  type PeriodFile,
  type PeriodRevision,
  readPeriodFile,
} from '../db/books/periods.ts'
import type { Tx } from '../db/client.ts'
import type { Month } from '../domain/month.ts'
import { UsageError } from '../domain/operating-error.ts'
import { JOURNAL_NAMES } from '../exports/journals/format.ts'
import { removeFormerParts } from '../exports/journals/former-parts.ts'
import { stageFile } from '../exports/stage-file.ts'

export interface ClosedFiles {
  readonly revision: PeriodRevision
  /** With the paths that they were written to. */
  readonly files: readonly (PeriodFile & { readonly path: string })[]
}

/**
 * Writes files of a closed month as they were stored, byte for byte, each under its name when it is whole. Other parts of
 * the same journals go, as they are of another export.
 * @param wanted `revision` is the last one unless said; `isWanted` leaves files out
 * @throws UsageError with exit code 1 when the month has no such revision, or a stored file is not what it was
 */
export async function writeClosedFiles(
  tx: Tx,
  wanted: { accountId: number; month: Month; revision?: number; isWanted?: (file: PeriodFile) => boolean },
  directory: string,
): Promise<ClosedFiles> {
  const { isWanted = () => true, ...which } = wanted
  const revision = await findRevision(tx, which)
  if (revision === null) {
    const told = which.revision === undefined ? 'was never closed' : `has no revision ${which.revision}`
    throw new UsageError(`${which.month} ${told}: see "tieout period list"`, { exitCode: 1 })
  }
  const key = { accountId: which.accountId, month: which.month, revision: revision.revision }
  const files: (PeriodFile & { path: string })[] = []
  for (const file of (await listPeriodFiles(tx, key)).filter(isWanted)) {
    const staged = await stageFile(directory, file.file)
    try {
      await staged.fill(readPeriodFile(tx, { ...key, file: file.file }))
      if (staged.sha256() !== file.sha256)
        throw new UsageError(
          `${file.file}: what is stored has the SHA-256 ${staged.sha256()}, and had ${file.sha256}`,
          {
            exitCode: 1,
          },
        )
      await staged.publish()
      files.push({ ...file, path: staged.path })
    } finally {
      await staged.discard()
    }
  }
  const isJournal = ({ content }: PeriodFile) => JOURNAL_NAMES.some((name) => name === content)
  await removeFormerParts(
    directory,
    files.filter(isJournal).map(({ file }) => file),
  )
  return { revision, files }
}
