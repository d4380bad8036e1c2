import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import type { MessageBody } from '../../alerts/letter.ts'

/** Somebody else's server that is told of mismatches. */
export interface AlertReceiver {
  /** What a daemon must be given to send here. */
  readonly env: Readonly<Record<string, string>>
  /** Where it listens. */
  readonly origin: string
  /** Messages whose signature and age held, in the order in which they came; one that came again is here once. */
  taken(): readonly MessageBody[]
  /** How many did not hold, and were not taken. */
  countForged(): number
  close(): Promise<void>
}

const BODY_BYTES_MAX = 1_000_000

/** Listens on loopback, with a secret of its own. Checks messages as a receiver of Standard Webhooks has to. */
export async function openAlertReceiver(): Promise<AlertReceiver> {
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const verifier = new Webhook(secret)
  const taken = new Map<string, MessageBody>()
  let countForged = 0
  const server = createServer(async (request, response) => {
    try {
      const body = verifier.verify(await readBody(request), request.headers as Record<string, string>)
      taken.set(String(request.headers['webhook-id']), body as MessageBody)
      response.writeHead(204).end()
    } catch {
      countForged += 1
      response.writeHead(401).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    env: {
      ALERT_WEBHOOK_URL: `${origin}/alerts`,
      ALERT_WEBHOOK_SECRET: secret,
      ALERT_ALLOW_HOSTS: '127.0.0.1',
    },
    origin,
    taken: () => [...taken.values()],
    countForged: () => countForged,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let countBytes = 0
  for await (const chunk of request) {
    countBytes += chunk.length
    if (countBytes > BODY_BYTES_MAX) throw new Error('a body of more than 1 MB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
