import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CONTROL_ENDING } from '../control.ts'

/** What only parts after the first have in their names: `-part2`, before the period and the ending. */
const PART = /-part\d+(?=-\d{4}-\d{2}(?:-\d{2}_\d{4}-\d{2}-\d{2})?\.[a-z]+$)/

/** The same for all parts of a journal: its account, target, currency and period. */
const wholeOf = (file: string): string => file.replace(PART, '')

/**
 * Removes parts of these journals that a former run wrote and this one did not, each with its control file: imported
 * beside the new ones they would count twice. To be called when the new ones are there.
 * @param written names of all files that the run wrote of these journals
 * @returns names of the files that went
 */
export async function removeFormerParts(directory: string, written: readonly string[]): Promise<string[]> {
  if (written.length === 0) return []
  const wholes = new Set(written.map(wholeOf))
  const removed: string[] = []
  // In order, so that the data go before the control file that names them.
  for (const name of (await readdir(directory)).sort()) {
    const file = name.endsWith(CONTROL_ENDING) ? name.slice(0, -CONTROL_ENDING.length) : name
    if (!PART.test(file) || !wholes.has(wholeOf(file)) || written.includes(file)) continue
    await rm(join(directory, name), { force: true })
    if (name === file) removed.push(file)
  }
  return removed
}
