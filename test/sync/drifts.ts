/** A record as Helcim sends it. */
export type Row = Readonly<Record<string, unknown>>

const without = (row: Row, key: string): Row => Object.fromEntries(Object.entries(row).filter(([name]) => name !== key))
export const renamed = (row: Row, key: string): Row => ({ ...without(row, key), [`${key}New`]: row[key] })

/** One key of a record as a later version of Helcim might write it. */
export const DRIFTS: Readonly<Record<string, (row: Row, key: string) => Row>> = {
  missing: without,
  renamed,
  null: (row, key) => ({ ...row, [key]: null }),
  'an unknown word': (row, key) => ({ ...row, [key]: 'surprise' }),
  'another number': (row, key) => ({ ...row, [key]: -7.5 }),
  'a flag': (row, key) => ({ ...row, [key]: true }),
  'an object': (row, key) => ({ ...row, [key]: { value: row[key] } }),
  'beside a new one': (row, key) => ({ ...row, [`${key}Details`]: [{ since: '2026-10-14', of: key }] }),
}

/** What a record says, but for tokens, which are cut out of what is kept. */
export const essence = (row: Row): string => JSON.stringify(sorted(row))

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .filter(([key, member]) => !/token/i.test(key) && member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => [key, sorted(member)])
}
