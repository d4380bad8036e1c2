import type { Instant } from './clock.ts'

/** Helcim's ids are 64-bit; a double would be wrong from 2^53 on (API.md, point 23). */
export type HelcimId = bigint

/** Instants as Helcim writes them: the text as received, beside the instant that we understood (null: no date). */
export interface HelcimTime {
  readonly text: string
  readonly instant: Instant | null
}

/** A value of a known field that is outside the values we know: kept, reported as `value_unknown`, never counted. */
export interface UnknownValue {
  readonly field: string
  readonly value: string
}

/** One record of a page that could be read. */
export interface DecodedRecord<R> {
  readonly id: HelcimId
  readonly record: R
  /** JSON text of what was received, numbers with their digits, without card token and without full card numbers. */
  readonly raw: string
  /** Hex digest over everything received (the secret parts included), keys sorted: equal hash = nothing changed. */
  readonly contentHash: string
  readonly unknownValues: readonly UnknownValue[]
  /** True when a full card number stood in a text field and was masked before it went anywhere. */
  readonly cardNumberMasked: boolean
}

/** One record of a page that could not be read: kept raw, reported as `record_undecodable`; the page goes on. */
export interface UndecodableRecord {
  /** The record's id where it could be read, else `sha256 <32 hex digits>` of `raw`. */
  readonly key: string
  readonly raw: string
  readonly reason: string
}

export interface DecodedPage<R> {
  readonly records: readonly DecodedRecord<R>[]
  readonly undecodable: readonly UndecodableRecord[]
}
