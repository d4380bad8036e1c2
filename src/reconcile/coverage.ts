import type { Tx } from '../db/client.ts'
import { listResourceStates, listUnreadDays, type ResourceState } from '../db/coverage.ts'
import type { BusinessDate } from '../domain/calendar.ts'
import type { Instant } from '../domain/clock.ts'
import { type Finding, type MismatchCode, textFinding } from '../domain/mismatch.ts'
import { isCardData } from '../domain/pull.ts'
import { rereadFrom } from '../domain/rhythm.ts'
import type { CheckSettings } from './settings.ts'

export const COVERAGE_CODES = ['pull_incomplete', 'filter_ignored'] as const satisfies readonly MismatchCode[]

interface CoverageInput {
  readonly accountId: number
  readonly historyFrom: BusinessDate
  readonly yesterday: BusinessDate
  readonly settings: CheckSettings
  readonly now: Instant
}

/** What has not been read completely for longer than its limit, and lists that break their own filter. */
export async function findCoverageGaps(tx: Tx, input: CoverageInput): Promise<Finding[]> {
  const states = await listResourceStates(tx, input.accountId)
  const isBeyondToken = ({ resource, lastState }: ResourceState) =>
    lastState === 'not_permitted' && !isCardData(resource)
  const readable = states.filter((state) => !isBeyondToken(state))
  return [
    ...states.flatMap(findFilterIgnored),
    ...states.filter(isBeyondToken).map(notPermitted),
    ...readable.flatMap((state) => findStale(state, input)),
    ...(await findUnreadDays(tx, readable, input)),
  ]
}

/** Whoever made the token may well have meant it so: worth knowing once, and no alarm. */
const notPermitted = ({ resource, lastFailWords: words }: ResourceState): Finding =>
  textFinding({
    code: 'pull_incomplete',
    severity: 'low',
    subject: { kind: 'resource', id: resource },
    period: 'not permitted',
    expectedText: 'read completely',
    actualText: words ?? 'not permitted',
    summary: `This token may not read ${plural(resource)}${words ? `: ${words}` : ''}. None of them are mirrored.`,
    advice: 'Allow it in Helcim (All Tools → Integrations → API Access), or accept this if it is meant so.',
    evidence: [`resource:${resource}`],
  })

function findFilterIgnored({ resource, lastFailCode, lastFailWords }: ResourceState): Finding[] {
  if (lastFailCode !== 'FILTER_IGNORED') return []
  return [
    textFinding({
      code: 'filter_ignored',
      severity: 'high',
      subject: { kind: 'resource', id: resource },
      expectedText: 'only rows inside the filter',
      actualText: lastFailWords,
      summary: `The list of ${plural(resource)} returned rows that its filter excludes: ${lastFailWords}. Nothing of it is taken as complete.`,
      advice: 'Helcim ignores unknown parameters in silence; check its changelog, then update tieout.',
      evidence: [`resource:${resource}`],
    }),
  ]
}

function findStale(state: ResourceState, { settings, now }: { settings: CheckSettings; now: Instant }): Finding[] {
  const { resource, windowKind, lastCompleteAt, firstAskedAt, lastState, lastFailWords } = state
  const since = lastCompleteAt ?? firstAskedAt
  if (lastState === 'complete' || since === null) return []
  const isOverdue = windowKind === 'all' && now - since > settings.pullIncompleteMs
  if (!isOverdue && !needsPerson(state)) return []
  return [incomplete(resource, windowKind, `since ${new Date(since).toISOString()}`, lastFailWords)]
}

/** Codes of readings that no later one mends by itself. */
const DEAD_TOKEN_CODES = ['HELCIM_UNAUTHORIZED', 'ACCOUNT_STOPPED']

/** A token that died, or may no longer what it did: waiting would only let a person hear of it later. */
const needsPerson = ({ lastState, lastFailCode, lastCompleteAt }: ResourceState): boolean =>
  DEAD_TOKEN_CODES.includes(lastFailCode ?? '') || (lastState === 'not_permitted' && lastCompleteAt !== null)

/** A day whose last reading began before it was over waits to be told until no night reads it again by itself. */
async function findUnreadDays(tx: Tx, states: readonly ResourceState[], input: CoverageInput): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { resource, firstAskedAt, lastFailWords } of states.filter((state) => state.windowKind === 'days')) {
    if (firstAskedAt === null || input.now - firstAskedAt <= input.settings.pullIncompleteMs) continue
    const ranges = await listUnreadDays(tx, {
      accountId: input.accountId,
      resource,
      from: input.historyFrom,
      to: input.yesterday,
      freshFrom: rereadFrom(input.now),
    })
    for (const { from, to } of ranges) {
      findings.push(
        incomplete(resource, `${from}..${to}`, from === to ? `of ${from}` : `of ${from} to ${to}`, lastFailWords),
      )
    }
  }
  return findings
}

function incomplete(resource: string, period: string, what: string, words: string | null): Finding {
  return textFinding({
    code: 'pull_incomplete',
    severity: 'high',
    subject: { kind: 'resource', id: resource },
    period,
    expectedText: 'read completely',
    actualText: words ?? 'not read completely',
    summary: `The ${plural(resource)} ${what} have not been read completely${words ? `: ${words}` : ''}.`,
    advice: 'Figures that rest on them are not proved. `tieout status` shows the reason; `tieout sync` tries again.',
    evidence: [`resource:${resource}`],
  })
}

const plural = (resource: string): string => {
  const words = resource.replaceAll('_', ' ')
  return words.endsWith('ch') ? `${words}es` : `${words}s`
}
