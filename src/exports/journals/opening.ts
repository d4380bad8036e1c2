import type { FileLine } from './entry.ts'
import { type FileFacts, STANDING_KEYS } from './format.ts'

/**
 * What stood before the first day, against equity: so that a file of one month shows true balances by itself. Files of
 * several months are not put together; one of all of them is asked for instead.
 */
export function openingLines({ opening, settings: { chart } }: FileFacts, currency: string): FileLine[] {
  const lines = STANDING_KEYS.flatMap((key): FileLine[] => {
    const amountMinor = opening.get(`${currency} ${key}`) ?? 0n
    return amountMinor === 0n ? [] : [{ key, account: chart[key], amountMinor }]
  })
  const sum = lines.reduce((total, { amountMinor }) => total + amountMinor, 0n)
  return sum === 0n ? lines : [...lines, { key: 'opening', account: chart.opening, amountMinor: -sum }]
}
