/** One measured number and what it is held to; `target` null where the number is only told. */
export interface Line {
  readonly what: string
  readonly measured: number
  /** How the number is written, e.g. `×`, `ms`, `rows/s`. */
  readonly unit: string
  readonly target: { readonly atLeast: number } | { readonly atMost: number } | null
  /** What the number was made of. */
  readonly detail: string
}

export function formatLine({ what, measured, unit, target, detail }: Line): string {
  const verdict = target === null ? '' : isReached(measured, target) ? 'ok' : 'misses'
  const aim = target === null ? '' : 'atLeast' in target ? `≥ ${round(target.atLeast)}` : `≤ ${round(target.atMost)}`
  return `${what.padEnd(58)} ${`${round(measured)} ${unit}`.padStart(18)}  ${aim.padEnd(11)} ${verdict.padEnd(7)} ${detail}`
}

const isReached = (measured: number, target: NonNullable<Line['target']>): boolean =>
  'atLeast' in target ? measured >= target.atLeast : measured <= target.atMost

/** Three digits are more than a shared machine can tell. */
export const round = (value: number): string => Number(value.toPrecision(3)).toLocaleString('en-CA')

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** The value below which `share` of the values lie; with an even count the median is the upper of the middle two. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Milliseconds that `work` took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
