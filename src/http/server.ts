import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { UsageError } from '../domain/operating-error.ts'
import type { Secret } from '../domain/secret.ts'
import type { Logger } from '../log.ts'
import { createReadiness, type ReadinessProbes } from './health.ts'
import type { Metrics } from './metrics.ts'
import { createPasswordCheck } from './password.ts'
import { addWebhookRoutes, WEBHOOK_ROUTES, type WebhookOptions } from './webhooks.ts'

export interface HttpOptions {
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** For everything but the health checks; null where the host is this machine alone. */
  readonly password: Secret | null
  readonly log: Logger
  /** Why the worker can do nothing any more; null while it lives. */
  readonly deadReason: () => string | null
  readonly probes: ReadinessProbes
  readonly metrics: Metrics
  readonly webhooks: WebhookOptions
}

export interface HttpServer {
  /** e.g. `http://127.0.0.1:8701`. */
  readonly address: string
  /** Cuts what is still connected. */
  close(): Promise<void>
}

const OPEN_ROUTES: readonly (string | undefined)[] = ['/healthz', '/readyz']
const LOOPBACK_NAMES: readonly string[] = ['127.0.0.1', '[::1]', 'localhost']
/** Nobody has to send us more; real milliseconds for a whole request, and bytes of its head. */
const REQUEST_MS_MAX = 10_000
const HEAD_BYTES_MAX = 8_192
const CONNECTIONS_MAX = 100

/**
 * Health checks, metrics and webhooks in over HTTP.
 * @throws UsageError with exit code 1 that names the variable when it cannot listen there
 */
export async function startHttpServer(options: HttpOptions): Promise<HttpServer> {
  const app = createApp(options)
  try {
    await app.listen({ host: options.host, port: options.port })
  } catch (error) {
    await app.close()
    throw explainListenError(error, options)
  }
  const address = app.server.address()
  const host = options.host.includes(':') ? `[${options.host}]` : options.host
  return {
    address: `http://${host}:${typeof address === 'object' ? address?.port : options.port}`,
    close: () => app.close(),
  }
}

function createApp({ host, password, log, deadReason, probes, metrics, webhooks }: HttpOptions): FastifyInstance {
  const app = fastify({
    // Fastify's own lines have other names than ours.
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 1_024,
    requestTimeout: REQUEST_MS_MAX,
    connectionTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: 75_000,
    http: { maxHeaderSize: HEAD_BYTES_MAX, headersTimeout: REQUEST_MS_MAX, connectionsCheckingInterval: 5_000 },
    frameworkErrors: (_error, _request, reply) => refuse(reply, 400, 'this request cannot be read'),
  })
  app.server.maxConnections = CONNECTIONS_MAX
  const isPassword = password === null ? null : createPasswordCheck(password)
  const isLocal = LOOPBACK_NAMES.includes(host) || host === '::1'

  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    // What is signed needs neither: it comes from outside under whatever name, and is read by nobody.
    if (WEBHOOK_ROUTES.includes(request.routeOptions.url ?? '')) return
    // A page in a browser on this machine can reach us under a name of its own; that name is in the header.
    if (isLocal && !isLoopbackHost(request.headers.host)) return refuse(reply, 421, 'this host is not served here')
    if (hasBody(request)) return refuse(reply.header('connection', 'close'), 413, 'send no body')
    if (isPassword === null || OPEN_ROUTES.includes(request.routeOptions.url)) return
    if (isPassword(request.headers.authorization)) return
    reply.header('www-authenticate', 'Basic realm="tieout", charset="UTF-8"')
    return refuse(reply, 401, 'the password is missing or wrong')
  })
  app.addHook('onResponse', async (request, reply) => {
    // The pattern, not the URL: whoever asks decides what stands in that one.
    const route = request.routeOptions.url ?? 'unknown'
    metrics.countRequest({ route, status: reply.statusCode })
    log.debug({ route, status: reply.statusCode, durationMs: Math.round(reply.elapsedTime) }, 'http.answered')
  })
  app.setNotFoundHandler((_request, reply) => refuse(reply, 404, 'there is no such page'))
  app.setErrorHandler((error, _request, reply) => {
    const status = statusOf(error)
    if (status < 500) return refuse(reply, status, 'this request cannot be read')
    log.error({ err: error }, 'http.failed')
    return refuse(reply, 500, 'failed; the log says why')
  })

  app.get('/healthz', async (_request, reply) => {
    const reason = deadReason()
    return reply
      .code(reason === null ? 200 : 503)
      .send({ isAlive: reason === null, ...(reason !== null && { reason }) })
  })
  let wasReady = true
  // Once per loss: a monitor looks every few seconds.
  const look = createReadiness(probes, (check, err) => wasReady && log.warn({ check, err }, 'readiness.check_failed'))
  app.get('/readyz', async (_request, reply) => {
    const readiness = await look()
    if (readiness.isReady !== wasReady) {
      wasReady = readiness.isReady
      if (wasReady) log.info('readiness.regained')
      else log.warn({ checks: readiness.checks }, 'readiness.lost')
    }
    return reply.code(readiness.isReady ? 200 : 503).send(readiness)
  })
  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()))
  addWebhookRoutes(app, webhooks, log)
  app.addHook('onClose', async () => metrics.close())
  return app
}

const refuse = (reply: FastifyReply, status: number, error: string) => reply.code(status).send({ error })

/** Without the header there is no browser. */
function isLoopbackHost(header: string | undefined): boolean {
  if (header === undefined) return true
  return URL.canParse(`http://${header}`) && LOOPBACK_NAMES.includes(new URL(`http://${header}`).hostname)
}

const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'

function statusOf(error: unknown): number {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  return typeof status === 'number' && status >= 400 ? status : 500
}

function explainListenError(error: unknown, { host, port }: HttpOptions): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const say = (text: string) => new UsageError(text, { exitCode: 1, cause: error })
  switch (code) {
    case 'EADDRINUSE':
      return say(`HTTP_PORT: port ${port} on ${host} is in use; set another one, 0 for any free one, or off`)
    case 'EACCES':
      return say(`HTTP_PORT: this user may not listen on port ${port}; set one above 1023`)
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return say(`HTTP_HOST: ${host} is no address of this machine; set it to one, like 127.0.0.1 or 0.0.0.0`)
    default:
      return error
  }
}
