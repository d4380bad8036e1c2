import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AlertBody } from '../../src/alerts/message.ts'
import { openReceiver, type Receiver } from '../days/receiver.ts'
import { until } from '../kills/cli-process.ts'
import { ask, mirrored, read, readBatches, rest, served } from './support.ts'
import { openWeek } from './week.ts'

const LIST = '/card-transactions'
const MINUTE_MS = 60_000
const CALLS_MAX = 3
const WINDOWS = ['one', 'two', 'three', 'four']

describe('fault 23: in the middle of a run', () => {
  let receiver: Receiver
  let week: Awaited<ReturnType<typeof openWeek>>
  beforeEach(async () => {
    receiver = await openReceiver({ seed: 23, failing: 0, unheard: 0 })
    week = await openWeek({ env: receiver.env })
  })
  afterEach(async () => {
    await week.close()
    await receiver.close()
  })

  const told = () => receiver.taken.map(({ body }): AlertBody => JSON.parse(body))
  const refused = () => week.sandbox.calls().filter(({ status }) => status === 401 || status === 403)

  /** Reads all days four times at once in small pages; `act` happens when Helcim is about to answer the sixth. */
  async function readWhile(act: () => void): Promise<{ toldMs: number; toldClockMs: number }> {
    const { sandbox, runtime } = week
    sandbox.faults.add({ match: { path: LIST, query: { limit: '7' }, nth: 6 }, act: { kind: 'hook', before: act } })
    for (const cause of WINDOWS) await runtime.enqueue.pullPage(await ask(week, { cause, pageLimit: 7 }))
    await until('the first refusal', () => refused().length > 0, 30_000)
    const refusedAt = refused()[0]?.answeredAt ?? 0
    const toldMs = await until('a person is told', () => receiver.taken.length > 0, 30_000)
    const toldClockMs = week.clock.now() - refusedAt
    await rest(week)
    return { toldMs, toldClockMs }
  }

  it('the token is revoked: few calls after the first 401, a person is told within a minute, and nothing read is lost', async () => {
    const { sandbox } = week
    const { toldMs, toldClockMs } = await readWhile(() => sandbox.tokens.revoke('default'))
    await readBatches(week, 'after')
    const after = sandbox.calls().filter(({ number }) => number > (refused()[0]?.number ?? 0))
    console.info(
      `fault 23, token revoked: ${after.length} calls after the first 401; a webhook told it ${Math.round(toldMs)} ms later`,
    )
    expect(refused().every(({ status }) => status === 401)).toBe(true)
    expect(after.length).toBeLessThanOrEqual(CALLS_MAX)
    expect(Math.max(toldMs, toldClockMs)).toBeLessThan(MINUTE_MS)
    expect(told()[0]?.data).toMatchObject({ code: 'pull_incomplete', severity: 'high' })
    expect(JSON.stringify(told()[0]?.data.items)).toContain('does not accept')
    expect(await mirrored(week)).toEqual(served(week))
  })

  it('a permission is taken away: that list is asked no more, others are, a person is told; given back, it is resolved', async () => {
    const { sandbox } = week
    const { toldMs, toldClockMs } = await readWhile(() => sandbox.tokens.refuse('default', [LIST]))
    await read(week, { cause: 'after' })
    const after = refused().length - 1
    console.info(
      `fault 23, permission taken away: ${after} calls to the list after the first 403; a webhook told it ${Math.round(toldMs)} ms later`,
    )
    expect(after).toBeLessThanOrEqual(CALLS_MAX)
    expect(Math.max(toldMs, toldClockMs)).toBeLessThan(MINUTE_MS)
    expect(told()[0]?.data).toMatchObject({ code: 'pull_incomplete', items: [{ subject: { id: 'card_transaction' } }] })
    expect(await readBatches(week, 'other list')).toMatchObject({ state: 'complete' })

    sandbox.tokens.refuse('default', [])
    // As a restart does, after which it is asked again.
    await week.query('delete from recon.endpoint_blocks')
    expect(await read(week, { cause: 'given back' })).toMatchObject({ state: 'complete' })
    // The control: what was told is not told for ever.
    expect(await week.found()).toEqual([])
  })
})
