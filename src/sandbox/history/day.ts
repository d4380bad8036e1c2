import { type Instant, toInstant } from '../../domain/clock.ts'
import type { Range } from '../options.ts'
import { createRandom, type Random } from '../random.ts'
import type { TransactionRow } from '../rows.ts'
import { addDays, type Zone } from '../zone.ts'
import { type Customer, drawAmountMinor } from './customers.ts'
import { type Payments, type Sale, secondsAfter } from './payments.ts'
import type { Timeline } from './timeline.ts'

export interface DayContext {
  readonly seed: number
  readonly zone: Zone
  readonly customers: readonly Customer[]
  readonly salesPerDay: Range
  readonly timeline: Timeline
  /** Whether customers are charged once a month without any subscription on record. */
  readonly hasOwnRecurring: boolean
  readonly payments: Payments
  /** The row as it stands now: a test may have altered or removed it since. */
  readonly current: (row: TransactionRow) => TransactionRow | undefined
}

const HOUR_S = 3600
const DAY_S = 24 * HOUR_S

/** How often a sale turns out each way; what is left is a plain purchase. */
const STORIES: readonly (readonly [share: number, story: Story])[] = [
  [0.05, declinedThenRetried],
  [0.015, suspectedAsDuplicate],
  [0.05, preauthorised],
  [0.02, verified],
  [0.05, refundedLater],
  [0.03, reversedInBatch],
  [0.015, refundedAndRefundReversed],
  [0.015, soldAgainWhileRefunded],
  [0.015, boughtTwice],
]

type Story = (context: DayContext, sale: Sale, random: Random) => void

/** Puts one local day's business on the timeline. Draws depend on seed and date only, never on what happened before. */
export function planDay(context: DayContext, date: string): void {
  const { seed, zone, customers, salesPerDay, timeline } = context
  const random = createRandom(seed, 'day', date)
  const startsAt = zone.at(date, '00:00')
  const endsAt = zone.at(addDays(date, 1), '00:00')
  // Counted in elapsed seconds, so a day of 23 or 25 hours needs no care, and its odd hour gets its share.
  const lengthS = (endsAt - startsAt) / 1000
  if (context.hasOwnRecurring) planRecurringRun(context, date, startsAt)
  const count = random.integer(salesPerDay.min, salesPerDay.max)
  for (let sold = 0; sold < count; sold += 1) {
    const second = random.chance(0.85) ? random.integer(8 * HOUR_S, 21 * HOUR_S) : random.integer(0, lengthS - 1)
    const sale: Sale = {
      at: secondsAfter(startsAt, Math.min(second, lengthS - 1)),
      customer: random.pick(customers),
      amountMinor: drawAmountMinor(random),
      user: random.chance(0.3) ? 'Till One' : 'Helcim System',
    }
    const story = drawStory(random)
    const own = createRandom(seed, 'sale', date, sold)
    timeline.schedule(sale.at, () => story(context, sale, own))
  }
}

/** Charges that look recurring fall between 01:00 and 03:00, the hours that a change of clocks repeats or skips. */
function planRecurringRun({ seed, customers, timeline, payments }: DayContext, date: string, startsAt: Instant): void {
  const random = createRandom(seed, 'recurring', date)
  const dayOfMonth = Number(date.slice(8))
  for (const customer of customers) {
    if (customer.recurring?.dayOfMonth !== dayOfMonth) continue
    const { amountMinor } = customer.recurring
    const at = secondsAfter(startsAt, random.integer(HOUR_S, 3 * HOUR_S - 1))
    const isDeclined = random.chance(0.04)
    timeline.schedule(at, () => {
      const sale = { at, customer, amountMinor }
      if (isDeclined) payments.decline(sale)
      else payments.purchase(sale)
    })
  }
}

function drawStory(random: Random): Story {
  let at = random.fraction()
  for (const [share, story] of STORIES) {
    if (at < share) return story
    at -= share
  }
  return plain
}

function plain({ payments }: DayContext, sale: Sale): void {
  payments.purchase(sale)
}

function declinedThenRetried({ payments, timeline }: DayContext, sale: Sale, random: Random): void {
  const { invoiceNumber } = payments.decline(sale)
  if (!random.chance(0.6)) return
  // A terminal that lets the buyer try again leaves both rows under one invoice number.
  const at = secondsAfter(sale.at, random.integer(20, 150))
  timeline.schedule(at, () => payments.purchase({ ...sale, at, invoiceNumber }))
}

function suspectedAsDuplicate(context: DayContext, sale: Sale, random: Random): void {
  const bought = context.payments.purchase(sale)
  later(context, bought, secondsAfter(sale.at, random.integer(5, 280)), (row, at) =>
    context.payments.suspectedDuplicate(row, at),
  )
}

function preauthorised(context: DayContext, sale: Sale, random: Random): void {
  const { payments } = context
  const held = payments.preauth(sale)
  const at = secondsAfter(sale.at, random.integer(300, random.chance(0.5) ? 4 * HOUR_S : 2 * DAY_S))
  const share = random.chance(0.7) ? 100n : BigInt(random.integer(40, 99))
  const end = random.fraction()
  if (end < 0.7) later(context, held, at, (row) => payments.capture(row, (row.amountMinor * share) / 100n, at))
  else if (end < 0.85) later(context, held, secondsAfter(sale.at, random.integer(60, 1800)), payments.reverse)
}

function verified({ payments }: DayContext, sale: Sale, random: Random): void {
  payments.verify({ ...sale, amountMinor: random.chance(0.7) ? 0n : 100n })
}

function refundedLater(context: DayContext, sale: Sale, random: Random): void {
  const { payments } = context
  const bought = payments.purchase(sale)
  const at = secondsAfter(sale.at, random.integer(DAY_S + HOUR_S, 20 * DAY_S))
  if (random.chance(0.5)) {
    later(context, bought, at, (row) => payments.refund(row, row.amountMinor, at))
    return
  }
  later(context, bought, at, (row) => payments.refund(row, (row.amountMinor * 40n) / 100n, at))
  const again = secondsAfter(at, random.integer(HOUR_S, 3 * DAY_S))
  if (random.chance(0.3)) later(context, bought, again, (row) => payments.refund(row, row.amountMinor / 3n, again))
}

function reversedInBatch(context: DayContext, sale: Sale, random: Random): void {
  const bought = context.payments.purchase(sale)
  later(context, bought, secondsAfter(sale.at, random.integer(30, 3 * HOUR_S)), context.payments.reverse)
}

function refundedAndRefundReversed(context: DayContext, sale: Sale, random: Random): void {
  const { payments } = context
  const bought = payments.purchase(sale)
  const at = secondsAfter(sale.at, random.integer(DAY_S + HOUR_S, 5 * DAY_S))
  const delayS = random.integer(60, 1800)
  later(context, bought, at, (row) => {
    const refunded = payments.refund(row, row.amountMinor, at)
    if (refunded) later(context, refunded, secondsAfter(at, delayS), payments.reverse)
  })
}

/** On one card and in one batch a sale and a refund of equal amount, one of them voided: only the figures tell which. */
function soldAgainWhileRefunded(context: DayContext, sale: Sale, random: Random): void {
  const { payments } = context
  const bought = payments.purchase(sale)
  const at = secondsAfter(sale.at, random.integer(DAY_S + HOUR_S, 4 * DAY_S))
  const isSaleVoided = random.chance(0.5)
  const voidedAfterS = random.integer(1300, 3000)
  later(context, bought, at, (row) => {
    const refunded = payments.refund(row, row.amountMinor, at)
    const again = secondsAfter(at, 1200)
    if (!refunded) return
    later(context, refunded, again, () => {
      const sold = payments.purchase({ ...sale, amountMinor: row.amountMinor, at: again })
      later(context, isSaleVoided ? sold : refunded, secondsAfter(at, voidedAfterS), payments.reverse)
    })
  })
}

/** Twins: same card, amount and day, far enough apart to be two honest sales. */
function boughtTwice({ payments, timeline }: DayContext, sale: Sale, random: Random): void {
  payments.purchase(sale)
  const at = secondsAfter(sale.at, random.integer(1200, 6 * HOUR_S))
  timeline.schedule(at, () => payments.purchase({ ...sale, at }))
}

function later(
  { timeline, current }: DayContext,
  row: TransactionRow,
  at: Instant,
  act: (row: TransactionRow, at: Instant) => void,
): void {
  timeline.schedule(at, () => {
    const now = current(row)
    if (now?.status === 'approved') act(now, toInstant(at))
  })
}
