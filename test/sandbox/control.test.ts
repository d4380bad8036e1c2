import { expect, it } from 'vitest'
import { type Client, SMALL_SHOP, start } from './support.ts'

async function control(client: Client, path: string, body?: object): Promise<{ status: number; body: unknown }> {
  const response = await fetch(client.sandbox.url.replace(/\/v2$/, `/_sandbox${path}`), {
    method: body ? 'POST' : 'GET',
    ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
  })
  return { status: response.status, body: await response.json() }
}

it('another process can ask for calls, peaks and truth, outside all limits', async () => {
  const limits = { concurrent: 1, minute: 1, hour: 100 }
  const defects = ['card_batch_total_differs:sales'] as const
  const client = await start({ limits, scenario: { ...SMALL_SHOP, defects } })
  await client.get('/connection-test')
  await client.get('/connection-test')
  expect(await control(client, '/calls')).toMatchObject({ body: [{ status: 200 }, { status: 429 }] })
  expect(await control(client, '/peaks')).toMatchObject({
    body: { minute: 2, count429: 1, violations: [{ limit: 'minute' }] },
  })
  const { defects: told } = client.sandbox.truth()
  expect(await control(client, '/truth')).toMatchObject({
    body: { defects: [{ code: 'card_batch_total_differs', expectedMinor: String(told[0]?.expectedMinor) }] },
  })
  expect(client.sandbox.calls()).toHaveLength(2)
})

it('another process can add faults, strangers and defects', async () => {
  const client = await start()
  await control(client, '/faults', { match: { pattern: '^/card-', times: 2 }, act: 'html-522' })
  await control(client, '/faults', { act: { kind: 'answer', status: 418, body: 'tea' } })
  expect((await client.get('/card-batches')).status).toBe(522)
  expect((await client.get('/connection-test')).status).toBe(200)
  expect((await client.get('/card-batches')).status).toBe(522)
  await control(client, '/faults', { match: { times: null }, act: 'error-500' })
  for (let call = 0; call < 3; call += 1) expect((await client.get('/connection-test')).status).toBe(500)
  await control(client, '/faults/clear', {})
  expect((await client.get('/connection-test')).status).toBe(200)
  expect(await control(client, '/foreign', { count: 3 })).toMatchObject({ body: { used: 3 } })
  await control(client, '/defects', { name: 'record_changed' })
  expect(client.sandbox.truth().defects.map(({ code }) => code)).toContain('record_changed')
})

it('what is not understood is refused with a reason', async () => {
  const client = await start()
  for (const [path, body, reason] of [
    ['/faults', { act: { kind: 'explode' } }, /act/],
    ['/faults', { act: 'error-999' }, /act/],
    ['/foreign', { count: -1 }, /count/],
    ['/defects', { name: 'gremlins' }, /no defect is named gremlins/],
  ] as const) {
    const reply = await control(client, path, body)
    expect(reply.status).toBe(400)
    expect(JSON.stringify(reply.body)).toMatch(reason)
  }
})

it('it describes what can be done here, and closes when told to', async () => {
  const client = await start()
  const { body } = await control(client, '/')
  expect(JSON.stringify(body)).toContain('"path":"/_sandbox/faults"')
  expect(await control(client, '/close', {})).toMatchObject({ body: { closing: true } })
  await expect
    .poll(() =>
      client.get('/connection-test').then(
        () => 'up',
        () => 'down',
      ),
    )
    .toBe('down')
})
