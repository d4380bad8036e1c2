import pino from 'pino'
import { describe, expect, it } from 'vitest'
import type { JobContext } from '../../src/context.ts'
import { copyTransaction } from '../../src/db/client.ts'
import { listResourceStates } from '../../src/db/coverage.ts'
import { cardTerminalMirror } from '../../src/db/mirror/card-terminals.ts'
import { storeRecords } from '../../src/db/mirror/store-records.ts'
import { loadPull } from '../../src/db/pulls.ts'
import type { CardTerminal } from '../../src/domain/card-terminal.ts'
import { type Instant, toInstant } from '../../src/domain/clock.ts'
import type { DecodedRecord } from '../../src/domain/record.ts'
import { resourceOf } from '../../src/jobs/sync/resources.ts'
import { FAULT_ANSWERS } from '../../src/sandbox/faults/acts.ts'
import type { Look } from '../days/support.ts'
import { ask, countOf, mirrored, PAGE_LIMIT, read, rest, served, withShop } from './support.ts'

const LIST = '/card-transactions'
const ALWAYS = Number.POSITIVE_INFINITY

/** A job's context outside the queue, and what it told as an error. */
function contextOf({ runtime }: Look): { context: JobContext; told: string[] } {
  const told: string[] = []
  const log = pino({ level: 'error' }, { write: (line: string) => void told.push(line) })
  const signal = new AbortController().signal
  return { context: { ...runtime.services, enqueue: runtime.enqueue, log, signal, isLastAttempt: false }, told }
}

describe('a page', () => {
  it('read by several runs at once is stored once, and its walk goes on as one', async () => {
    await withShop({}, async (look) => {
      const { context } = contextOf(look)
      const pull = await ask(look, { cause: 'at once' })
      const run = () => resourceOf('card_transaction').readPage(context, pull)
      await Promise.all([run(), run(), run()])
      await rest(look)
      // One that comes when all is over finds its page read.
      await run()
      await rest(look)
      const ended = await loadPull(context.db, pull)
      const countRows = served(look).length
      expect(ended).toMatchObject({ state: 'complete', walk: 1, countRows, countChanged: countRows })
      expect(await mirrored(look)).toEqual(served(look))
      expect(await countOf(look, 'helcim.record_versions')).toBe(0)
    })
  })

  it('in which nothing changed writes no row; a changed row is written, and its former version kept', async () => {
    await withShop({}, async (look) => {
      const rows = () => look.query('select transaction_id, xmin::text from helcim.card_transactions order by 1')
      await read(look, { cause: 'first' })
      const first = await rows()
      expect((await read(look, { cause: 'second' })).countChanged).toBe(0)
      expect(await rows()).toEqual(first)

      const [, changed] = look.sandbox.state.merchant().transactions()
      if (!changed) throw new Error('no row')
      look.sandbox.state.merchant().alterTransaction(changed.id, { amountMinor: changed.amountMinor + 1n })
      expect((await read(look, { cause: 'third' })).countChanged).toBe(1)
      const third = await rows()
      expect(third.filter((row, index) => row.xmin !== first[index]?.xmin)).toHaveLength(1)
      expect(await mirrored(look)).toEqual(served(look))
      expect(await look.query('select record_id::text, changed from helcim.record_versions')).toEqual([
        { record_id: String(changed.id), changed: { amount_minor: String(changed.amountMinor) } },
      ])
    })
  })

  it('whose changed row holds what Postgres cannot hold in a text is stored all the same, the received text kept', async () => {
    await withShop({}, async (look) => {
      await read(look, { cause: 'first' })
      const merchant = look.sandbox.state.merchant()
      const [, row] = merchant.transactions()
      if (!row) throw new Error('no row')
      const holderName = `a\u0000b\ud800c"\\u0000'`
      merchant.alterTransaction(row.id, { card: { ...row.card, holderName } })
      expect(await read(look, { cause: 'second' })).toMatchObject({ state: 'complete', countChanged: 1 })
      const stored = await look.query(
        `select card_holder_name as name, raw::text as raw from helcim.card_transactions where transaction_id = ${row.id}`,
      )
      expect(stored[0]?.name).toBe(`a\ufffdb\ufffdc"\\u0000'`)
      expect(JSON.parse(String(stored[0]?.raw)).cardHolderName).toBe(holderName)
    })
  })
})

function terminal(nickname: string, contentHash: string): DecodedRecord<CardTerminal> {
  const id = 77n
  const record: CardTerminal = { terminalId: id, nickname, currency: 'CAD', status: 'ACTIVE' }
  const raw = JSON.stringify({ id: 77, nickname })
  return { id, record, raw, contentHash: contentHash.repeat(64), unknownValues: [], cardNumberMasked: false }
}

it('an older observation never replaces a newer one, and a newer one always an older', async () => {
  await withShop({}, async (look) => {
    const { db, account, clock } = look.runtime.services
    const { accountId } = account
    const startedAt = clock.now()
    const at = (ms: number): Instant => toInstant(startedAt + ms)
    const store = (observedAt: Instant, record: DecodedRecord<CardTerminal>) =>
      copyTransaction(db, (tx) =>
        storeRecords(tx, cardTerminalMirror, { accountId, observedAt, storedAt: observedAt, records: [record] }),
      )
    const nickname = async () => (await look.query('select nickname from helcim.card_terminals'))[0]?.nickname

    expect(await store(at(1_000), terminal('newer', 'a'))).toEqual({ countNew: 1, countChanged: 0 })
    expect(await store(at(500), terminal('older', 'b'))).toEqual({ countNew: 0, countChanged: 0 })
    expect(await nickname()).toBe('newer')
    expect(await store(at(2_000), terminal('newest', 'c'))).toEqual({ countNew: 0, countChanged: 1 })
    expect(await nickname()).toBe('newest')
    expect(await look.query(`select raw->>'nickname' as nickname from helcim.record_versions`)).toEqual([
      { nickname: 'newer' },
    ])
  })
})

describe('a token that is refused', () => {
  it('for good (401) stops the account: at most 3 more calls, and none afterwards', async () => {
    await withShop({}, async (look) => {
      await read(look, { cause: 'before' })
      const countBefore = look.sandbox.calls().length
      look.sandbox.tokens.revoke('default')
      await look.pullAgain()
      await look.pullAgain()
      const refused = look.sandbox.calls().slice(countBefore)
      expect(refused.map((call) => call.status)).toContain(401)
      expect(refused.length).toBeLessThanOrEqual(3)
      for (let time = 0; time < 3; time += 1) await read(look, { cause: `after ${time}` })
      expect(look.sandbox.calls().length - countBefore).toBeLessThanOrEqual(3)
      expect((await look.query('select stop_reason from recon.budgets'))[0]?.stop_reason).toMatch(/\S/)
      // What was read before stays.
      expect(await mirrored(look)).toEqual(served(look))
    })
  })

  it('by one endpoint (403) is asked there no more; coverage says so, and it is told once', async () => {
    await withShop({}, async (look) => {
      const { context, told } = contextOf(look)
      const act = FAULT_ANSWERS['no-permission-403']
      const rule = look.sandbox.faults.add({ match: { path: LIST, times: ALWAYS }, act })
      for (const cause of ['one', 'two', 'three']) {
        const pull = await ask(look, { cause })
        await resourceOf('card_transaction').readPage(context, pull)
        expect((await loadPull(context.db, pull))?.state).toBe('not_permitted')
      }
      expect(rule.countStruck()).toBe(1)
      expect(told.filter((line) => line.includes('helcim.not_permitted'))).toHaveLength(1)
      expect(await countOf(look, 'recon.covered_days')).toBe(0)
      // Other endpoints work on.
      expect(await read(look, { cause: 'list', resource: 'card_batch', window: { kind: 'all' } })).toMatchObject({
        state: 'complete',
      })
      const states = await listResourceStates(context.db, context.account.accountId)
      expect(states.find(({ resource }) => resource === 'card_transaction')).toMatchObject({
        lastState: 'not_permitted',
        lastCompleteAt: null,
        lastFailWords: 'No access permission',
      })
    })
  })

  it("because it is another merchant's stops the account before anything of it is mixed in", async () => {
    await withShop({}, async (look) => {
      const terminals = { resource: 'card_terminal', window: { kind: 'all' } } as const
      await read(look, { cause: 'bind', ...terminals })
      expect(await look.query('select bound_terminal_ids::text as ids from recon.accounts')).toEqual([
        { ids: '{54181,54182}' },
      ])
      await read(look, { cause: 'same merchant', ...terminals })
      expect((await read(look, { cause: 'days' })).state).toBe('complete')

      await look.query(`update recon.accounts set bound_terminal_ids = '{999}'`)
      await read(look, { cause: 'other merchant', ...terminals })
      const countCalls = look.sandbox.calls().length
      const refused = await read(look, { cause: 'days of another', pageLimit: PAGE_LIMIT })
      expect(refused).toMatchObject({ state: 'incomplete', failCode: 'ACCOUNT_STOPPED' })
      expect(refused.failWords).toContain('another merchant')
      expect(look.sandbox.calls().length).toBe(countCalls)
    })
  })
})
