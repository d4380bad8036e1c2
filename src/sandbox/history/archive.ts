import { type Instant, toInstant } from '../../domain/clock.ts'
import type { ArchiveOptions } from '../options.ts'
import { mix32 } from '../random.ts'
import type { BatchRow, Statistics, TerminalRow, TransactionRow } from '../rows.ts'
import { addDays, createZone } from '../zone.ts'
import { closingOf } from './closing.ts'
import type { Customer } from './customers.ts'

/**
 * Card data of the days before history begins, each row made up from its place alone and kept nowhere: a merchant of any
 * size costs no memory. Nothing in it can be changed. A row refers to rows close by only: a reverse to the one before it
 * at the same terminal, a refund to the one of its place the day before.
 */
export interface Archive {
  /** Rows, ascending by id and by time. */
  readonly length: number
  at(place: number): TransactionRow
  /** The first place whose row was made at `instant` or later. */
  placeOf(instant: Instant): number
  find(id: bigint): TransactionRow | undefined
  batches(): readonly BatchRow[]
  batch(id: bigint): BatchRow | undefined
  rowsOfBatch(id: bigint): readonly TransactionRow[]
  /** The figures of a batch, added up without making its rows. */
  statistics(id: bigint): Statistics
  /** Batches per terminal. */
  readonly countDays: number
}

type Kind = 'purchase' | 'decline' | 'refund' | 'reverse'

/** @throws Error when the archive has no day, or ids would run out */
export function createArchive(options: {
  archive: ArchiveOptions
  /** Local date on which the archive is over. */
  until: string
  seed: number
  terminals: readonly TerminalRow[]
  customers: readonly Customer[]
  batchNumbersFirst: ReadonlyMap<bigint, bigint>
  idNext: bigint
  batchIdNext: bigint
}): Archive {
  const { seed, terminals, customers, until } = options
  const { from, transactionsPerDay: perDay } = options.archive
  const zone = createZone('America/Edmonton')
  const countDays = Math.round((Date.parse(until) - Date.parse(from)) / 86_400_000)
  const countTerminals = terminals.length
  const length = countDays * perDay
  const idFirst = options.idNext - BigInt(length)
  const batchIdFirst = options.batchIdNext - BigInt(countDays * countTerminals)
  if (!(countDays > 0) || idFirst <= 0n) throw new Error(`archive: no room between ${from} and ${until}`)
  const buyers = terminals.map(({ id }) => {
    const own = customers.filter(({ terminalId }) => terminalId === id)
    return own.length > 0 ? own : customers
  })

  // A day's rows lie between the close before and its own; the evening before history begins is quiet.
  const days = Array.from({ length: countDays }, (_, day) => {
    const date = addDays(from, day)
    const startsAt = day === 0 ? zone.at(date, '00:00') : toInstant(zone.at(addDays(date, -1), '17:00') + 60_000)
    return { startsAt, stepMs: (zone.at(date, '17:00') - startsAt) / perDay, closedAt: closingOf(zone, date, seed) }
  })
  const dayAt = (place: number) => {
    const day = days[Math.floor(place / perDay)]
    if (!day) throw new Error(`the archive has no place ${place}`)
    return day
  }
  const instantAt = (place: number): Instant => {
    const { startsAt, stepMs } = dayAt(place)
    return toInstant(startsAt + Math.floor(((place % perDay) * stepMs) / 1000) * 1000)
  }
  const terminalAt = (place: number) => (place % perDay) % countTerminals
  const batchIdAt = (place: number) =>
    batchIdFirst + BigInt(Math.floor(place / perDay) * countTerminals + terminalAt(place))
  const drawnKind = (place: number): Kind => {
    const draw = mix32(seed, 1, place) % 1000
    if (draw < 40) return 'decline'
    if (draw < 60) return 'refund'
    return draw < 75 ? 'reverse' : 'purchase'
  }
  const beforeAt = (place: number): number | null =>
    place % perDay >= countTerminals && drawnKind(place - countTerminals) === 'purchase' ? place - countTerminals : null
  const reversedBy = (place: number): boolean =>
    (place % perDay) + countTerminals < perDay && drawnKind(place + countTerminals) === 'reverse'
  /** The row that this one gives back or voids; null where it is neither, or finds none. */
  const originalAt = (place: number): number | null => {
    const kind = drawnKind(place)
    if (kind === 'reverse') return beforeAt(place)
    const dayBefore = place - perDay
    const isFree = dayBefore >= 0 && drawnKind(dayBefore) === 'purchase' && !reversedBy(dayBefore)
    return kind === 'refund' && isFree ? dayBefore : null
  }

  /** 4 to 320 dollars, one in twenty up to 2,500. */
  const centsAt = (place: number) => {
    const draw = mix32(seed, 3, place)
    return draw % 20 === 0 ? 40_000 + ((draw >>> 5) % 210_000) : 400 + ((draw >>> 5) % 31_600)
  }
  const sale = (place: number, isDeclined: boolean): TransactionRow => {
    const own = buyers[terminalAt(place)] ?? customers
    const customer = own[mix32(seed, 2, place) % own.length]
    if (!customer) throw new Error('an archive needs customers')
    const createdAt = instantAt(place)
    return {
      id: idFirst + BigInt(place),
      createdAt,
      visibleAt: createdAt,
      batchId: batchIdAt(place),
      status: isDeclined ? 'declined' : 'approved',
      type: 'purchase',
      amountMinor: BigInt(centsAt(place)),
      currency: terminals[terminalAt(place)]?.currency ?? customer.currency,
      card: customer.card,
      user: 'Helcim System',
      avsResponse: 'X',
      cvvResponse: '',
      approvalCode: isDeclined ? '' : mix32(seed, 4, place).toString(36).toUpperCase().padStart(7, '0').slice(-6),
      customerCode: customer.code,
      invoiceNumber: `OLD${String(place + 1).padStart(8, '0')}`,
      warning: '',
      errors: isDeclined ? 'Transaction Declined: DECLINED - Do Not Honor' : null,
      originalId: null,
      isSuspectedDuplicate: false,
      disguise: null,
      isHidden: false,
    }
  }
  const at = (place: number): TransactionRow => {
    const kind = drawnKind(place)
    const original = originalAt(place)
    if (original === null) return sale(place, kind === 'decline')
    const { id, createdAt, visibleAt, batchId, approvalCode } = sale(place, false)
    const followed = sale(original, false)
    return { ...followed, id, createdAt, visibleAt, batchId, approvalCode, type: kind, originalId: followed.id }
  }
  const batchOf = (id: bigint): BatchRow | undefined => {
    const place = Number(id - batchIdFirst)
    const day = days[Math.floor(place / countTerminals)]
    const terminal = terminals[place % countTerminals]
    if (place < 0 || !day || !terminal) return undefined
    const index = Math.floor(place / countTerminals)
    return {
      id,
      terminalId: terminal.id,
      batchNumber: (options.batchNumbersFirst.get(terminal.id) ?? 1n) + BigInt(index),
      createdAt: instantAt(index * perDay + (place % countTerminals)),
      updatedAt: day.closedAt,
      closedAt: day.closedAt,
      closesAt: day.closedAt,
      isHidden: false,
      lie: { figures: {}, counts: {} },
    }
  }
  let batchRows: readonly BatchRow[] | undefined
  // A batch is read page by page: the last one asked for stays at hand.
  let held: { id: bigint; rows: readonly TransactionRow[] } | undefined

  return {
    length,
    countDays,
    at,
    placeOf(instant) {
      let low = 0
      let high = length
      while (low < high) {
        const middle = (low + high) >> 1
        if (instantAt(middle) < instant) low = middle + 1
        else high = middle
      }
      return low
    },
    find: (id) => (id >= idFirst && id < idFirst + BigInt(length) ? at(Number(id - idFirst)) : undefined),
    batches() {
      batchRows ??= Array.from({ length: countDays * countTerminals }, (_, place) =>
        batchOf(batchIdFirst + BigInt(place)),
      ).filter((row) => row !== undefined)
      return batchRows
    },
    batch: batchOf,
    statistics(id) {
      const batch = Number(id - batchIdFirst)
      const first = Math.floor(batch / countTerminals) * perDay
      // Whole cents of one batch stay far below what a number holds exactly.
      const cents = { purchase: 0, refund: 0, reverse: 0 }
      let total = 0
      let countDeclined = 0
      for (let own = batch % countTerminals; own < perDay; own += countTerminals) {
        const place = first + own
        const original = originalAt(place)
        const kind = drawnKind(place)
        total += 1
        if (kind === 'decline') countDeclined += 1
        else cents[original === null ? 'purchase' : kind] += centsAt(original ?? place)
      }
      const sales = BigInt(cents.purchase)
      const refunds = BigInt(cents.refund)
      const reversed = BigInt(cents.reverse)
      const figures = { sales, refunds, reversed, refundsReversed: 0n, net: sales - refunds - reversed }
      return { figures, counts: { total, approved: total - countDeclined, declined: countDeclined } }
    },
    rowsOfBatch(id) {
      if (held?.id === id) return held.rows
      if (!batchOf(id)) return []
      const place = Number(id - batchIdFirst)
      const first = Math.floor(place / countTerminals) * perDay
      const rows: TransactionRow[] = []
      for (let own = place % countTerminals; own < perDay; own += countTerminals) rows.push(at(first + own))
      held = { id, rows }
      return rows
    },
  }
}
