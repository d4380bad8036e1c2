import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { UnreadableFile } from '../../read-file.ts'
import type { JournalControl } from '../control.ts'

/** What stands in a journal file, in its own words: amounts as decimals, debit positive. */
export type ReadItem =
  | {
      readonly is: 'line'
      readonly entry: string
      /** `2026-10-31` */
      readonly on: string
      readonly account: string
      readonly currency: string
      readonly amount: string
      /** Carried over from before the period. */
      readonly isOpening: boolean
    }
  /** What the file says must stand at its end. */
  | { readonly is: 'balance'; readonly account: string; readonly currency: string; readonly amount: string }

/** Reads one format, by code that shares nothing with what writes it. @throws UnreadableFile with what is wrong */
export type JournalReader = (lines: AsyncIterable<string>, control: JournalControl) => AsyncIterable<ReadItem>

/** The lines of a file, each with its ending, and the hash of its bytes once they were read. */
export function openLines(path: string): { lines: AsyncIterable<string>; sha256: () => string } {
  const hash = createHash('sha256')
  async function* lines() {
    const decoder = new TextDecoder('utf-8', { fatal: true })
    let rest = ''
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) {
      hash.update(chunk)
      const parts = (rest + decodedBy(decoder, chunk)).split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) yield `${part}\n`
    }
    if (rest !== '') throw new UnreadableFile('its last line does not end')
  }
  return { lines: lines(), sha256: () => hash.digest('hex') }
}

function decodedBy(decoder: InstanceType<typeof TextDecoder>, chunk: Buffer): string {
  try {
    return decoder.decode(chunk, { stream: true })
  } catch (cause) {
    throw new UnreadableFile('it is not UTF-8', { cause })
  }
}

/** Of a file that names no currency: that of its control file. */
export function currencyOf({ currency }: JournalControl): string {
  if (currency === null) throw new UnreadableFile('its control file names no currency')
  return currency
}

/** The one account that a statement is of. */
export const accountOf = ({ accounts }: JournalControl): string => Object.keys(accounts)[0] ?? ''

/** Takes the ending off. @throws UnreadableFile where the line ends in another one */
export function withoutEnd(line: string, ending: '\n' | '\r\n'): string {
  const isRight = ending === '\r\n' ? line.endsWith('\r\n') : !line.endsWith('\r\n')
  if (!isRight) throw new UnreadableFile(`a line ends in the wrong way: ${line.slice(0, 60).trimEnd()}`)
  return line.slice(0, -ending.length)
}
