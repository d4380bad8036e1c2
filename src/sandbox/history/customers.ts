import { createRandom, type Random } from '../random.ts'
import type { Card, TerminalRow } from '../rows.ts'

export interface Customer {
  /** As Helcim generates them: `CST1000` and so on. */
  readonly code: string
  readonly card: Card
  /** The terminal this customer buys at, which fixes the currency. */
  readonly terminalId: bigint
  readonly currency: string
  /** A charge that looks like a subscription's; its row says nothing of it, as at Helcim. */
  readonly recurring: { readonly amountMinor: bigint; readonly dayOfMonth: number } | null
}

const FIRST_NAMES = [
  'Ada',
  'Basil',
  'Chidi',
  'Dorothée',
  'Émile',
  'Fatima',
  'Grace',
  'Hiro',
  'Ines',
  'José',
  'Kim',
  'Lou',
]
const LAST_NAMES = [
  "O'Neill",
  'Tremblay',
  'Singh',
  'Smith',
  'Nguyen',
  'Gagné',
  'MacLeod',
  'Wong',
  'Roy',
  'van Dijk',
  'Bear',
]
const BRANDS: readonly (readonly [type: string, prefix: string])[] = [
  ['VI', '412493'],
  ['VI', '453201'],
  ['MC', '545454'],
  ['MC', '222300'],
  ['AX', '374245'],
  ['DI', '601100'],
]
const RECURRING_AMOUNTS_MINOR = [999n, 1500n, 2999n, 4900n, 7550n, 12000n]

export function createCustomers(count: number, seed: number, terminals: readonly TerminalRow[]): readonly Customer[] {
  const random = createRandom(seed, 'customers')
  return Array.from({ length: count }, (_, index) => createCustomer(index, random, terminals))
}

function createCustomer(index: number, random: Random, terminals: readonly TerminalRow[]): Customer {
  const [type, prefix] = random.pick(BRANDS)
  // The first terminal is the busy one; the others share a third.
  const terminal = random.chance(0.67) ? (terminals[0] ?? random.pick(terminals)) : random.pick(terminals)
  return {
    code: `CST${1000 + index}`,
    card: {
      type,
      number: `${prefix}${random.text(4, '0123456789')}`,
      token: random.text(22, '0123456789abcdef'),
      holderName: drawName(random),
    },
    terminalId: terminal.id,
    currency: terminal.currency,
    recurring: random.chance(0.4)
      ? { amountMinor: random.pick(RECURRING_AMOUNTS_MINOR), dayOfMonth: random.integer(1, 28) }
      : null,
  }
}

/** A card of nobody yet; what a holder is called is told by whoever gets it. */
export function drawCard(random: Random): Omit<Card, 'holderName'> {
  const [type, prefix] = random.pick(BRANDS)
  return {
    type,
    number: `${prefix}${random.text(4, '0123456789')}`,
    token: random.text(22, '0123456789abcdef'),
  }
}

export const drawName = (random: Random): string => `${random.pick(FIRST_NAMES)} ${random.pick(LAST_NAMES)}`

/** Mostly everyday sums: prices that end in 99 or 50, whole ones, a few with odd cents, few large ones. */
export function drawAmountMinor(random: Random): bigint {
  const dollars = random.chance(0.05) ? random.integer(400, 2500) : random.integer(4, 320)
  const cents = random.chance(0.25) ? 0 : random.chance(0.7) ? random.pick([99, 50, 95, 25]) : random.integer(1, 99)
  return BigInt(dollars * 100 + cents)
}
