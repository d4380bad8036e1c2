import { Webhook } from 'standardwebhooks'
import type { OutgoingMessage } from '../../src/alerts/channel.ts'
import { createRandom } from '../../src/sandbox/random.ts'
import { listen, SIGNING_SECRET } from '../alerts/support.ts'

export interface Receiver {
  /** What a daemon must be given to send here. */
  readonly env: Readonly<Record<string, string>>
  /** What it took, repeats and all, in order. */
  readonly taken: readonly OutgoingMessage[]
  /** One line for each request whose signature or age did not hold. */
  readonly forged: readonly string[]
  readonly countFailed: () => number
  /** Takes everything from now on. */
  recover(): void
  close(): Promise<void>
}

/**
 * Somebody else's server that takes webhooks: checks them as Standard Webhooks has it, sometimes fails, and sometimes
 * takes one and is not heard saying so.
 * @param input `failing` and `unheard` are shares of all requests
 */
export async function openReceiver(input: { seed: number; failing: number; unheard: number }): Promise<Receiver> {
  const random = createRandom(input.seed, 'receiver')
  const verifier = new Webhook(SIGNING_SECRET)
  const taken: OutgoingMessage[] = []
  const forged: string[] = []
  let countFailed = 0
  let isWell = false
  const listener = await listen((response, index) => {
    const request = listener.requests[index]
    const messageId = String(request?.headers['webhook-id'])
    const body = request?.body ?? ''
    try {
      verifier.verify(body, request?.headers as Record<string, string>)
    } catch (error) {
      forged.push(`${messageId}: ${String(error)}`)
    }
    const mood = isWell ? 1 : random.fraction()
    if (mood < input.failing) {
      countFailed += 1
      response.writeHead(random.fraction() < 0.5 ? 500 : 429).end()
      return
    }
    taken.push({ messageId, body })
    if (mood < input.failing + input.unheard) response.destroy()
    else response.end()
  })
  return {
    env: {
      ALERT_WEBHOOK_URL: `http://127.0.0.1:${listener.port}/hook`,
      ALERT_WEBHOOK_SECRET: SIGNING_SECRET,
      ALERT_ALLOW_HOSTS: '127.0.0.1',
    },
    taken,
    forged,
    countFailed: () => countFailed,
    recover: () => {
      isWell = true
    },
    close: () => listener.close(),
  }
}
