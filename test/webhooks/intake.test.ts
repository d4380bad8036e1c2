import pino from 'pino'
import { expect, test } from 'vitest'
import { servePages } from '../../src/cli/serve.ts'
import { readConfig } from '../../src/config.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { OperatingError } from '../../src/domain/operating-error.ts'
import { createSecret } from '../../src/domain/secret.ts'
import { WEBHOOK_READS_PER_MINUTE_MAX } from '../../src/domain/webhook.ts'
import { startBareServer } from '../http/support.ts'
import { ask, countOf, DAYS, missed, PAGE_LIMIT, read, rest, served, withShop, wrong } from '../sync/support.ts'
import { type Intake, post, signed, told, VERIFIER, withIntake } from './support.ts'

const pathsFrom = ({ sandbox }: Intake, count: number) =>
  sandbox
    .calls()
    .slice(count)
    .map(({ path }) => path)
const newIds = ({ sandbox }: Intake, count: number) =>
  sandbox.state
    .merchant()
    .transactions()
    .slice(count)
    .map(({ id }) => String(id))
/** Ids that nobody told yet. */
const lastIds = ({ sandbox }: Intake, count: number) =>
  sandbox.state
    .merchant()
    .transactions()
    .slice(-count)
    .map(({ id }) => id)

test('from Helcim’s webhook to the row: each new sale is in Postgres by one call, though told twice and out of order', async () => {
  const webhook = { duplicateShare: 1, order: 'shuffled', signature: 'several' } as const
  await withIntake({ webhook }, async (intake) => {
    const [countRows, countCalls] = [served(intake).length, intake.sandbox.calls().length]
    await intake.anHourLater()
    const ids = newIds(intake, countRows)
    expect(ids.length).toBeGreaterThan(2)
    expect(ids.length).toBeLessThanOrEqual(WEBHOOK_READS_PER_MINUTE_MAX)
    expect(intake.sandbox.webhooks?.deliveries().map(({ status }) => status)).toEqual(ids.flatMap(() => [204, 204]))
    expect(await missed(intake)).toEqual([])
    expect(await wrong(intake)).toEqual([])
    const byId = pathsFrom(intake, countCalls).filter((path) => path.startsWith('/card-transactions/'))
    expect(byId.toSorted()).toEqual(ids.map((id) => `/card-transactions/${id}`).toSorted())
    const calls = await intake.query(
      `select call_class, count(*) from recon.calls where endpoint = 'GET /card-transactions/{id}' group by 1`,
    )
    expect(calls).toEqual([{ call_class: 'fresh', count: String(ids.length) }])
    const off = servePages(readConfig({ HTTP_PORT: 'off' }), intake.runtime, { log: pino(), deadReason: () => null })
    await expect(off).rejects.toThrow('HTTP_PORT: it is off, but webhooks come in over HTTP')
    // Only whole days prove something: nothing that a webhook brought counts as read.
    const proved = `recon.covered_days join recon.pulls using (account_id, pull_id) where window_kind = 'one'`
    expect(await countOf(intake, proved)).toBe(0)
  })
})

test('fault 25: of bad signatures, replays, one id a hundred times and a flood, none is accepted', async () => {
  await withIntake({ webhook: { signature: 'wrong', attemptsMax: 1 } }, async (intake) => {
    const [countRows, countCalls] = [served(intake).length, intake.sandbox.calls().length]
    await intake.anHourLater()
    const [id = 0n] = lastIds(intake, 1)
    expect(newIds(intake, countRows).length).toBeGreaterThan(2)
    expect(new Set(intake.sandbox.webhooks?.deliveries().map(({ status }) => status))).toEqual(new Set([401]))

    const statuses: number[] = []
    for (let round = 0; round < 8; round += 1) {
      const forged = Array.from({ length: 50 }, (_, index) => {
        const webhookId = `msg_flood_${round}_${index}`
        const headers = signed({
          webhookId,
          body: told(id),
          at: intake.now(),
          verifierToken: Buffer.alloc(32, round).toString('base64'),
        })
        return post(intake, headers, told(id))
      })
      statuses.push(...(await Promise.all(forged)))
    }
    expect(new Set(statuses)).toEqual(new Set([401]))
    const big = 'x'.repeat(5_000_000)
    const tooBig = await Promise.all(
      Array.from({ length: 10 }, () =>
        post(intake, signed({ webhookId: 'msg_big', body: big, at: intake.now() }), big),
      ),
    )
    // Cut off while it is still being sent, or answered.
    expect(tooBig.every((status) => status === 413 || status === 0)).toBe(true)
    expect((await fetch(`${intake.address}/healthz`)).status).toBe(200)
    expect(await countOf(intake, 'recon.webhooks')).toBe(0)
    expect(pathsFrom(intake, countCalls)).toEqual([])
    // Volume of the log: a line a minute, and none with what was sent.
    expect(intake.logged().match(/webhooks\.refused/g)?.length).toBeLessThanOrEqual(3)
    expect(intake.logged()).not.toContain('msg_flood')

    // The control: one good one among them, and then a hundred times the same.
    const body = told(id)
    const first = { webhookId: 'msg_good', body, at: intake.now() }
    const hundred = await Promise.all(Array.from({ length: 100 }, () => post(intake, signed(first), body)))
    expect(new Set(hundred)).toEqual(new Set([204]))
    // Its replay when it is old, and the same id signed anew, as a sender does that tries again.
    intake.advance(301_000)
    expect(await post(intake, signed(first), body)).toBe(401)
    expect(await post(intake, signed({ ...first, at: intake.now() }), body)).toBe(204)
    await rest(intake)
    expect(await countOf(intake, 'recon.webhooks')).toBe(1)
    expect(pathsFrom(intake, countCalls).filter((path) => path.startsWith('/card-transactions/'))).toEqual([
      `/card-transactions/${id}`,
    ])
  })
})

test('what is too much at once, or not shown yet, is left to polling; what names nothing to read is noted', async () => {
  await withIntake({ webhook: { signature: 'wrong', attemptsMax: 1 } }, async (intake) => {
    const send = (webhookId: string, body: string, path?: string) =>
      post(intake, signed({ webhookId, body, at: intake.now() }), body, path)
    expect(await send('msg_early', told(99_999_999n))).toBe(204)
    await rest(intake)
    expect(await intake.query(`select state from recon.pulls where cause = 'webhook msg_early'`)).toEqual([
      { state: 'complete' },
    ])

    intake.advance(5 * 3_600_000)
    await intake.sandbox.webhooks?.delivered()
    for (const id of lastIds(intake, 2 * WEBHOOK_READS_PER_MINUTE_MAX)) {
      expect(await send(`msg_${id}`, told(id), '/webhooks/in/default')).toBe(204)
    }
    const cancel = '{"type":"terminalCancel","data":{"deviceCode":"NBL7","transactionAmount":1}}'
    expect(await send('msg_cancel', cancel)).toBe(204)
    await rest(intake)
    const outcomes = await intake.query('select outcome, count(*) from recon.webhooks group by 1 order by 1')
    expect(outcomes).toEqual([
      { outcome: 'asked', count: String(WEBHOOK_READS_PER_MINUTE_MAX + 1) },
      { outcome: 'left_to_polling', count: String(WEBHOOK_READS_PER_MINUTE_MAX) },
      { outcome: 'noted', count: '1' },
    ])
    await intake.pullAgain()
    expect(await missed(intake)).toEqual([])
    expect(await countOf(intake, `recon.mismatches where code in ('record_disappeared', 'record_changed')`)).toBe(0)
  })
})

test('a webhook that stored page one before hides nothing of the pages behind it', async () => {
  await withShop({}, async (look) => {
    const rows = look.sandbox.state.merchant().transactions()
    // Whichever end the list begins with.
    const ids = [...rows.slice(0, PAGE_LIMIT), ...rows.slice(-PAGE_LIMIT)].map(({ id }) => id)
    for (const id of ids) {
      const pull = await ask(look, { cause: `webhook msg_${id}`, window: { kind: 'one', id } })
      await look.runtime.enqueue.pullPage(pull)
    }
    await rest(look)
    expect(await countOf(look, 'helcim.card_transactions')).toBeGreaterThanOrEqual(2 * PAGE_LIMIT)
    // The control: more is there than the first page.
    expect((await missed(look)).length).toBeGreaterThan(PAGE_LIMIT)
    expect((await read(look, { cause: 'by days', window: DAYS })).state).toBe('complete')
    expect(await missed(look)).toEqual([])
    expect(await wrong(look)).toEqual([])
  })
})

test('what cannot be kept now is sent again: 503 while Postgres is away, 404 where no token is set', async () => {
  let isAway = true
  const receiver = {
    token: createSecret(VERIFIER),
    async take() {
      if (isAway) throw new OperatingError('DATABASE_TROUBLE', 'away', { retry: { kind: 'backoff' } })
    },
  }
  const at = toInstant(1_750_000_000_000)
  const webhooks = { now: () => at, receiverOf: (account: string | null) => (account === null ? receiver : null) }
  const server = await startBareServer({ webhooks, password: createSecret('sesame-sesame') })
  try {
    const body = told(7n)
    const headers = signed({ webhookId: 'msg_1', body, at })
    expect(await post(server, headers, body)).toBe(503)
    isAway = false
    expect(await post(server, headers, body)).toBe(204)
    expect(await post(server, headers, body, '/webhooks/helcim/other')).toBe(404)
    // Neither do they open anything else, nor take another method.
    expect(await post(server, headers, body, '/metrics')).toBe(413)
    expect((await fetch(`${server.address}/webhooks/helcim`)).status).toBe(401)
  } finally {
    await server.close()
  }
})
