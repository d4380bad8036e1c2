import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { FAULT_ANSWERS, type FaultAct } from '../../src/sandbox/faults/acts.ts'
import type { Look } from '../days/support.ts'
import { countOf, mirrored, missed, PAGE_LIMIT, read, rest, served, withShop, wrong } from './support.ts'

const LIST = '/card-transactions'
const SMALL = String(PAGE_LIMIT)

/** What each attempt to read a page meets before an honest answer. */
const SPOILED: readonly FaultAct[] = [
  FAULT_ANSWERS['error-500'],
  FAULT_ANSWERS['error-502'],
  FAULT_ANSWERS['error-503'],
  FAULT_ANSWERS['html-522'],
  FAULT_ANSWERS['html-200'],
  { kind: 'cut', when: 'before-effect' },
  { kind: 'cut', when: 'in-answer' },
  { kind: 'truncated' },
  { kind: 'wrong-length', offBy: 7 },
  { kind: 'duplicate-keys' },
  { kind: 'byte-order-mark' },
  { kind: 'deep-nesting', depth: 10_000 },
  { kind: 'oversize', bytes: 500 * 1024 * 1024 },
  { kind: 'gzip-bomb', bytes: 40 * 1024 * 1024 },
]

describe('faults 13 to 16: answers that are none', () => {
  it('each page spoiled once in another way: after the retries the mirror equals the rows, wrong rows 0', async () => {
    await withShop({}, async (look) => {
      const pageLimit = Math.floor(served(look).length / SPOILED.length)
      const rules = SPOILED.map((act, index) =>
        look.sandbox.faults.add({ match: { path: LIST, query: { page: String(index + 1) } }, act }),
      )
      const pull = await read(look, { cause: 'spoiled', pageLimit })
      expect(rules.map((rule) => rule.countStruck())).toEqual(SPOILED.map(() => 1))
      expect(pull.state).toBe('complete')
      expect(await mirrored(look)).toEqual(served(look))
      expect(await countOf(look, 'helcim.record_versions')).toBe(0)
    })
  })

  it.each(['huge-number', 'huge-integer'] as const)(
    '%s: the row waits unread, and is there after the next read',
    async (kind) => {
      await withShop({}, async (look) => {
        const match = { path: LIST, query: { page: '2', limit: SMALL } }
        look.sandbox.faults.add({ match, act: { kind } })
        await read(look, { cause: 'spoiled' })
        expect(await wrong(look)).toEqual([])
        expect((await missed(look)).length).toBeLessThanOrEqual(1)
        await read(look, { cause: 'again' })
        expect(await mirrored(look)).toEqual(served(look))
        // A row whose id could not be read cannot be recognised later: it stays on record for a person.
        expect(await countOf(look, 'helcim.undecoded_records')).toBe(kind === 'huge-number' ? 0 : 1)
      })
    },
  )
})

/** Ends every connection to the database of the look but its own. @returns how many */
async function endConnections({ runtime }: Look): Promise<number> {
  const client = new pg.Client({ connectionString: runtime.database.url })
  await client.connect()
  try {
    const { rowCount } = await client.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    return rowCount ?? 0
  } finally {
    await client.end()
  }
}

describe('fault 9: connections to Postgres end while a pull runs', () => {
  it('rows lost 0, half pages visible 0, everything complete', async () => {
    await withShop({}, async (look) => {
      let countEnded = 0
      const halfPages: number[] = []
      const before = async () => {
        countEnded += await endConnections(look)
      }
      const after = async () => {
        const [row] = await look.query(`select count_rows, (select count(*) from helcim.card_transactions) as rows
          from recon.pulls where cause = 'torn'`)
        halfPages.push(Number(row?.rows) - Number(row?.count_rows))
      }
      const match = { path: LIST, query: { limit: '7' } }
      for (const nth of [2, 4, 7]) look.sandbox.faults.add({ match: { ...match, nth }, act: { kind: 'hook', before } })
      look.sandbox.faults.add({ match: { ...match, nth: 5, times: 1 }, act: { kind: 'hook', after } })
      const pull = await read(look, { cause: 'torn', pageLimit: 7 })
      await rest(look)
      expect(countEnded).toBeGreaterThan(3)
      expect(halfPages).toEqual([0])
      expect(pull).toMatchObject({ state: 'complete', countRows: served(look).length })
      expect(await mirrored(look)).toEqual(served(look))
    })
  })
})
