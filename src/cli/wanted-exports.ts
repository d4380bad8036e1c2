import type { Instant } from '../domain/clock.ts'
import { UsageError } from '../domain/operating-error.ts'
import { CERTIFICATE } from '../domain/periods.ts'
import { JOURNAL_NAMES, type JournalFormat, type JournalName } from '../exports/journals/format.ts'
import { JOURNALS, journalOf } from '../exports/journals/formats.ts'
import { REPORT_NAMES, type Report, type ReportName } from '../exports/report.ts'
import { REPORTS, reportOf } from '../exports/reports.ts'

export interface WantedExports {
  readonly reports: readonly Report[]
  readonly journals: readonly JournalFormat[]
  /** Those that "all" cannot mean as of an earlier time, as they do not know their past. */
  readonly left: readonly Report[]
}

/** @throws UsageError that names all there are */
export function wantedBy(name: string, asOf: Instant | undefined): WantedExports {
  if (name === 'all') {
    const left = asOf === undefined ? [] : REPORTS.filter(({ presentOnly }) => presentOnly !== undefined)
    return { reports: REPORTS.filter((report) => !left.includes(report)), journals: JOURNALS, left }
  }
  const none = { reports: [], journals: [], left: [] }
  if (REPORT_NAMES.includes(name as ReportName)) return { ...none, reports: [reportOf(name as ReportName)] }
  if (JOURNAL_NAMES.includes(name as JournalName)) return { ...none, journals: [journalOf(name as JournalName)] }
  const names = [...REPORT_NAMES, ...JOURNAL_NAMES, CERTIFICATE].join(', ')
  throw new UsageError(`there is no report "${name}"; choose from ${names}, or all`)
}
