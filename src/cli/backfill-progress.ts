import cliProgress from 'cli-progress'
import type { BackfillState } from '../jobs/sync/ask-for-backfill.ts'
import { say } from './paint.ts'

/** What a person, or a program, is told on the way. */
export interface Progress extends Omit<BackfillState, 'failed'> {
  readonly account: string
  readonly resource: string
  /** Of the hour's limit, what all calls of the account have used, from 0 to 1. */
  readonly hourShareUsed: number
  /** Real milliseconds that are left; null while nobody can tell. */
  readonly leftMs: number | null
}

export interface ProgressView {
  update(progress: Progress): void
  stop(): void
}

/** A bar on a terminal that shows one thing; a plain line each time a window ended elsewhere; objects as JSON lines. */
export function createProgressView({ json, isSole }: { json: boolean; isSole: boolean }): ProgressView {
  if (json) return createLines((progress) => JSON.stringify(progress))
  if (isSole && process.stdout.isTTY === true) return createBar()
  return createLines((progress) => {
    const { account, resource, countDays, countDaysLeft } = progress
    const days = `${countDays - countDaysLeft} of ${countDays} days`
    return `  ${isSole ? '' : `${account} `}${resource}  ${days} · ${factsOf(progress).join(' · ')}`
  })
}

function createLines(lineOf: (progress: Progress) => string): ProgressView {
  const told = new Map<string, number>()
  return {
    update(progress) {
      const key = `${progress.account} ${progress.resource}`
      if (told.get(key) === progress.countDaysLeft) return
      told.set(key, progress.countDaysLeft)
      say(lineOf(progress))
    },
    stop: () => {},
  }
}

function createBar(): ProgressView {
  const bar = new cliProgress.SingleBar({
    format: '  {bar}  {value}/{total} days · {facts}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    barsize: 24,
  })
  let isStarted = false
  return {
    update(progress) {
      const { countDays, countDaysLeft } = progress
      const payload = { facts: factsOf(progress).join(' · ') }
      if (!isStarted) bar.start(countDays, 0, payload)
      isStarted = true
      bar.update(countDays - countDaysLeft, payload)
    },
    stop: () => bar.stop(),
  }
}

const factsOf = ({ countRows, countCalls, hourShareUsed, leftMs }: Progress): string[] => [
  `${countRows.toLocaleString('en-CA')} rows`,
  `${countCalls.toLocaleString('en-CA')} calls`,
  `${Math.round(hourShareUsed * 100)} % of the hour’s calls used`,
  leftMs === 0 ? 'done' : leftMs === null ? 'time left not known yet' : `about ${durationText(leftMs)} left`,
]

const UNITS = [
  { name: 'd', ms: 86_400_000 },
  { name: 'h', ms: 3_600_000 },
  { name: 'min', ms: 60_000 },
  { name: 's', ms: 1_000 },
] as const

/** The two largest units: `2 d 3 h`, `12 min`; never 0. An estimate is no more exact than that. */
export function durationText(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1_000)) * 1_000
  const first = UNITS.findIndex((unit) => seconds >= unit.ms)
  const [large, small] = UNITS.slice(first)
  if (!large) return '1 s'
  const countLarge = Math.floor(seconds / large.ms)
  // Seconds beside minutes would be a claim.
  const countSmall = small && small.name !== 's' ? Math.floor((seconds % large.ms) / small.ms) : 0
  return `${countLarge} ${large.name}${countSmall > 0 ? ` ${countSmall} ${small?.name}` : ''}`
}
