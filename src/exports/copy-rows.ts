import { CONTENT_OFFSET } from '../db/copy-out.ts'

/**
 * The rows of `COPY … TO STDOUT (format binary)`: of each its number of fields as two bytes, and of each field its length
 * as four bytes (−1 for null, then no bytes) and its bytes. The first message begins with a header, and the last one holds
 * −1 as a number of fields (https://www.postgresql.org/docs/current/sql-copy.html).
 */
const HEADER_LENGTH = 19
const COUNT_LENGTH = 2
const LENGTH_LENGTH = 4

/** Where the fields of a row begin in `bytes`, and the row ends. Holds until `onRow` returns. */
export type OnRow = (bytes: Buffer, start: number, end: number) => void

/**
 * Passes each row on as it lies in its chunk: nothing is copied.
 * @returns hands over the next chunk, as `CopyOut` gives them
 */
export function createRowReader(onRow: OnRow): (chunk: Buffer) => void {
  let headerLength = HEADER_LENGTH
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      const end = at + 1 + int32At(chunk, at + 1)
      const row = at + CONTENT_OFFSET + headerLength
      headerLength = 0
      const isLast = chunk[row] === 0xff
      if (!isLast) onRow(chunk, row + COUNT_LENGTH, end)
      at = end
    }
  }
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
