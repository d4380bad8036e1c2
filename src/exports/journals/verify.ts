import { join } from 'node:path'
import { currencyDigits, DIGITS_UNLESS_KNOWN, parseMinor } from '../../domain/money.ts'
import { UnreadableFile } from '../read-file.ts'
import { addTo, differencesOf, type Totals, totalsOf } from '../tally.ts'
import type { JournalControl } from './control.ts'
import { journalOf } from './formats.ts'
import { openLines, type ReadItem } from './readers/reader.ts'
import { READERS } from './readers.ts'

/** A journal file as it was read back: its sums by currency and key, debit positive. */
export interface ReadJournal {
  readonly control: JournalControl
  readonly sums: Totals
}

/** All files of one format, account, period and detail as one. */
export interface WholeJournal extends ReadJournal {
  readonly parts: readonly JournalControl[]
  /** What stands at the end, by currency and key. */
  readonly closing: Totals
}

/** What the books say of the period that a control file is about, as far as they went then; null where they are not ours. */
export type BooksTotals = (control: JournalControl) => Promise<{ sums: Totals; closing: Totals } | null>

/** Opens the books for as long as they are compared. */
export type WithBooks = <T>(work: (books: BooksTotals) => Promise<T>) => Promise<T>

const FAULTS_MAX = 5

/** Reads a file back: entries balance, dates lie within the period, sums, balances and hash are those of its control file. */
export async function verifyJournal(
  directory: string,
  control: JournalControl,
): Promise<{ differences: string[]; read: ReadJournal | null }> {
  const { lines, sha256 } = openLines(join(directory, control.file))
  const check = createCheck(control)
  try {
    for await (const item of READERS[control.journal](lines, control)) check.add(item)
  } catch (error) {
    if (error instanceof UnreadableFile) return { differences: [`cannot be read: ${error.message}`], read: null }
    throw error
  }
  const hash = sha256()
  return {
    differences: [
      ...check.end(),
      ...(hash === control.sha256 ? [] : [`its SHA-256 is ${hash}, its control file says ${control.sha256}`]),
    ],
    read: { control, sums: check.sums },
  }
}

function createCheck(control: JournalControl) {
  const { journal, period, accounts } = control
  const isJournal = journalOf(journal).tells === 'journal'
  const sums: Totals = new Map()
  const opening: Totals = new Map()
  const faults: string[] = []
  const balances: (ReadItem & { is: 'balance' })[] = []
  let entry = { id: '', currency: '', minor: 0n }
  let countEntries = 0
  const complain = (fault: string) => {
    if (faults.length < FAULTS_MAX) faults.push(fault)
  }
  const minorOf = (amount: string, currency: string): bigint => {
    const minor = parseMinor(amount, currencyDigits(currency) ?? DIGITS_UNLESS_KNOWN)
    if (minor === undefined) complain(`"${amount}" is no amount in ${currency}`)
    return minor ?? 0n
  }
  const keyOf = (account: string): string => {
    const key = Object.hasOwn(accounts, account) ? accounts[account] : undefined
    if (key === undefined) complain(`its control file knows no account "${account}"`)
    return key ?? account
  }
  const endEntry = () => {
    if (isJournal && entry.minor !== 0n) complain(`entry ${entry.id} is out of balance by ${entry.minor} minor units`)
  }
  return {
    sums,
    add(item: ReadItem) {
      if (item.is === 'balance') {
        balances.push(item)
        return
      }
      const { on, account, currency, isOpening } = item
      const minor = minorOf(item.amount, currency)
      const id = `${on} ${item.entry}`
      if (id !== entry.id || currency !== entry.currency) {
        endEntry()
        entry = { id, currency, minor: 0n }
        if (!isOpening && !isAssertion(item)) countEntries += 1
      }
      entry.minor += minor
      if (on < period.from || on > period.to) complain(`entry ${item.entry} is of ${on}, outside of the period`)
      addTo(isOpening ? opening : sums, `${currency} ${keyOf(account)}`, minor)
    },
    end(): string[] {
      endEntry()
      const stated = totalsOf(control.sums)
      return [
        ...faults,
        ...(countEntries === control.entries
          ? []
          : [`${countEntries} entries, its control file says ${control.entries}`]),
        ...differencesOf(sums, stated).map(
          ({ key, left, right }) => `${key} adds up to ${left}, its control file says ${right}`,
        ),
        ...(balances.length === 0 ? [] : differencesOfBalances(balances)),
      ]
    },
  }

  /** That a balance must stand needs an entry of nothing in hledger. */
  function isAssertion({ amount }: ReadItem): boolean {
    return journal === 'hledger' && /^0\.?0*$/.test(amount)
  }

  function differencesOfBalances(found: readonly (ReadItem & { is: 'balance' })[]): string[] {
    const closing = totalsOf(control.closing)
    // A file with opening balances is whole by itself; of others the control file knows what stood before.
    const before = isJournal ? opening : totalsOf(control.opening)
    return found.flatMap(({ account, currency, amount }) => {
      const key = `${currency} ${keyOf(account)}`
      const said = minorOf(amount, currency)
      const told = [
        ['its entries', (before.get(key) ?? 0n) + (sums.get(key) ?? 0n)],
        ['its control file', closing.get(key) ?? 0n],
      ] as const
      return told.flatMap(([who, minor]) =>
        minor === said ? [] : [`${key} must stand at ${said} minor units, by ${who} it is ${minor}`],
      )
    })
  }
}

/** Files of one account, period and detail: the parts of a format are all there, and all formats and the books agree. */
export async function compareJournals(
  files: readonly ReadJournal[],
  books: BooksTotals | null,
): Promise<{ differences: string[]; wholes: WholeJournal[]; countCompared: number; countWithBooks: number }> {
  const differences: string[] = []
  const all: WholeJournal[] = []
  let countCompared = 0
  let countWithBooks = 0
  const sets = grouped(files, ({ control: { account, period } }) => JSON.stringify([account, period]))
  for (const set of sets) {
    const formats = grouped(set, ({ control }) => JSON.stringify([control.journal, control.detail]))
    const wholes = formats.map((parts) => joinParts(parts, differences))
    all.push(...wholes)
    const [first, ...others] = wholes
    if (!first) continue
    for (const other of others) {
      countCompared += 1
      const isSameState = other.control.throughEntry === first.control.throughEntry
      const hint = isSameState ? '' : ' (they were made of different states of the books: write them together)'
      const isAll = [first, other].every(({ control }) => journalOf(control.journal).tells === 'journal')
      const [left, right] = isAll ? [first.sums, other.sums] : [clearingIn(first.sums), clearingIn(other.sums)]
      for (const one of differencesOf(left, right))
        differences.push(
          `${first.control.file}: ${one.key} is ${one.left}, in ${other.control.file} ${one.right}${hint}`,
        )
    }
    for (const one of wholes) {
      const totals = await books?.(one.control)
      if (!totals) continue
      countWithBooks += 1
      const isAll = journalOf(one.control.journal).tells === 'journal'
      const pairs = [
        ['', one.sums, isAll ? totals.sums : clearingIn(totals.sums)],
        ['at the end ', one.closing, totals.closing],
      ] as const
      for (const [when, said, posted] of pairs)
        for (const { key, left, right } of differencesOf(said, posted))
          differences.push(`${one.control.file}: ${when}${key} is ${left}, in the books ${right}`)
    }
  }
  return { differences, wholes: all, countCompared, countWithBooks }
}

/** The parts of one format as one, and what is wrong with their row. All of them carry the same control total. */
function joinParts(parts: readonly ReadJournal[], differences: string[]): WholeJournal {
  const [first] = parts
  if (!first) throw new Error('a format without files')
  const sums: Totals = new Map()
  for (const part of parts) for (const [key, minor] of part.sums) addTo(sums, key, minor)
  for (const row of grouped(parts, ({ control }) => String(control.currency))) {
    const ordered = row.toSorted((a, b) => a.control.part - b.control.part)
    const isWhole = ordered.every(
      ({ control }, index) => control.part === index + 1 && control.isLastPart === (index === ordered.length - 1),
    )
    if (!isWhole)
      differences.push(
        `${ordered[0]?.control.file}: of its parts there are ${ordered.map(({ control }) => control.part).join(', ')}, ` +
          'which is not all of them, or more: write it into an empty folder',
      )
  }
  const told = new Map([...clearingIn(sums)].map(([key, minor]) => [key.replace(' clearing', ''), minor]))
  for (const { control } of parts) {
    const stated: Totals = new Map()
    for (const [currency, text] of Object.entries(control.controlTotal))
      addTo(stated, currency, parseMinor(text, currencyDigits(currency) ?? DIGITS_UNLESS_KNOWN) ?? null)
    for (const one of differencesOf(told, stated))
      differences.push(`${control.file}: its control total is ${one.right} ${one.key}, its files say ${one.left}`)
  }
  const closing: Totals = new Map()
  for (const { control } of parts) for (const [key, minor] of totalsOf(control.closing)) closing.set(key, minor)
  return { control: first.control, parts: parts.map(({ control }) => control), sums, closing }
}

const clearingIn = (sums: Totals): Totals => new Map([...sums].filter(([key]) => key.endsWith(' clearing')))

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    groups.set(key, [...(groups.get(key) ?? []), item])
  }
  return [...groups.values()]
}
