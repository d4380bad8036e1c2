import type { Duplex } from 'node:stream'
import type pg from 'pg'

/** First bytes of messages. After it come four bytes of length, which count themselves, and then the content. */
const [COPY_DATA, COPY_DONE, ERROR_RESPONSE] = [0x64, 0x63, 0x45]
/** How far behind the beginning of a message its content begins. */
export const CONTENT_OFFSET = 5

type OnData = (bytes: Buffer) => void

/**
 * `COPY … TO STDOUT` for `client.query`, read from the connection's socket in the driver's place until the last row or an
 * error. The driver makes an object of each message, and a million rows are a million messages; here a chunk of the
 * socket is handed on as it is. Nothing more is read from the server before the reader asks for it.
 */
export class CopyOut implements pg.Submittable {
  /** What the server says it sent; known when all messages are read. */
  countRows = 0
  readonly #statement: string
  #socket: Duplex | null = null
  #driver: OnData = () => {}
  #rest: Buffer = Buffer.alloc(0)
  #joined: Buffer = Buffer.alloc(0)
  readonly #arrived: Buffer[] = []
  #end: { readonly error: Error | null } | null = null
  #wake: () => void = () => {}

  constructor(statement: string) {
    this.#statement = statement
  }

  /**
   * Whole CopyData messages in each chunk and nothing else, of which the server sends one per row
   * (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY). To be read once, to the end; a chunk holds
   * until the next one is asked for.
   */
  async *messages(): AsyncGenerator<Buffer> {
    for (;;) {
      for (let chunk = this.#arrived.shift(); chunk; chunk = this.#arrived.shift()) yield chunk
      if (this.#end?.error) throw this.#end.error
      if (this.#end) return
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#socket?.resume()
      await woken
    }
  }

  submit(connection: pg.Connection): void {
    const { stream } = connection
    const [driver, ...others] = stream.listeners('data')
    if (driver === undefined || others.length > 0) throw new Error('the connection is not read by its driver alone')
    this.#driver = driver as OnData
    this.#socket = stream
    stream.off('data', this.#driver).on('data', this.#onData)
    connection.query(this.#statement)
  }

  handleCommandComplete({ text }: { text: string }): void {
    this.countRows = Number(/^COPY (\d+)$/.exec(text)?.[1])
  }

  handleReadyForQuery(): void {
    this.#finish(null)
  }

  handleError(error: Error): void {
    this.#finish(error)
  }

  readonly #onData: OnData = (chunk) => {
    const bytes = this.#join(chunk)
    let start = 0
    let end = 0
    while (end + CONTENT_OFFSET <= bytes.length) {
      const kind = bytes[end]
      const next = end + 1 + bytes.readUInt32BE(end + 1)
      if (kind === COPY_DONE || kind === ERROR_RESPONSE) {
        this.#pass(bytes.subarray(start, end))
        return this.#giveBack(bytes.subarray(end))
      }
      if (next > bytes.length) break
      if (kind !== COPY_DATA) {
        this.#pass(bytes.subarray(start, end))
        this.#driver(bytes.subarray(end, next))
        start = next
      }
      end = next
    }
    this.#pass(bytes.subarray(start, end))
    this.#rest = bytes.subarray(end)
  }

  /**
   * What was left over with what came, always in the same place: the socket gives nothing before all of that is read, and a
   * new buffer for each chunk would keep the garbage collector busy.
   */
  #join(chunk: Buffer): Buffer {
    const rest = this.#rest
    if (rest.length === 0) return chunk
    const length = rest.length + chunk.length
    if (this.#joined.length < length) this.#joined = Buffer.allocUnsafe(2 * length)
    const joined = this.#joined.subarray(0, length)
    joined.set(rest)
    joined.set(chunk, rest.length)
    return joined
  }

  #pass(messages: Buffer): void {
    if (messages.length === 0) return
    this.#arrived.push(messages)
    this.#socket?.pause()
    this.#wake()
  }

  #giveBack(bytes: Buffer): void {
    this.#socket?.off('data', this.#onData).on('data', this.#driver)
    this.#socket?.resume()
    this.#socket = null
    this.#driver(bytes)
  }

  #finish(error: Error | null): void {
    this.#end = { error }
    this.#wake()
  }
}
