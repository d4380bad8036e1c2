import type { IncomingHttpHeaders } from 'node:http'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

/** The text of an answer. */
export interface AnswerBody {
  readonly text: string
  /** False when bytes had to be replaced by U+FFFD: the records that hold one cannot be trusted. */
  readonly isUtf8: boolean
}

/** An answer that is no text, or more of it than we are prepared to hold. */
export class BodyError extends Error {
  override readonly name = 'BodyError'
}

/**
 * Unpacks and decodes the bytes of an answer. The cap holds for what comes out, too: a small packed body may unfold to
 * gigabytes, and unpacking stops at the cap. A byte order mark is dropped, as RFC 8259 allows.
 * @throws BodyError
 */
export async function decodeBody(bytes: Buffer, headers: IncomingHttpHeaders, capBytes: number): Promise<AnswerBody> {
  return decodeText(await unpack(bytes, headers['content-encoding'] ?? 'identity', capBytes))
}

const unpackGzip = promisify(gunzip)

async function unpack(bytes: Buffer, encoding: string, capBytes: number): Promise<Buffer> {
  if (encoding === 'identity' || bytes.length === 0) return bytes
  if (encoding !== 'gzip') throw new BodyError(`encoded as ${encoding.slice(0, 40)}, which we did not ask for`)
  try {
    return await unpackGzip(bytes, { maxOutputLength: capBytes })
  } catch (error) {
    const isTooLarge = error instanceof RangeError
    throw new BodyError(isTooLarge ? `more than ${capBytes} bytes when unpacked` : 'broken gzip', { cause: error })
  }
}

function decodeText(bytes: Buffer): AnswerBody {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), isUtf8: true }
  } catch {
    return { text: new TextDecoder('utf-8').decode(bytes), isUtf8: false }
  }
}

/** The status decides also where the body cannot be read: then there are no words but our complaint. */
export async function tryDecodeBody(
  bytes: Buffer,
  headers: IncomingHttpHeaders,
  capBytes: number,
): Promise<{ body: AnswerBody; complaint: string | null }> {
  try {
    return { body: await decodeBody(bytes, headers, capBytes), complaint: null }
  } catch (error) {
    if (!(error instanceof BodyError)) throw error
    return { body: { text: '', isUtf8: true }, complaint: error.message }
  }
}
