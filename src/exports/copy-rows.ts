/**
 * The rows of `COPY … TO STDOUT (format binary)`: of each its number of fields as two bytes, and of each field its length
 * as four bytes (−1 for null, then no bytes) and its bytes. A header comes before them, and −1 as a number of fields after them.
 */
const HEADER_LENGTH = 19
const COUNT_LENGTH = 2
const LENGTH_LENGTH = 4

/** Where the fields of a row begin in `bytes`, and the row ends. Holds until `onRow` returns. */
export type OnRow = (bytes: Buffer, start: number, end: number) => void

/**
 * Passes each row on as it lies in its chunk: nothing is copied but rows that came in two parts.
 * @returns hands over the next chunk
 */
export function createRowReader(onRow: OnRow): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let start = HEADER_LENGTH
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const end = endOfRow(bytes, start)
      if (end === null) break
      onRow(bytes, start + COUNT_LENGTH, end)
      start = end
    }
    const countDone = Math.min(start, bytes.length)
    rest = bytes.subarray(countDone)
    start -= countDone
  }
}

/** Null while a part of it is to come, and for the end of all rows. */
function endOfRow(bytes: Buffer, start: number): number | null {
  if (start + COUNT_LENGTH > bytes.length) return null
  const countFields = bytes.readInt16BE(start)
  if (countFields < 0) return null
  let at = start + COUNT_LENGTH
  for (let field = 0; field < countFields; field += 1) {
    if (at + LENGTH_LENGTH > bytes.length) return null
    at += LENGTH_LENGTH + Math.max(0, int32At(bytes, at))
  }
  return at <= bytes.length ? at : null
}

/** How far behind the beginning of a field its value begins. */
export const VALUE_OFFSET = LENGTH_LENGTH

/** By hand: `readInt32BE` checks its arguments, which costs more than the reading. */
export const int32At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 24) |
  ((bytes[at + 1] as number) << 16) |
  ((bytes[at + 2] as number) << 8) |
  (bytes[at + 3] as number)

/** Exact where the number has no more than 53 bits. */
export const int64At = (bytes: Uint8Array, at: number): number =>
  int32At(bytes, at) * 2 ** 32 + (int32At(bytes, at + 4) >>> 0)
