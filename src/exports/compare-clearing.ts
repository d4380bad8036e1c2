import { businessDateOf } from '../domain/calendar.ts'
import { toInstant } from '../domain/clock.ts'
import { moneyText } from '../domain/money.ts'
import type { Control } from './control.ts'
import type { JournalControl } from './journals/control.ts'
import type { WholeJournal } from './journals/verify.ts'
import { addTo, differencesOf, type Totals, totalsOf } from './tally.ts'

/** A report `clearing` as it was read back. */
export interface ReadClearing {
  readonly control: Control
  /** `CAD clearing`: where its last lines end. */
  readonly ends: Totals
}

export interface ClearingComparison {
  readonly differences: readonly string[]
  /** How many journals were held against a report. */
  readonly countWithReports: number
  /** What was not compared, and why; and what stands apart although all agrees. */
  readonly remarks: readonly string[]
}

/**
 * The report `clearing` rolls forward what the mirror holds, journals what was posted of it: where both end is one amount,
 * as long as both are cut by the same days and tell of the same state. What is dated after the period, as its month was
 * closed, the journals lack and their control files name.
 */
export function compareClearing(
  reports: readonly ReadClearing[],
  journals: readonly WholeJournal[],
): ClearingComparison {
  const differences: string[] = []
  // What holds for all journals is said once.
  const remarks = new Set<string>()
  let countWithReports = 0
  for (const journal of journals) {
    // A report of the other format is compared with this one.
    const report = reports.find(({ control }) => isOfSame(control, journal.control))
    if (report === undefined) continue
    const { file } = report.control
    const obstacle = findObstacle(report.control, journal.parts)
    if (obstacle !== null) {
      remarks.add(`${file}: not compared with the journals: ${obstacle}`)
      continue
    }
    countWithReports += 1
    const later = datedLaterOf(journal)
    const stated: Totals = new Map([...journal.closing].filter(([key]) => key.endsWith(' clearing')))
    for (const [key, minor] of later) addTo(stated, key, minor)
    for (const { key, left, right } of differencesOf(report.ends, stated))
      differences.push(`${file}: ${key} ends with ${left}, in ${journal.control.file} with ${right}`)
    const amounts = [...later].map(([key, minor]) => moneyText(minor, key.replace(' clearing', ''))).join(', ')
    if (amounts !== '')
      remarks.add(`${file}: ${amounts} of what it ends with is dated later in the journals, as its month was closed`)
  }
  return { differences, countWithReports, remarks: [...remarks] }
}

const isOfSame = (report: Control, journal: JournalControl): boolean =>
  report.account === journal.account &&
  report.period.from === journal.period.from &&
  report.period.to === journal.period.to

/** Why nothing follows from what they end with. */
function findObstacle(report: Control, parts: readonly JournalControl[]): string | null {
  const obstacles = parts.flatMap((part) => obstacleOf(report, part) ?? [])
  return obstacles[0] ?? null
}

function obstacleOf(report: Control, { books, throughEntry, asOf }: JournalControl): string | null {
  if (report.throughEntry === undefined || books === undefined)
    return 'control files of a former version do not say how the books stood'
  const { postedBy } = books
  if (postedBy === null) return 'nothing was posted yet'
  if (postedBy.cutOff !== '00:00')
    return `the business days of the books end at ${postedBy.cutOff}, those of reports at 00:00`
  if (postedBy.zone !== report.zone) return `the books are posted in ${postedBy.zone}, the report is in ${report.zone}`
  if (books.isClearingShared) return 'clearing shares its account with others'
  if (books.waiting === null) return 'they are of an earlier time, of which is not known what waited to be posted'
  if (books.waiting > 0) return 'changes of the mirror waited to be posted'
  if (report.throughEntry !== throughEntry || report.asOf !== asOf)
    return 'they were made of different states: write them together'
  // A balance that only stands is seen on the days up to the last one read.
  const readOn = businessDateOf(toInstant(Date.parse(report.asOf)), report.zone)
  return readOn < report.period.from ? 'the report has no day yet' : null
}

/** All files of a journal say the same, of all currencies. */
function datedLaterOf({ control: { books } }: WholeJournal): Totals {
  const ofCurrencies = Object.entries(books?.datedLater ?? {})
  return totalsOf(Object.fromEntries(ofCurrencies.map(([currency, clearing]) => [currency, { clearing }])))
}
