/** A seeded source of chance: equal seeds give equal draws on every machine. */
export interface Random {
  /** In [0, 1). */
  fraction(): number
  /** Both bounds included. */
  integer(min: number, max: number): number
  chance(probability: number): boolean
  pick<T>(items: readonly T[]): T
  text(length: number, alphabet: string): string
}

type SeedPart = string | number | bigint

/** @param seed parts that name the stream, e.g. (seed, 'day', '2026-10-01'): streams never disturb each other */
export function createRandom(...seed: readonly SeedPart[]): Random {
  let state = hash32(...seed)
  // mulberry32: small, fast, and good enough for invented customers.
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const integer = (min: number, max: number) => min + Math.floor(fraction() * (max - min + 1))
  return {
    fraction,
    integer,
    chance: (probability) => fraction() < probability,
    pick(items) {
      const item = items[integer(0, items.length - 1)]
      if (item === undefined) throw new Error('nothing to pick from')
      return item
    },
    text: (length, alphabet) => Array.from({ length }, () => alphabet.charAt(integer(0, alphabet.length - 1))).join(''),
  }
}

/** FNV-1a with a final mix: the same parts always give the same 32 bits. */
export function hash32(...parts: readonly SeedPart[]): number {
  let hash = 0x811c9dc5
  const text = parts.join('\u0000')
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** 32 bits out of three numbers: for what is drawn ten million times, where joining texts would cost most of the time. */
export function mix32(seed: number, salt: number, place: number): number {
  let mixed = Math.imul(seed ^ Math.imul(salt, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(place + 1, 0xc2b2ae35)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
