import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import type pg from 'pg'
import { expect, it } from 'vitest'
import { CONTENT_OFFSET, CopyOut } from '../../src/db/copy-out.ts'

/** As the server sends it: kind, length with itself, content. */
function message(kind: string, content: string): Buffer {
  const bytes = Buffer.alloc(CONTENT_OFFSET + Buffer.byteLength(content))
  bytes.write(kind)
  bytes.writeUInt32BE(bytes.length - 1, 1)
  bytes.write(content, CONTENT_OFFSET)
  return bytes
}

function contentsOf(chunk: Buffer): string[] {
  const contents: string[] = []
  for (let at = 0; at < chunk.length; ) {
    const end = at + 1 + chunk.readUInt32BE(at + 1)
    expect(chunk.toString('latin1', at, at + 1)).toBe('d')
    expect(end).toBeLessThanOrEqual(chunk.length)
    contents.push(chunk.toString('utf8', at + CONTENT_OFFSET, end))
    at = end
  }
  return contents
}

/** The driver's side of a connection: what it is handed, and the answer to a statement as chunks of a socket. */
function connect(answer: Buffer, cuts: readonly number[], onDriven: (all: string, copy: CopyOut) => void) {
  const stream = new PassThrough()
  let driven = ''
  const copy = new CopyOut('copy it')
  stream.on('data', (bytes: Buffer) => {
    driven += bytes.toString('latin1')
    onDriven(driven, copy)
  })
  copy.submit({
    stream,
    query(statement: string) {
      expect(statement).toBe('copy it')
      const places = [...new Set(cuts.map((cut) => cut % answer.length))].sort((a, b) => a - b)
      for (const [index, place] of [...places, answer.length].entries()) {
        stream.write(answer.subarray(places[index - 1] ?? 0, place))
      }
    },
  } as unknown as pg.Connection)
  return { copy, driven: () => driven }
}

const rows = fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { maxLength: 30 })
const cuts = fc.array(fc.nat(), { maxLength: 60 })
const notices = fc.array(fc.nat({ max: 30 }), { maxLength: 3 })

it('rows come whole and in order however the answer is cut, and everything else goes to the driver', () =>
  fc.assert(
    fc.asyncProperty(rows, cuts, notices, async (contents, places, noticesBefore) => {
      const sent = contents.flatMap((content, index) => [
        ...(noticesBefore.includes(index) ? [message('N', `notice ${index}`)] : []),
        message('d', content),
      ])
      const end = [message('c', ''), message('C', `COPY ${contents.length}\0`), message('Z', 'T')]
      const answer = Buffer.concat([message('H', '\0\0\0'), ...sent, ...end])
      const ending = Buffer.concat(end).toString('latin1')
      const { copy, driven } = connect(answer, places, (all, one) => {
        if (!all.endsWith(ending)) return
        one.handleCommandComplete({ text: `COPY ${contents.length}` })
        one.handleReadyForQuery()
      })
      const read: string[] = []
      for await (const chunk of copy.messages()) read.push(...contentsOf(chunk))
      expect(read).toEqual(contents)
      expect(copy.countRows).toBe(contents.length)
      const noticed = contents.flatMap((_, index) => (noticesBefore.includes(index) ? [`notice ${index}`] : []))
      expect(driven().match(/notice \d+/g) ?? []).toEqual(noticed)
    }),
    { numRuns: 200 },
  ))

it('an error in the middle comes after the rows before it, and the driver has read it', async () => {
  const answer = Buffer.concat([message('H', ''), message('d', 'one'), message('E', 'out of it'), message('Z', 'E')])
  const { copy, driven } = connect(answer, [3, 9, 20], (all, one) => {
    if (all.includes('out of it')) one.handleError(new Error('out of it'))
  })
  const read: string[] = []
  const reading = (async () => {
    for await (const chunk of copy.messages()) read.push(...contentsOf(chunk))
  })()
  await expect(reading).rejects.toThrow('out of it')
  expect(read).toEqual(['one'])
  expect(driven()).toContain('out of it')
})

it('nothing more is read from the socket than was asked for', async () => {
  const answer = Buffer.concat(Array.from({ length: 50 }, (_, index) => message('d', `row ${index}`)))
  const { copy } = connect(
    answer,
    Array.from({ length: 49 }, (_, index) => (index + 1) * 10),
    () => {},
  )
  const messages = copy.messages()
  expect(contentsOf((await messages.next()).value as Buffer)).toEqual(['row 0'])
  await new Promise(setImmediate)
  expect(contentsOf((await messages.next()).value as Buffer)).toEqual(['row 1'])
})

it('a connection that others read from is refused', () => {
  const stream = new PassThrough()
  stream.on('data', () => {}).on('data', () => {})
  const submit = () => new CopyOut('copy it').submit({ stream, query: () => {} } as unknown as pg.Connection)
  expect(submit).toThrow('the connection is not read by its driver alone')
})
