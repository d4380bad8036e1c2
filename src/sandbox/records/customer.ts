import type { Instant } from '../../domain/clock.ts'
import type { Card } from '../rows.ts'

export interface Address {
  readonly name: string
  readonly street1: string
  readonly street2: string
  readonly city: string
  readonly province: string
  readonly country: string
  readonly postalCode: string
  readonly phone: string
  readonly email: string
}

export interface CardOnFile {
  readonly id: bigint
  readonly card: Card
  /** MMYY, as Helcim writes it. */
  readonly expiry: string
  readonly createdAt: Instant
  readonly updatedAt: Instant
  readonly isDefault: boolean
}

export interface BankAccount {
  readonly id: bigint
  /** Last four of the transit, last four of the account, run together. */
  readonly lastFours: bigint
}

export interface CustomerRow {
  readonly id: bigint
  readonly code: string
  readonly businessName: string
  readonly contactName: string
  readonly createdAt: Instant
  /** null until the first change; a change of the cards does not count (API.md §10). */
  readonly updatedAt: Instant | null
  readonly cellphone: string
  readonly billingAddress: Address | null
  readonly shippingAddress: Address | null
  readonly cards: readonly CardOnFile[]
  /** No read of the customer shows it. */
  readonly bankAccount: BankAccount
}

/** @throws Error when no card is the default one */
export function defaultCard({ code, cards }: CustomerRow): CardOnFile {
  const card = cards.find(({ isDefault }) => isDefault)
  if (!card) throw new Error(`customer ${code} has no default card`)
  return card
}
