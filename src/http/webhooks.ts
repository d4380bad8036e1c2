import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Instant } from '../domain/clock.ts'
import { OperatingError } from '../domain/operating-error.ts'
import type { Secret } from '../domain/secret.ts'
import type { WebhookMessage } from '../domain/webhook.ts'
import type { Logger } from '../log.ts'
import { type Refusal, verifyWebhook } from './webhook-signature.ts'

/** Where webhooks of one account go. */
export interface WebhookReceiver {
  /** Verifies them. */
  readonly token: Secret
  /** Keeps a message whose signature held, so that it is done although nothing has been done yet. */
  take(message: WebhookMessage): Promise<void>
}

export interface WebhookOptions {
  readonly now: () => Instant
  /** @param account null for the only one; @returns null where there is none that takes webhooks */
  readonly receiverOf: (account: string | null) => WebhookReceiver | null
}

/**
 * The second is for Helcim's dashboard, which takes no URL with "helcim" in it (API.md §13). Each is also followed by
 * the name of an account.
 */
export const WEBHOOK_ROUTES: readonly string[] = ['/webhooks/helcim', '/webhooks/in'].flatMap((path) => [
  path,
  `${path}/:account`,
])

/** Documented bodies have some 50 to 200 bytes. */
const BODY_BYTES_MAX = 4_096
/** Whoever floods us must not flood the log. */
const TELL_EVERY_MS = 60_000

/**
 * Webhooks in: verified on the raw body, kept, and answered before any work is done. A sender hears 204 for what is
 * kept, also when it was before; 401 for what is not from Helcim, with no reason; 503 when it should try again.
 */
export function addWebhookRoutes(app: FastifyInstance, { now, receiverOf }: WebhookOptions, log: Logger): void {
  const refusals = createRefusalLog(now, log)
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: BODY_BYTES_MAX }, (_request, body, done) =>
      done(null, body),
    )
    for (const url of WEBHOOK_ROUTES) {
      scope.post(url, {
        bodyLimit: BODY_BYTES_MAX,
        // Before the body is read.
        async onRequest(request, reply) {
          if (receiverOf(accountOf(request)) === null) {
            return answer(reply.header('connection', 'close'), 404, 'no webhooks are taken here')
          }
        },
        async handler(request, reply) {
          const receiver = receiverOf(accountOf(request))
          if (receiver === null) return answer(reply, 404, 'no webhooks are taken here')
          const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
          const verdict = verifyWebhook(request.headers, body, { token: receiver.token, now: now() })
          if (!verdict.isGood) {
            refusals.count(verdict.refusal)
            return answer(reply, 401, 'this message is not accepted')
          }
          try {
            await receiver.take(verdict.message)
          } catch (err) {
            if (!(err instanceof OperatingError)) throw err
            log.warn({ err }, 'webhook.not_kept')
            return answer(reply, 503, 'not kept; send it again')
          }
          return reply.code(204).send()
        },
      })
    }
  })
}

const answer = (reply: FastifyReply, status: number, error: string) => reply.code(status).send({ error })

function accountOf({ params }: FastifyRequest): string | null {
  const isNamed = typeof params === 'object' && params !== null && 'account' in params
  return isNamed ? String(params.account) : null
}

/** Tells the first refusal, then at most once a minute how many there were since. */
function createRefusalLog(now: () => Instant, log: Logger) {
  let lastToldAt = Number.NEGATIVE_INFINITY
  let counts: Partial<Record<Refusal, number>> = {}
  return {
    count(refusal: Refusal) {
      counts[refusal] = (counts[refusal] ?? 0) + 1
      if (now() - lastToldAt < TELL_EVERY_MS) return
      log.warn({ counts }, 'webhooks.refused')
      lastToldAt = now()
      counts = {}
    },
  }
}
