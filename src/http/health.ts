import type { Freshness } from './freshness.ts'

/** What `/readyz` asks for. Each rejects or answers late where something is wrong. */
export interface ReadinessProbes {
  /** Rejects when the database does not answer. */
  askDatabase(): Promise<void>
  /** Rejects when the queue does not answer. */
  askQueue(): Promise<void>
  isSchemaCurrent(): Promise<boolean>
  listFreshness(): Promise<readonly Freshness[]>
}

export interface Check {
  readonly isFine: boolean
  /** Words of ours: the page is open to whoever reaches it, so it never shows an error's. */
  readonly says: string
  readonly resources?: readonly { readonly name: string; readonly ageSeconds: number; readonly limitSeconds: number }[]
}

export interface Readiness {
  readonly isReady: boolean
  readonly checks: Readonly<Record<'database' | 'queue' | 'schema' | 'freshness', Check>>
}

/** Real milliseconds that a check may take. */
const CHECK_MS_MAX = 2_000

/**
 * Asks everything that the work needs, at once. A probe that still hangs is not asked a second time beside itself, so
 * that whoever looks each second piles up nothing.
 * @param onError hears why a probe failed
 */
export function createReadiness(
  probes: ReadinessProbes,
  onError: (check: string, error: unknown) => void,
): () => Promise<Readiness> {
  const database = createCheck('database', async () => {
    await probes.askDatabase()
    return fine('answers')
  })
  const queue = createCheck('queue', async () => {
    await probes.askQueue()
    return fine('answers')
  })
  const schema = createCheck('schema', async () => {
    const isCurrent = await probes.isSchemaCurrent()
    return isCurrent ? fine('is current') : { isFine: false, says: 'is older than this version: run tieout migrate' }
  })
  const freshness = createCheck('freshness', async () => judgeFreshness(await probes.listFreshness()))

  function createCheck(name: string, look: () => Promise<Check>): () => Promise<Check> {
    let looking: Promise<Check> | null = null
    return () => {
      looking ??= look()
        .catch((error: unknown) => {
          onError(name, error)
          return { isFine: false, says: 'failed; the log says why' }
        })
        .finally(() => {
          looking = null
        })
      return withinLimit(looking)
    }
  }

  return async () => {
    const [ofDatabase, ofQueue, ofSchema, ofFreshness] = await Promise.all([database(), queue(), schema(), freshness()])
    const checks = { database: ofDatabase, queue: ofQueue, schema: ofSchema, freshness: ofFreshness }
    return { isReady: Object.values(checks).every(({ isFine }) => isFine), checks }
  }
}

const fine = (says: string): Check => ({ isFine: true, says })

function judgeFreshness(all: readonly Freshness[]): Check {
  const stale = all.filter(({ isStale }) => isStale).map(({ resource }) => resource)
  return {
    isFine: stale.length === 0,
    says: stale.length === 0 ? 'nothing is stale' : `stale: ${stale.join(', ')}; tieout status shows the reason`,
    resources: all.map(({ resource, ageMs, limitMs }) => ({
      name: resource,
      ageSeconds: Math.round(ageMs / 1_000),
      limitSeconds: Math.round(limitMs / 1_000),
    })),
  }
}

async function withinLimit(looking: Promise<Check>): Promise<Check> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Check>((resolve) => {
    const answer = { isFine: false, says: `did not answer within ${CHECK_MS_MAX / 1_000} s` }
    timer = setTimeout(() => resolve(answer), CHECK_MS_MAX)
  })
  return Promise.race([looking, late]).finally(() => clearTimeout(timer))
}
