import { expect, it } from 'vitest'
import { createWebhookChannel } from '../../src/alerts/webhook-channel.ts'
import { openAlertReceiver } from '../../src/cli/demo/alert-receiver.ts'
import { readConfig } from '../../src/config.ts'
import { createSecret } from '../../src/domain/secret.ts'
import { SIGNING_SECRET } from '../alerts/support.ts'

it('the demo’s receiver takes what its own secret signed, once per id, and nothing else', async () => {
  const receiver = await openAlertReceiver()
  try {
    const { webhook, allowHosts } = readConfig(receiver.env).alerts
    if (webhook === null) throw new Error('its variables name no webhook')
    const channel = createWebhookChannel({ ...webhook, allowHosts })
    const message = { messageId: 'm-1', body: '{"type":"mismatches.opened"}' }
    expect(await channel.send(message)).toEqual({ kind: 'taken' })
    expect(await channel.send(message)).toEqual({ kind: 'taken' })
    expect(receiver.taken()).toEqual([{ type: 'mismatches.opened' }])
    expect(receiver.countForged()).toBe(0)

    const stranger = createWebhookChannel({
      ...webhook,
      secret: createSecret(SIGNING_SECRET),
      allowHosts,
    })
    expect(await stranger.send({ ...message, messageId: 'm-2' })).toEqual({ kind: 'failed', words: 'answered 401' })
    expect(receiver.taken()).toHaveLength(1)
    expect(receiver.countForged()).toBe(1)
  } finally {
    await receiver.close()
  }
})
