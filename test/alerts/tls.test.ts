import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsOptions } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createWebhookChannel } from '../../src/alerts/webhook-channel.ts'
import { createSecret } from '../../src/domain/secret.ts'
import { hasOpenssl } from '../support/openssl.ts'
import { SIGNING_SECRET } from './support.ts'

const HOST = 'alerts.example'

const dir = mkdtempSync(join(tmpdir(), 'tieout-alerts-tls-'))
let certificate = { key: '', cert: '' }
beforeAll(() => {
  if (!hasOpenssl) return
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'key', '-out', 'cert']
  const subject = ['-subj', `/CN=${HOST}`, '-addext', `subjectAltName=DNS:${HOST}`, '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...key, ...subject], { cwd: dir, stdio: 'pipe' })
  const read = (name: string) => readFileSync(join(dir, name), 'utf8')
  certificate = { key: read('key'), cert: read('cert') }
})
afterAll(() => rmSync(dir, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

/** A receiver over TLS on loopback, to which the name leads, and the names it was asked for. */
async function receive(options: TlsOptions, use: (port: number) => Promise<unknown>) {
  const names: string[] = []
  let countRequests = 0
  const SNICallback: TlsOptions['SNICallback'] = (name, done) => {
    names.push(name)
    done(null)
  }
  const server = createServer({ ...certificate, SNICallback, ...options }, (_, response) => {
    countRequests++
    response.end()
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const outcome = await use((server.address() as AddressInfo).port)
    return { outcome, names, countRequests }
  } finally {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
}

const send = (port: number) =>
  createWebhookChannel({
    url: createSecret(`https://${HOST}:${port}/hook`),
    secret: createSecret(SIGNING_SECRET),
    allowHosts: [HOST],
    resolve: async () => ['127.0.0.1'],
    deadlineMs: 5_000,
  }).send({ messageId: 'm', body: '{}' })

describe.skipIf(!hasOpenssl)('an alert over TLS', () => {
  test('goes to nobody whose certificate is not vouched for, whatever the environment says; the name is asked for, the address pinned', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    const { outcome, names, countRequests } = await receive({}, send)
    expect(outcome).toEqual({ kind: 'failed', words: 'network: DEPTH_ZERO_SELF_SIGNED_CERT' })
    expect([names, countRequests]).toEqual([[HOST], 0])
  })

  test('goes to nobody below TLS 1.2', async () => {
    const { outcome, countRequests } = await receive({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }, send)
    expect(outcome).toMatchObject({ kind: 'failed', words: expect.stringMatching(/^network: /) })
    expect(countRequests).toBe(0)
  })

  test('would reach that receiver, were its certificate trusted: it answers', async () => {
    const { countRequests } = await receive({}, async (port) => {
      const asked = request({ host: '127.0.0.1', port, servername: HOST, ca: certificate.cert, agent: false })
      asked.end()
      const [response] = await once(asked, 'response')
      response.resume()
    })
    expect(countRequests).toBe(1)
  })
})
