import { once } from 'node:events'
import { createServer } from 'node:net'
import { type Pages, servePages } from '../../src/cli/serve.ts'
import { readConfig } from '../../src/config.ts'
import type { Instant } from '../../src/domain/clock.ts'
import { signWebhook, type WebhookOptions } from '../../src/sandbox/webhooks.ts'
import { createJumpingClock } from '../days/jumping-clock.ts'
import { type Look, withRuntime } from '../days/support.ts'
import { createTestLog } from '../queue/support.ts'
import { rest } from '../sync/support.ts'

export const VERIFIER = 'bG9jYWwtc2ltdWxhdG9yLXZlcmlmaWVyLXRva2VuISE='

export interface Intake extends Look {
  readonly address: string
  readonly logged: () => string
  /** An hour goes by, and whatever the sandbox has to tell is told. */
  anHourLater(): Promise<void>
  now(): Instant
  advance(ms: number): void
}

/** A daemon that has read everything and takes the webhooks of a shop that goes on selling. */
export async function withIntake(
  options: { webhook?: Partial<WebhookOptions> },
  body: (intake: Intake) => Promise<void>,
): Promise<void> {
  const port = await freePort()
  const address = `http://127.0.0.1:${port}`
  const now = '2026-10-14T18:00:00Z'
  const clock = createJumpingClock(Date.parse(now))
  let pages: Pages | null = null
  const { log, lines } = createTestLog()
  const webhook = { url: `${address}/webhooks/in`, verifierToken: VERIFIER, retryDelayMs: 1, lookEveryMs: 60_000 }
  const scenario = { startsOn: '2026-10-12', customers: 30, salesPerDay: 45 }
  const shop = { seed: 11, now, historyDays: 2, scenario }
  const env = { HELCIM_WEBHOOK_TOKEN: VERIFIER }
  await withRuntime({ ...shop, clock, log, env, webhook: { ...webhook, ...options.webhook } }, async (look) => {
    pages = await servePages(readConfig({ HTTP_PORT: String(port) }), look.runtime, { log, deadReason: () => null })
    try {
      await look.pullMissing()
      await body({
        ...look,
        address,
        logged: () => lines.map((line) => JSON.stringify(line)).join('\n'),
        now: clock.now,
        advance: clock.advance,
        async anHourLater() {
          clock.advance(3_600_000)
          await look.sandbox.webhooks?.delivered()
          await rest(look)
        },
      })
    } finally {
      await pages?.close()
    }
  })
}

/** One that was free a moment ago: the sandbox has to know it before the daemon can be started. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

export interface Sent {
  readonly webhookId: string
  readonly body: string
  readonly at: Instant
  readonly verifierToken?: string
}

export const signed = ({ webhookId, body, at, verifierToken = VERIFIER }: Sent): Record<string, string> =>
  signWebhook({ verifierToken }, { webhookId, body }, at)

export const told = (id: bigint | string): string => JSON.stringify({ id: String(id), type: 'cardTransaction' })

/** @returns the status of the answer; 0 for none */
export async function post(
  { address }: { address: string },
  headers: Record<string, string>,
  body: string,
  path = '/webhooks/helcim',
): Promise<number> {
  const sent = { 'content-type': 'application/json', ...headers }
  const response = await fetch(`${address}${path}`, { method: 'POST', headers: sent, body }).catch(() => null)
  await response?.arrayBuffer()
  return response?.status ?? 0
}
