import type { MismatchCode } from '../domain/mismatch.ts'
import type { Check } from './recurring-checks.ts'

/** Families F and G: refunds, reverses and repeated sales by card. */
export const CARD_MONEY_CHECKS = {
  refund_without_original: {
    subject: 'card_transaction',
    severity: 'medium',
    meaning:
      'A refund for which no sale is found. Helcim names none with it: looked for is a sale of the same card and currency, by the refund’s invoice number or else of at least its amount, made and settled before it. It is only said when all days of the 180 before the refund were read, and waits until then.',
    example: 'On 9 October 75.00 CAD were refunded to card 545454******1008, which had bought nothing since April.',
    advice:
      'Ask who made the refund and what for; where the sale is older, or was paid by other means, accept this with a note.',
  },
  refund_exceeds_original: {
    subject: 'card_transaction',
    severity: 'critical',
    meaning:
      'The refunds of a card add up to more than was paid: however they are shared out among its sales, something is given back that was not taken. Said of the sale; partial refunds that add up to it, or to less, are none of these.',
    example: 'A sale of 100.00 CAD was refunded with 60.00 on 3 October and with 60.00 again on the 6th.',
    advice: 'Look at the sale and its refunds in Helcim; where one refund is too many, claim the money back.',
  },
  reverse_without_original: {
    subject: 'card_transaction',
    severity: 'medium',
    meaning:
      'A reverse does not name what it voids. Within its batch nothing of its card and amount is left that it can have voided, or a sale, a refund or a preauthorization can be it and Helcim’s figures of the batch do not tell which. The latter stands in suspense in exports.',
    example:
      'Batch 4209764 holds a sale and a refund of 25.00 CAD by one card and one reverse; the batch does not tie out.',
    advice: 'Look the reverse up in Helcim’s dashboard, which shows what it voided; correct the books where needed.',
  },
  reverse_after_close: {
    subject: 'card_transaction',
    severity: 'high',
    meaning:
      'A reverse was made in a batch after that had closed, or voids a sale whose batch had closed before. Helcim allows neither: what is settled can only be refunded.',
    example: 'Batch 4209764 closed at 17:00; at 18:20 a reverse of one of its sales was made in the next batch.',
    advice: 'Find out from the bank whether the sale was deposited, and whether the reverse took its money back.',
  },
  transaction_duplicated: {
    subject: 'card_transaction',
    severity: 'high',
    meaning:
      'An approved sale with the same card, amount and currency as another one at most 10 minutes before it, unless both were expected as payments of subscriptions. None when one of the two was voided or refunded in full since, and none what Helcim itself declined as a suspected duplicate. A refund that names nothing and can be of another sale of that card and amount as well settles none: the mismatch names it.',
    example: 'Transactions 30537112 and 30537115 took 49.99 CAD from one card, 40 seconds apart.',
    advice: 'Ask the customer, or look at the receipts: if it was bought once, reverse or refund the later one.',
  },
} as const satisfies Partial<Record<MismatchCode, Check>>

export type CardMoneyCode = keyof typeof CARD_MONEY_CHECKS
