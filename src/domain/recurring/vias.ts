import type { Via } from './sides.ts'

/** Where a payment method says that money comes in; `card_bank` and words that we do not know leave it open. */
export function viasOf(method: string): readonly Via[] {
  if (method === 'card') return ['card']
  return method === 'bank' ? ['ach'] : ['card', 'ach']
}
