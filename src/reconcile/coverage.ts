import type { Tx } from '../db/client.ts'
import {
  listDaysAskedInVain,
  listResourceStates,
  loadReadingsUpToNow,
  type ReadingUpToNow,
  type ResourceState,
} from '../db/coverage.ts'
import { listIgnoredFilters, listWindowsInVain, type WantedWindows, type WindowInVain } from '../db/windows-asked.ts'
import { addDays, type BusinessDate, daysText } from '../domain/calendar.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { type Finding, type MismatchCode, textFinding } from '../domain/mismatch.ts'
import { isCardData } from '../domain/pull.ts'
import type { CheckSettings } from './settings.ts'

export const COVERAGE_CODES = ['pull_incomplete', 'filter_ignored'] as const satisfies readonly MismatchCode[]

interface CoverageInput {
  readonly accountId: number
  readonly historyFrom: BusinessDate
  readonly yesterday: BusinessDate
  readonly settings: CheckSettings
  /** What the judgement of this run waits for. */
  readonly wanted: WantedWindows
  readonly now: Instant
}

interface UnreadInput extends CoverageInput {
  readonly readings: ReadonlyMap<string, ReadingUpToNow>
  readonly askedBefore: Instant
}

/**
 * What was asked for in vain for longer than the limit, and lists that break their own filter. Each resource is asked for by
 * its own rhythm, so the limit follows it; and what nobody asked for, because the daemon was away, is no alarm.
 */
export async function findCoverageGaps(tx: Tx, input: CoverageInput): Promise<Finding[]> {
  const states = await listResourceStates(tx, input.accountId)
  const isBeyondToken = ({ resource, lastState }: ResourceState) =>
    lastState === 'not_permitted' && !isCardData(resource)
  const readable = states.filter((state) => !isBeyondToken(state))
  const readings = await loadReadingsUpToNow(tx, input.accountId)
  const askedBefore = toInstant(input.now - input.settings.pullIncompleteMs)
  return [
    ...[...(await listIgnoredFilters(tx, input.accountId))].map(filterIgnored),
    ...states.filter(isBeyondToken).map(notPermitted),
    ...(await findUnread(tx, readable, { ...input, readings, askedBefore })),
    ...(await listWindowsInVain(tx, { ...input, askedBefore })).map(incompleteWindow),
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

const filterIgnored = ([resource, words]: readonly [string, string]): Finding =>
  textFinding({
    code: 'filter_ignored',
    severity: 'high',
    subject: { kind: 'resource', id: resource },
    expectedText: 'only rows inside the filter',
    actualText: words,
    summary: `The list of ${plural(resource)} returned rows that its filter excludes: ${words}. Nothing of it is taken as complete.`,
    advice: 'Helcim ignores unknown parameters in silence; check its changelog, then update tieout.',
    evidence: [`resource:${resource}`],
  })

/**
 * One finding for each resource, whichever days of it are unread: while they are made up for one after the other, it stays
 * the same disagreement.
 */
async function findUnread(tx: Tx, states: readonly ResourceState[], input: UnreadInput): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const state of states) {
    const { resource, windowKind, firstAskedAt, lastFailWords } = state
    const reading = input.readings.get(resource)
    const isLate = isOverdue(reading, input.askedBefore) || needsPerson(state)
    const since = isLate ? (reading?.readFrom ?? firstAskedAt) : null
    const days = windowKind === 'days' ? await listDaysInVain(tx, resource, since, input) : []
    if (since === null && days.length === 0) continue
    const words = (since === null ? null : reading?.failWords) ?? lastFailWords
    findings.push(incomplete(resource, { windowKind, since, days, words }))
  }
  return findings
}

/** Days that are over; those that came since the last reading of all there was are told as such. */
function listDaysInVain(tx: Tx, resource: string, since: Instant | null, input: UnreadInput) {
  const { accountId, historyFrom: from, yesterday, askedBefore } = input
  const before = since === null ? yesterday : addDays(helcimDate(since), -1)
  const to = before < yesterday ? before : yesterday
  return listDaysAskedInVain(tx, { accountId, resource, from, to, askedBefore })
}

const isOverdue = (reading: ReadingUpToNow | undefined, askedBefore: Instant): boolean =>
  Boolean(reading?.askedInVainSince && reading.askedInVainSince < askedBefore)

/** Codes of readings that no later one mends by itself. */
const DEAD_TOKEN_CODES = ['HELCIM_UNAUTHORIZED', 'ACCOUNT_STOPPED']

/** A token that died, or may no longer what it did: waiting would only let a person hear of it later. */
const needsPerson = ({ lastState, lastFailCode, lastCompleteAt }: ResourceState): boolean =>
  lastState !== 'complete' &&
  (DEAD_TOKEN_CODES.includes(lastFailCode ?? '') || (lastState === 'not_permitted' && lastCompleteAt !== null))

interface Unread {
  readonly windowKind: string
  /** All that came since is unread. */
  readonly since: Instant | null
  readonly days: readonly { readonly from: BusinessDate; readonly to: BusinessDate }[]
  readonly words: string | null
}

function incomplete(resource: string, { windowKind, since, days, words }: Unread): Finding {
  const which = [
    ...(since === null ? [] : [`since ${new Date(since).toISOString()}`]),
    ...(days.length === 0 ? [] : [`of ${daysText(days)}`]),
  ].join(' and those ')
  const reason = words ?? 'not read completely'
  return textFinding({
    code: 'pull_incomplete',
    severity: 'high',
    subject: { kind: 'resource', id: resource },
    period: windowKind,
    expectedText: 'read completely',
    // Who accepts that some days stay unread does not accept it of others.
    actualText: days.length === 0 ? reason : `${daysText(days)}: ${reason}`,
    summary: `The ${plural(resource)} ${which} have not been read completely${words ? `: ${words}` : ''}.`,
    advice: 'Figures that rest on them are not proved. `tieout status` shows the reason; `tieout sync` tries again.',
    evidence: [`resource:${resource}`],
  })
}

function incompleteWindow({ kind, subject, resource, askedSince, failWords }: WindowInVain): Finding {
  const [terminalId, batchNumber] = subject.split(':')
  const window = kind === 'card_batch' ? `card batch ${subject}` : `batch no. ${batchNumber} of terminal ${terminalId}`
  const words = failWords === null ? '' : `: ${failWords}`
  return textFinding({
    code: 'pull_incomplete',
    severity: 'high',
    subject: { kind: 'resource', id: resource },
    period: window,
    expectedText: 'read completely',
    actualText: failWords ?? 'not read completely',
    summary: `The ${plural(resource)} of ${window} have been asked for since ${new Date(askedSince).toISOString()} and were not read completely${words}.`,
    advice: 'Nothing can be said about that batch before. It is asked for again after each reading of the batches.',
    evidence: [`resource:${resource}`],
  })
}

const plural = (resource: string): string => {
  const words = resource.replaceAll('_', ' ')
  return words.endsWith('ch') ? `${words}es` : `${words}s`
}
