import { readdir, readFile as readText } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from '../domain/operating-error.ts'
import { compareClearing, type ReadClearing } from './compare-clearing.ts'
import { CONTROL_ENDING, type Control, controlSchema } from './control.ts'
import { EXPORT_FORMATS } from './formats.ts'
import { JOURNAL_VERSION, type JournalControl, journalControlSchema } from './journals/control.ts'
import { JOURNALS } from './journals/formats.ts'
import { compareJournals, type ReadJournal, verifyJournal, type WithBooks } from './journals/verify.ts'
import { readFile, UnreadableFile } from './read-file.ts'
import { REPORT_VERSION } from './report.ts'
import { reportOf } from './reports.ts'
import { STAGED_ENDING } from './stage-file.ts'
import { addTo, createTally, differencesOf, type Tally, type Totals, totalsOf } from './tally.ts'

export interface Verification {
  /** Files that were read, with what their control file says. */
  readonly files: readonly Control[]
  /** The journals and statements among them. */
  readonly journals: readonly JournalControl[]
  /** One sentence for each thing that does not agree; none means that all does. */
  readonly differences: readonly string[]
  /** How many files of one period could be compared with each other. */
  readonly countCompared: number
  /** How many journals could be compared with the books that they were written from. */
  readonly countWithBooks: number
  /** How many journals could be compared with the report `clearing`. */
  readonly countWithReports: number
  /** What of them could not, and why; and what is dated otherwise although all agrees. */
  readonly remarks: readonly string[]
}

interface ReadBack {
  readonly control: Control
  readonly tally: Tally
}

/**
 * Reads the files of a directory back: rows, sums and hash of each against its control file, and files of one account
 * and period against each other; journals against the books as well, where those are at hand.
 * @throws UsageError when the directory cannot be read, or holds no exported file
 */
export async function verifyExports(
  directory: string,
  { onFile = () => {}, withBooks }: { onFile?: (file: string) => void; withBooks?: WithBooks } = {},
): Promise<Verification> {
  const names = await namesIn(directory)
  const differences: string[] = []
  const readBack: ReadBack[] = []
  const journals: ReadJournal[] = []
  for (const name of names) {
    if (name.endsWith(STAGED_ENDING)) differences.push(`${name}: left behind by an export that did not end; remove it`)
    if (isData(name) && !names.includes(`${name}${CONTROL_ENDING}`))
      differences.push(`${name}: its control file is missing`)
    if (!name.endsWith(CONTROL_ENDING)) continue
    const file = name.slice(0, -CONTROL_ENDING.length)
    onFile(file)
    const control = await readControl(join(directory, name), file)
    if (typeof control === 'string') differences.push(`${name}: ${control}`)
    else if (!names.includes(file)) differences.push(`${file}: the file is missing, its control file is there`)
    else if ('journal' in control) {
      const one = await verifyJournal(directory, control)
      differences.push(...one.differences.map((difference) => `${file}: ${difference}`))
      if (one.read) journals.push(one.read)
    } else {
      const one = await verifyFile(directory, control)
      differences.push(...one.differences.map((difference) => `${file}: ${difference}`))
      if (one.tally) readBack.push({ control, tally: one.tally })
    }
  }
  const { countCompared, differences: disagreements } = compareFiles(readBack)
  const ofJournals =
    withBooks && journals.length > 0
      ? await withBooks((books) => compareJournals(journals, books))
      : await compareJournals(journals, null)
  const ofClearing = compareClearing(readBack.flatMap(clearingOf), ofJournals.wholes)
  return {
    files: readBack.map(({ control }) => control),
    journals: journals.map(({ control }) => control),
    differences: [...differences, ...disagreements, ...ofJournals.differences, ...ofClearing.differences],
    countCompared: countCompared + ofJournals.countCompared,
    countWithBooks: ofJournals.countWithBooks,
    countWithReports: ofClearing.countWithReports,
    remarks: ofClearing.remarks,
  }
}

/** Where the report `clearing` ends, in the words of journals; of other reports nothing. */
function clearingOf({ control, tally: { balances } }: ReadBack): ReadClearing[] {
  if (control.report !== 'clearing') return []
  const ends = [...balances].map(([key, minor]) => [key.replace(' unsettled', ' clearing'), minor] as const)
  return [{ control, ends: new Map(ends) }]
}

async function namesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((cause) => {
    throw new UsageError(`${directory}: cannot be read (${cause.code ?? cause.message})`, { cause })
  })
  if (!names.some((name) => name.endsWith(CONTROL_ENDING) || isData(name) || name.endsWith(STAGED_ENDING)))
    throw new UsageError(
      `${directory}: holds no exported file; "tieout export" writes them, each with its control file`,
    )
  return names.sort()
}

const ENDINGS: readonly string[] = [...EXPORT_FORMATS, ...JOURNALS.map(({ ending }) => ending)]

const isData = (name: string): boolean => ENDINGS.some((ending) => name.endsWith(`.${ending}`))

/** @returns what is wrong with it, where it cannot be used */
async function readControl(path: string, file: string): Promise<Control | JournalControl | string> {
  let json: unknown
  try {
    json = JSON.parse(await readText(path, 'utf8'))
  } catch {
    return 'is no JSON'
  }
  const isJournal = typeof json === 'object' && json !== null && 'journal' in json
  const version = isJournal ? JOURNAL_VERSION : REPORT_VERSION
  const parsed = (isJournal ? journalControlSchema : controlSchema).safeParse(json)
  if (!parsed.success) return parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`).join('; ')
  if (parsed.data.file !== file) return `is of ${parsed.data.file}`
  if (parsed.data.version !== version) return `is of version ${parsed.data.version}; this is version ${version}`
  return parsed.data
}

async function verifyFile(
  directory: string,
  control: Control,
): Promise<{ differences: string[]; tally: Tally | null }> {
  const report = reportOf(control.report)
  const { tally, add } = createTally(control, report)
  const path = join(directory, control.file)
  try {
    const sha256 = await readFile(path, control, report, add)
    const { countRows, sums, faults } = tally
    return {
      tally,
      differences: [
        ...faults,
        ...(countRows === control.rows ? [] : [`${countRows} rows, its control file says ${control.rows}`]),
        ...differencesOf(sums, totalsOf(control.sums)).map(
          ({ key, left, right }) => `${key} adds up to ${left}, its control file says ${right}`,
        ),
        ...(sha256 === control.sha256 ? [] : [`its SHA-256 is ${sha256}, its control file says ${control.sha256}`]),
      ],
    }
  } catch (error) {
    if (error instanceof UnreadableFile) return { tally: null, differences: [`cannot be read: ${error.message}`] }
    throw error
  }
}

/** Files of one account, period and format: what they say twice they must say alike. Formats must agree as well. */
function compareFiles(files: readonly ReadBack[]): { differences: string[]; countCompared: number } {
  const differences: string[] = []
  let countCompared = 0
  const compare = (left: ReadBack, right: readonly ReadBack[], totals: readonly [Totals, Totals], what: string) => {
    countCompared += 1
    const names = right.map(({ control }) => control.file).join(' and ')
    const isSameState = right.every(({ control }) => control.asOf === left.control.asOf)
    const hint = isSameState ? '' : ' (they were made of different states of the data: write them together)'
    for (const one of differencesOf(...totals))
      differences.push(`${left.control.file}: ${what}${one.key} is ${one.left}, in ${names} ${one.right}${hint}`)
  }
  const groups = new Set(files.map(groupOf))
  for (const name of groups) {
    const group = files.filter((one) => groupOf(one) === name)
    const find = (report: Control['report'], format: Control['format']) =>
      group.find(({ control }) => control.report === report && control.format === format)
    for (const format of EXPORT_FORMATS) {
      const transactions = find('transactions', format)
      const days = find('daily-sales', format)
      const settled = find('settlement', format)
      const unsettled = find('unsettled', format)
      const clearing = find('clearing', format)
      if (transactions && days) compare(transactions, [days], [transactions.tally.days, days.tally.days], '')
      if (transactions && settled && unsettled) {
        const totals = movementsOf(settled, unsettled)
        compare(transactions, [settled, unsettled], [transactions.tally.movements, totals], 'movements, ')
      }
      if (clearing && days) compare(clearing, [days], [clearing.tally.dayMovements, days.tally.dayMovements], '')
      if (clearing && settled) compare(clearing, [settled], [clearing.tally.settledDays, settled.tally.settledDays], '')
      if (clearing && unsettled) compare(clearing, [unsettled], [balancesOf(clearing), unsettled.tally.balances], '')
    }
    for (const one of group.filter(({ control }) => control.format === 'csv')) {
      const other = find(one.control.report, 'jsonl')
      if (other) compare(one, [other], [withRows(one), withRows(other)], '')
    }
  }
  return { differences, countCompared }
}

const groupOf = ({ control: { account, period } }: ReadBack): string =>
  JSON.stringify([account, period.from, period.to])

/** What was made within the period is settled in it, unsettled at its end, or came after its batch had closed. */
function movementsOf(settled: ReadBack, unsettled: ReadBack): Totals {
  const { rows, sums } = settled.control.settledBefore ?? { rows: {}, sums: {} }
  const totals: Totals = new Map()
  const parts = [settled.tally.movements, unsettled.tally.movements, totalsOf(sums)]
  for (const part of parts) for (const [key, minor] of part) addTo(totals, key, minor)
  for (const [currency, count] of Object.entries(rows)) addTo(totals, `${currency} rows`, BigInt(count))
  return totals
}

/** Where the roll-forward ends, without what is already taken off for rows that were made later. */
function balancesOf({ control, tally }: ReadBack): Totals {
  const totals: Totals = new Map(tally.balances)
  for (const [key, minor] of totalsOf(control.settledAhead?.sums ?? {}))
    if (key.endsWith(' gross')) addTo(totals, key.replace(' gross', ' unsettled'), minor)
  return totals
}

function withRows({ tally: { sums, countRows } }: ReadBack): Totals {
  return new Map([...sums, ['rows', BigInt(countRows)]])
}
