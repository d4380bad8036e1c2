/**
 * All sums that one value of each of some parts can come to, up to a limit: a bit for each of them, so that any number of
 * parts costs as many passes as there are values.
 */
export interface ReachableSums {
  /** Takes in one more part, of which one of these values is in each sum. */
  add(values: readonly number[]): void
  has(sum: number): boolean
}

const BITS = 32

/** @param limit values and sums are whole numbers from 0; those above it are nowhere */
export function createReachableSums(limit: number): ReachableSums {
  const countWords = Math.floor(limit / BITS) + 1
  let sums = new Uint32Array(countWords)
  sums[0] = 1
  return {
    add(values) {
      const next = new Uint32Array(countWords)
      for (const value of values) if (value <= limit) addShifted(next, sums, value)
      sums = next
    },
    has: (sum) => sum >= 0 && sum <= limit && ((sums[Math.floor(sum / BITS)] ?? 0) & (1 << (sum % BITS))) !== 0,
  }
}

/** Adds to `next` each sum of `sums`, `by` more. */
function addShifted(next: Uint32Array, sums: Uint32Array, by: number): void {
  const [words, bits] = [Math.floor(by / BITS), by % BITS]
  for (let word = next.length - 1; word >= words; word -= 1) {
    const low = (sums[word - words] ?? 0) << bits
    // A shift by 32 would be one by none.
    const carried = bits === 0 ? 0 : (sums[word - words - 1] ?? 0) >>> (BITS - bits)
    next[word] = (next[word] ?? 0) | low | carried
  }
}
