import type pg from 'pg'
import { withSnapshotAsOf } from '../../db/as-of.ts'
import { countMarks } from '../../db/books/marks.ts'
import { loadPostedBy, type PostedBy } from '../../db/books/runs.ts'
import { type Snapshot, withSnapshot } from '../../db/client.ts'
import { addDays } from '../../domain/calendar.ts'
import type { Instant } from '../../domain/clock.ts'
import type { BooksSettings } from '../../domain/journal/chart.ts'
import { formatMinor } from '../../domain/money.ts'
import type { Control } from '../control.ts'
import { instantsOf, type Period } from '../period.ts'
import type { StagedFile } from '../stage-file.ts'
import { addTo, type Totals } from '../tally.ts'
import { type AccountFacts, fileName, loadAccount } from '../write.ts'
import { writeWithControl } from '../write-with-control.ts'
import { JOURNAL_VERSION, type JournalControl } from './control.ts'
import type { Detail, FileEntry } from './entry.ts'
import { clearingOf, type FileFacts, type JournalFormat } from './format.ts'
import { removeFormerParts } from './former-parts.ts'
import {
  accountsOf,
  type BooksPart,
  isClearingShared,
  loadBalances,
  loadCurrencies,
  loadDatedLater,
  loadEntries,
  loadThroughEntry,
  sameKeys,
} from './load.ts'
import { type BooksProof, proveBooks } from './missing.ts'

export interface JournalRequest {
  readonly accountId: number
  readonly period: Period
  readonly journals: readonly JournalFormat[]
  readonly detail: Detail
  readonly settings: BooksSettings
  /** Made if it is not there. */
  readonly directory: string
}

export interface WrittenJournal {
  readonly path: string
  readonly control: JournalControl
}

export interface JournalOptions {
  readonly signal?: AbortSignal
  /** Hears how many bytes of a file there are so far. */
  readonly onProgress?: (file: string, countBytes: number) => void
  readonly asOf?: { readonly at: Instant; readonly now: Instant }
  /** Hears of each file that went, as it was a part of the same journal by a former run. */
  readonly onRemoved?: (file: string) => void
}

/**
 * Writes the books of a period for each target, each file with its control file, in as many files as the target takes.
 * All of them show one state of the books, and take the place of all parts that a former run wrote. Entries become text as they come; memory does not grow with their number.
 * @throws UsageError when the directory cannot be written to
 */
export function writeJournals(
  pool: pg.Pool,
  request: JournalRequest,
  options: JournalOptions = {},
): Promise<WrittenJournal[]> {
  const { asOf, onRemoved = () => {} } = options
  const write = async (snapshot: Snapshot) => {
    const job = await prepare(snapshot, request, options)
    const written: WrittenJournal[] = []
    for (const format of request.journals) {
      for (const currency of format.isPerCurrency ? job.facts.currencies : [null]) {
        const parts = await writeParts(snapshot, format, { ...job, facts: { ...job.facts, currency } })
        const files = parts.map(({ control }) => control.file)
        for (const file of await removeFormerParts(request.directory, files)) onRemoved(file)
        written.push(...parts)
      }
    }
    return written
  }
  return asOf ? withSnapshotAsOf(pool, { accountId: request.accountId, ...asOf }, write) : withSnapshot(pool, write)
}

interface Job {
  readonly request: JournalRequest
  readonly options: JournalOptions
  readonly account: AccountFacts
  readonly part: BooksPart
  readonly facts: FileFacts
  readonly controlTotal: Totals
  readonly books: NonNullable<JournalControl['books']>
  readonly proof: BooksProof
}

async function prepare(snapshot: Snapshot, request: JournalRequest, options: JournalOptions): Promise<Job> {
  const { accountId, period, settings } = request
  const { asOf } = options
  const account = await loadAccount(snapshot, accountId)
  const part = { accountId, ...period, throughEntry: await loadThroughEntry(snapshot, accountId) }
  const facts = {
    account: account.name,
    ...period,
    currency: null,
    currencies: await loadCurrencies(snapshot, part),
    settings,
    opening: await loadBalances(snapshot, { ...part, from: null, to: addDays(period.from, -1) }, settings),
    closing: await loadBalances(snapshot, { ...part, from: null }, settings),
  }
  const clearingIn = (totals: Totals, currency: string) => totals.get(`${currency} clearing`) ?? 0n
  const controlTotal: Totals = new Map(
    facts.currencies.map((currency) => [
      currency,
      clearingIn(facts.closing, currency) - clearingIn(facts.opening, currency),
    ]),
  )
  const postedBy = await loadPostedBy(snapshot, accountId)
  const books = {
    postedBy: postedBy && { zone: postedBy.zone, cutOff: timeOfDay(postedBy) },
    // Marks go when they are worked off, so that those of an earlier time are not known.
    waiting: asOf === undefined || asOf.at === asOf.now ? await countMarks(snapshot, accountId) : null,
    datedLater: amountsOf(await loadDatedLater(snapshot, part)),
    isClearingShared: isClearingShared(settings),
  }
  const scope = { ...part, ...instantsOf(period, account.zone), historyFrom: account.historyFrom }
  const proof = await proveBooks(snapshot, scope)
  return { request, options, account, part, facts, controlTotal, books, proof }
}

const timeOfDay = ({ cutOffMinutes }: PostedBy): string =>
  [Math.floor(cutOffMinutes / 60), cutOffMinutes % 60].map((part) => String(part).padStart(2, '0')).join(':')

/** By currency. */
const amountsOf = (totals: Totals): Record<string, string> =>
  Object.fromEntries([...totals].map(([currency, minor]) => [currency, formatMinor(minor, currency)]))

/** One file, or as many as it takes: a new one begins before the entry that a file has no room for. */
async function writeParts(snapshot: Snapshot, format: JournalFormat, job: Job): Promise<WrittenJournal[]> {
  const { facts, part, request } = job
  const { settings, detail } = request
  const entries = loadEntries(snapshot, part, { settings, detail, currency: facts.currency })
  const [head, tail] = [format.head(facts), format.tail(facts)]
  const written: WrittenJournal[] = []
  let next = await entries.next()
  try {
    do {
      const sums: Totals = new Map()
      let countEntries = 0
      async function* chunks() {
        const room = createRoom(format, head, tail)
        yield head
        for (; !next.done; next = await entries.next()) {
          const text = format.entry(next.value, facts)
          if (!room.takes(text)) return
          if (text !== '') {
            countEntries += 1
            addSums(sums, format, next.value)
            yield text
          }
        }
        yield tail
      }
      const number = written.length + 1
      const suffix = `${format.name}${facts.currency === null ? '' : `-${facts.currency}`}`
      const name = fileName(
        facts.account,
        `${suffix}${number === 1 ? '' : `-part${number}`}`,
        request.period,
        format.ending,
      )
      const tally = () => ({ sums, countEntries, number, isLast: next.done === true })
      written.push(await writePart(name, chunks(), format, job, tally))
    } while (!next.done)
  } finally {
    await entries.return(undefined)
  }
  return written
}

/** Counts what a file holds. An entry that no file can hold is an error of ours: the chart has too many accounts for it. */
function createRoom(
  { name, limit: { lines = Infinity, bytes = Infinity } }: JournalFormat,
  head: string,
  tail: string,
) {
  const linesOf = (text: string) => text.split('\n').length - 1
  let countLines = linesOf(head) + linesOf(tail)
  let countBytes = Buffer.byteLength(head) + Buffer.byteLength(tail)
  let isEmpty = true
  return {
    takes(text: string): boolean {
      countLines += linesOf(text)
      countBytes += Buffer.byteLength(text)
      const isRoom = countLines <= lines && countBytes <= bytes
      if (isEmpty && !isRoom) throw new Error(`${name}: one entry alone is more than a file may hold`)
      isEmpty = false
      return isRoom
    },
  }
}

function addSums(sums: Totals, { tells }: JournalFormat, entry: FileEntry): void {
  if (tells === 'statement') addTo(sums, `${entry.currency} clearing`, clearingOf(entry))
  else for (const { key, amountMinor } of entry.lines) addTo(sums, `${entry.currency} ${key}`, amountMinor)
}

async function writePart(
  file: string,
  chunks: AsyncIterable<string>,
  format: JournalFormat,
  job: Job,
  tallied: () => { sums: Totals; countEntries: number; number: number; isLast: boolean },
): Promise<WrittenJournal> {
  const { request, account, facts, part, controlTotal, books, proof, options } = job
  const { signal, onProgress = () => {} } = options
  const fillIn = async (data: StagedFile): Promise<JournalControl> => {
    const progress = (countBytes: number) => onProgress(file, countBytes)
    await data.fill(buffered(chunks), { ...(signal && { signal }), onProgress: progress })
    const { sums, countEntries, number, isLast } = tallied()
    const { currency } = facts
    const ofFile = (totals: Totals) => decimalsOf(totals, currency)
    return {
      file,
      journal: format.name,
      version: JOURNAL_VERSION,
      account: account.name,
      zone: account.zone,
      period: request.period,
      asOf: account.asOf,
      throughEntry: String(part.throughEntry),
      detail: request.detail,
      currency,
      part: number,
      isLastPart: isLast,
      entries: countEntries,
      accounts: namesIn(format, job),
      sums: ofFile(sums),
      opening: ofFile(facts.opening),
      closing: ofFile(facts.closing),
      controlTotal: amountsOf(controlTotal),
      books,
      sha256: data.sha256(),
      isComplete: proof.missing.length === 0,
      missing: proof.missing,
      ...(proof.reservations.length > 0 && { reservations: proof.reservations }),
    }
  }
  return writeWithControl(request.directory, file, fillIn, { ...(signal && { signal }) })
}

/** Accounts that share a name are one in the file, under the key that comes first. */
function namesIn(format: JournalFormat, { request: { settings } }: Job): JournalControl['accounts'] {
  if (format.tells === 'statement') return { [format.nameOf(settings.chart.clearing)]: 'clearing' }
  const keys = sameKeys(settings)
  return Object.fromEntries([...accountsOf(settings)].map(([key, one]) => [format.nameOf(one), keys.get(key) ?? key]))
}

/** @param currency only this one, or null for all */
function decimalsOf(totals: Totals, currency: string | null): Control['sums'] {
  const sums: Control['sums'] = {}
  for (const [key, minor] of [...totals].sort()) {
    const [code = '', name = ''] = key.split(' ')
    if (minor === 0n || (currency !== null && code !== currency)) continue
    sums[code] = { ...sums[code], [name]: formatMinor(minor, code) }
  }
  return sums
}

const CHUNK_LENGTH = 1 << 16

/** Entries are short: handed on one by one each would cost a turn. */
async function* buffered(texts: AsyncIterable<string>): AsyncGenerator<Buffer> {
  let waiting = ''
  for await (const text of texts) {
    waiting += text
    if (waiting.length < CHUNK_LENGTH) continue
    yield Buffer.from(waiting)
    waiting = ''
  }
  if (waiting !== '') yield Buffer.from(waiting)
}
