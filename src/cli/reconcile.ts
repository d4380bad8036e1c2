import { postBooks } from '../books/post.ts'
import { readBooks } from '../books-file.ts'
import { readChecks } from '../checks-file.ts'
import type { Config } from '../config.ts'
import { listAccounts } from '../db/accounts.ts'
import type { Instant } from '../domain/clock.ts'
import { formatMinor } from '../domain/money.ts'
import type { Outcome } from '../domain/recurring/judge.ts'
import type { RecurringSums } from '../domain/recurring/sums.ts'
import {
  INPUT_OUTCOMES,
  type InputFreshness,
  type InputSums,
  type RunEvidence,
  restingOn,
} from '../domain/run-evidence.ts'
import { runReconcile } from '../reconcile/run.ts'
import { type AccountOption, withAccount } from './account-option.ts'
import { clockOf } from './clock.ts'
import { say, table } from './paint.ts'

/** Judges everything again from the database alone. */
export function runReconcileCommand(config: Config, options: AccountOption & { json?: boolean }): Promise<number> {
  const checks = readChecks(config)
  return withAccount(config, options, async ({ db }, { accountId, historyFrom, name }) => {
    checks.assertAccounts((await listAccounts(db)).map((account) => account.name))
    const clock = clockOf(config)
    const input = { accountId, historyFrom, scope: 'full' as const, settings: checks.settingsOf(name), clock }
    const { undecided, unconfirmedGaps: _, recurring, evidence, ...result } = await runReconcile(db, input)
    const books = await postBooks(db, { accountId, scope: 'full', settings: readBooks(config)(name), clock })
    if (options.json) {
      const shown = {
        ...result,
        books,
        countUndecided: undecided.length,
        cards: evidence.cards.map(inputsToJson),
        ach: evidence.ach.map(inputsToJson),
        recurring: recurring.map(sumsToJson),
        freshness: evidence.freshness.map(({ provedAt, ...one }) => ({ ...one, provedAt: instantText(provedAt) })),
        countMissingDays: evidence.countMissingDays,
        staleResources: evidence.staleResources,
      }
      say(JSON.stringify(shown, null, 2))
    } else {
      say(
        `  ${result.countBatches} batches: ${result.countTied} tie out, ${result.countDiffering} do not, ${result.countWaiting} wait for a reading`,
      )
      for (const line of [...inputsText(evidence), ...recurring.map(sumsText)]) say(line)
      for (const line of freshnessText(evidence)) say(line)
      say(`  mismatches: ${result.countOpened + result.countReopened} opened, ${result.countResolved} resolved`)
      say(`  books: ${books.countPosted} entries posted, ${books.countReversed} taken back`)
    }
    return 0
  })
}

const sumsToJson = ({ currency, expectedMinor, countExpected, minors, counts }: RecurringSums) => ({
  currency,
  countExpected,
  countMatched: counts.matched,
  countFound: counts.found,
  countWaiting: counts.waiting,
  expected: formatMinor(expectedMinor, currency),
  matched: formatMinor(minors.matched, currency),
  found: formatMinor(minors.found, currency),
  waiting: formatMinor(minors.waiting, currency),
})

const inputsToJson = ({ currency, minor, count, minors, counts }: InputSums) => ({
  currency,
  countApproved: count,
  countMatched: counts.matched,
  countFound: counts.found,
  countWaiting: counts.waiting,
  countUnbatched: counts.unbatched,
  approved: formatMinor(minor, currency),
  matched: formatMinor(minors.matched, currency),
  found: formatMinor(minors.found, currency),
  waiting: formatMinor(minors.waiting, currency),
  unbatched: formatMinor(minors.unbatched, currency),
})

/** One line for each currency: every approved card transaction, and every bank payment, ends in exactly one of these. */
const inputsText = ({ cards, ach }: RunEvidence): string[] => [
  ...cards.map((sums) => `  cards ${inputText(sums)}`),
  ...ach.map((sums) => `  ACH ${inputText(sums)}`),
]

function inputText({ currency, minor, count, minors, counts }: InputSums): string {
  const shown = INPUT_OUTCOMES.filter((one) => one !== 'unbatched' || counts[one] > 0)
  const parts = shown.map((one) => `${formatMinor(minors[one], currency)} ${OUTCOME_WORDS[one]} (${counts[one]})`)
  return `${currency}: ${formatMinor(minor, currency)} approved (${count}) = ${parts.join(' + ')}`
}

const OUTCOME_WORDS = { matched: 'matched', found: 'found', waiting: 'waiting', unbatched: 'in no batch' } as const

const instantText = (at: Instant | null): string | null => (at === null ? null : new Date(at).toISOString())

/** What the run went by, and whether that was stale. */
function freshnessText({ freshness, staleResources, countMissingDays }: RunEvidence): string[] {
  const isWhole = staleResources.length === 0 && countMissingDays === 0
  const why = [
    ...(staleResources.length > 0 ? [`${staleResources.join(', ')} not read lately`] : []),
    ...(countMissingDays > 0 ? [`${countMissingDays} days of card transactions not read since they were over`] : []),
  ]
  return [
    table(['went by', 'read completely until', 'rests on it', ''], freshness.map(freshnessRow)),
    ...(isWhole ? [] : [`  incomplete: ${why.join('; ')}. ${INCOMPLETE_WORDS}`]),
  ]
}

const INCOMPLETE_WORDS =
  'What came since is in no sum, and what only absence would prove waits; "tieout sync" reads it.'

const freshnessRow = ({ resource, provedAt, state }: InputFreshness): string[] => [
  resource,
  instantText(provedAt) ?? 'never',
  restingOn(resource).join(', '),
  state === 'fresh' ? '' : state.replace('_', ' '),
]

/** One line for each currency: every payment that was due ends in exactly one of the three. */
function sumsText({ currency, expectedMinor, countExpected, minors, counts }: RecurringSums): string {
  const part = (outcome: Outcome) => `${formatMinor(minors[outcome], currency)} ${outcome} (${counts[outcome]})`
  const parts = [part('matched'), part('found'), part('waiting')].join(' + ')
  return `  recurring ${currency}: ${formatMinor(expectedMinor, currency)} expected (${countExpected}) = ${parts}`
}
