import { UsageError } from '../domain/operating-error.ts'
import { RESOURCE_NAMES } from '../domain/pull.ts'

/**
 * The resources of `--resource`, in any of their spellings (`card-batches`, `card_batch`); all of them unless said.
 * @throws UsageError for one that there is not
 */
export function resourcesOf(asked: readonly string[] | undefined): string[] {
  const known: readonly string[] = RESOURCE_NAMES
  if (!asked || asked.length === 0) return [...known]
  const names = asked.map((name) => name.replaceAll('-', '_').replace(/(ch)es$|s$/, '$1'))
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new UsageError(`--resource: there is no "${unknown}"; choose from ${known.join(', ')}`)
  return names
}
