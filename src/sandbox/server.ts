import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Request } from './conduct.ts'
import type { ControlEndpoint } from './control.ts'
import type { Endpoint } from './endpoint.ts'

export const BASE_PATH = '/v2'
export const CONTROL_PATH = '/_sandbox'

/** HTTP around the endpoints: every call under any path but the control's goes through `conduct`. */
export function createServer(options: {
  endpoints: readonly Endpoint[]
  conduct: (request: Request) => Promise<void>
  controls: readonly ControlEndpoint[]
}): FastifyInstance {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    routerOptions: { ignoreTrailingSlash: true },
  })
  // Helcim's clients send a JSON content type with a POST that has no body, so bodies are taken as they come.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))

  const conduct = (endpoint: Endpoint | undefined) => async (request: FastifyRequest, reply: FastifyReply) => {
    const { pathname, searchParams } = new URL(request.url, 'http://sandbox')
    reply.hijack()
    await options.conduct({
      method: request.method,
      path: pathname.replace(BASE_PATH, '').replace(/\/$/, ''),
      query: Object.fromEntries(searchParams),
      values: (name) =>
        [...searchParams.getAll(name), ...searchParams.getAll(`${name}[]`)].flatMap((value) => value.split(',')),
      parameters: readTexts(request.params),
      endpoint,
      incoming: request.raw,
      response: reply.raw,
    })
  }
  for (const endpoint of options.endpoints) {
    app.route({ method: endpoint.method, url: `${BASE_PATH}${endpoint.path}`, handler: conduct(endpoint) })
  }
  app.setNotFoundHandler(conduct(undefined))

  for (const control of options.controls) {
    app.route({
      method: control.method,
      url: `${CONTROL_PATH}${control.path}`,
      async handler(request, reply) {
        reply.type('application/json')
        try {
          return renderControl(await control.handle(parseBody(request.body)))
        } catch (error) {
          reply.code(400)
          return renderControl({ errors: error instanceof Error ? error.message : String(error) })
        }
      },
    })
  }
  return app
}

function readTexts(values: unknown): Record<string, string> {
  if (typeof values !== 'object' || values === null) return {}
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

const parseBody = (body: unknown): unknown => (typeof body === 'string' && body !== '' ? JSON.parse(body) : {})

/** Amounts leave as decimal texts of minor units: JSON has no bigint. */
const renderControl = (value: unknown): string =>
  JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? each.toString() : each)) ?? 'null'
