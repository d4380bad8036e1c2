import type { HelcimId, HelcimTime } from './record.ts'

/** A card that a customer has on file. */
export interface CustomerCard {
  readonly cardId: HelcimId
  readonly holderName: string | null
  /** First six and last four, in the one form `412493******9990`. */
  readonly numberMasked: string | null
  readonly cardToken: string | null
  /** MMYY, as Helcim writes it. */
  readonly expiry: string | null
  readonly created: HelcimTime
  readonly updated: HelcimTime
  readonly isDefault: boolean
}

export interface Customer {
  readonly customerId: HelcimId
  /** What card transactions and subscriptions name. */
  readonly code: string
  readonly businessName: string | null
  readonly contactName: string | null
  readonly cellphone: string | null
  readonly created: HelcimTime
  /** Does not follow changes of the cards (API.md §10). */
  readonly updated: HelcimTime
  /** null when the answer does not speak of cards, which is another thing than having none. */
  readonly cards: readonly CustomerCard[] | null
}
