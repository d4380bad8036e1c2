import { type Instant, toInstant } from '../../../domain/clock.ts'
import { createRandom, type Random } from '../../random.ts'
import type { Address, CustomerRow } from '../../records/customer.ts'
import type { Records } from '../../records/records.ts'
import type { Card } from '../../rows.ts'
import { addDays, type Zone } from '../../zone.ts'
import { type Customer, drawCard } from '../customers.ts'

const DAY_MS = 86_400_000
const STREETS = ['Jasper Avenue', 'Rue Saint-Denis', 'Main St', 'Example Street', 'Whyte Avenue', 'Jump Street']
const PLACES = [
  ['Calgary', 'AB', 'CAN', 'T2P 1J9'],
  ['Edmonton', 'AB', 'CAN', 'T5J 0N3'],
  ['Montréal', 'QC', 'CAN', 'H2X 1L4'],
  ['New York', 'NY', 'USA', '10001'],
  ['Seattle', 'WA', 'USA', '98101'],
] as const
const BUSINESSES = ['Sample Business', 'Prairie Yoga', 'Glacier & Sons', 'Café du Nord', 'Blue Heron Dental']

/** The records of customers, and their changes: of the person, which their `dateUpdated` tells, and of the cards, which it does not. */
export interface Population {
  /**
   * Puts a customer on record; made up from the code alone.
   * @param cardGoodAt local date on which the card must not have expired yet; default: the date of `at`
   */
  enter(customer: Pick<Customer, 'code' | 'card'>, at: Instant, cardGoodAt?: string): CustomerRow
  /** Those who were there before history began. */
  enterAll(customers: readonly Customer[], startsOn: string): void
  /** One local day's changes, as instants and what happens then. */
  changesOf(date: string): readonly { readonly at: Instant; run(): void }[]
}

export function createPopulation({ seed, records, zone }: { seed: number; records: Records; zone: Zone }): Population {
  let cardIdLast = 27_560_000n
  const cardId = () => {
    cardIdLast += 7n
    return cardIdLast
  }
  const enter: Population['enter'] = ({ code, card }, at, cardGoodAt = zone.date(at)) => {
    const random = createRandom(seed, 'customer-record', code)
    const business = random.chance(0.2) ? random.pick(BUSINESSES) : ''
    const phone = random.chance(0.5) ? random.text(10, '23456789') : ''
    const billing = random.chance(0.7) ? drawAddress(random, card.holderName, phone) : null
    return records.customers.add((id) => ({
      id,
      code,
      businessName: business,
      contactName: card.holderName,
      createdAt: at,
      updatedAt: null,
      cellphone: phone,
      billingAddress: billing,
      shippingAddress: random.chance(0.3) ? billing : null,
      cards: [
        // The card is on file a second before the customer, as recorded.
        { id: cardId(), card, expiry: drawExpiry(random, cardGoodAt), ...stamps(at, -1000), isDefault: true },
      ],
      bankAccount: { id: 41_900n + (id % 100_000n), lastFours: BigInt(random.text(8, '123456789')) },
    }))
  }

  return {
    enter,
    enterAll(customers, startsOn) {
      const startsAt = zone.at(startsOn, '00:00')
      const span = customers.length
      for (const [index, customer] of customers.entries()) {
        const before = Math.round(((span - index) / span) * 400 * DAY_MS)
        enter(customer, wholeSecond(startsAt - before), startsOn)
      }
    },
    changesOf(date) {
      const random = createRandom(seed, 'customer-changes', date)
      const startsAt = zone.at(date, '00:00')
      const known = records.customers.all().map(({ id }) => id)
      if (known.length === 0) return []
      return Array.from({ length: random.integer(1, 3) }, (_, place) => {
        const own = createRandom(seed, 'customer-change', date, place)
        const id = random.pick(known)
        const at = wholeSecond(startsAt + random.integer(9 * 3600, 17 * 3600) * 1000)
        return { at, run: () => changeCustomer(records, id, own, at, zone, cardId) }
      })
    },
  }
}

function changeCustomer(
  { customers }: Records,
  id: bigint,
  random: Random,
  at: Instant,
  zone: Zone,
  cardId: () => bigint,
): void {
  const row = customers.get(id)
  if (!row) return
  const date = zone.date(at)
  if (random.chance(0.4)) {
    customers.alter(id, { cellphone: random.text(10, '23456789'), updatedAt: at })
  } else if (random.chance(0.6)) {
    const cards = row.cards.map((card) =>
      card.isDefault ? { ...card, expiry: drawExpiry(random, addDays(date, 400)), updatedAt: at } : card,
    )
    customers.alter(id, { cards })
  } else {
    const card: Card = { ...drawCard(random), holderName: row.contactName }
    const others = row.cards.map((each) => ({ ...each, isDefault: false }))
    const added = { id: cardId(), card, expiry: drawExpiry(random, date), ...stamps(at, 0), isDefault: true }
    customers.alter(id, { cards: [...others, added] })
  }
}

const stamps = (at: Instant, shiftMs: number) => {
  const instant = toInstant(at + shiftMs)
  return { createdAt: instant, updatedAt: instant }
}

const wholeSecond = (ms: number): Instant => toInstant(Math.floor(ms / 1000) * 1000)

/** One to 48 months after `date`, as MMYY. */
function drawExpiry(random: Random, date: string): string {
  const months = Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7)) - 1 + random.integer(1, 48)
  return `${String((months % 12) + 1).padStart(2, '0')}${String(Math.floor(months / 12) % 100).padStart(2, '0')}`
}

function drawAddress(random: Random, name: string, phone: string): Address {
  const [city, province, country, postalCode] = random.pick(PLACES)
  return {
    name,
    street1: `${random.integer(1, 9999)} ${random.pick(STREETS)}`,
    street2: random.chance(0.3) ? `Suite ${random.integer(1, 900)}` : '',
    city,
    province,
    country,
    postalCode,
    phone,
    email: random.chance(0.5) ? `${random.text(8, 'abcdefghijkmnpqrstuvwxyz')}@example.com` : '',
  }
}
