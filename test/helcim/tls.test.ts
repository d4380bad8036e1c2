import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TlsOptions } from 'node:tls'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { TLS_RULES } from '../../src/helcim/connections.ts'
import { connectionTest } from '../../src/helcim/endpoints/connection-test.ts'
import { HelcimError } from '../../src/helcim/errors.ts'
import { hasOpenssl } from '../support/openssl.ts'
import { type CountingPermits, listen, portOf, withClient } from './support.ts'

const dir = mkdtempSync(join(tmpdir(), 'tieout-tls-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

interface Certificate {
  readonly key: string
  readonly cert: string
}

const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const readCertificate = (file: string): Certificate => ({
  key: readFileSync(join(dir, `${file}.key`), 'utf8'),
  cert: readFileSync(join(dir, `${file}.crt`), 'utf8'),
})

function createSelfSigned(file: string): Certificate {
  const subject = ['-subj', `/CN=${file}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
  openssl('req', '-x509', ...NEW_KEY, '-keyout', `${file}.key`, '-out', `${file}.crt`, ...subject)
  return readCertificate(file)
}

/** A certificate of our own authority for `name`, which runs out in `days` from now. */
function createSigned(file: string, { name, days }: { name: string; days: number }): Certificate {
  openssl('req', '-new', ...NEW_KEY, '-keyout', `${file}.key`, '-out', `${file}.csr`, '-subj', `/CN=${file}`)
  writeFileSync(join(dir, `${file}.ext`), `subjectAltName=${name}`)
  const signer = ['-CA', 'authority.crt', '-CAkey', 'authority.key', '-CAcreateserial']
  openssl(
    'x509',
    '-req',
    '-in',
    `${file}.csr`,
    '-out',
    `${file}.crt`,
    ...signer,
    '-days',
    String(days),
    '-extfile',
    `${file}.ext`,
  )
  return readCertificate(file)
}

/** How the calls of this file ended, and how many requests their servers got to see. */
const outcomes: { readonly code: string; readonly requestCount: number }[] = []

/** Makes one call to a TLS server, and says how it ended. The authority is trusted unless told otherwise. */
async function callWith(
  options: TlsOptions,
  { trusted }: { trusted?: string },
): Promise<{ code: string; words: string; permits: CountingPermits; requestCount: number }> {
  let requestCount = 0
  const server = createServer(options, (_, response) => {
    requestCount++
    response.end('{"message":"Connected Successfully"}')
  })
  server.on('tlsClientError', () => {})
  await listen(server)
  const trust = trusted === undefined ? {} : { certificateAuthorities: trusted }
  try {
    return await withClient(`https://127.0.0.1:${portOf(server)}/v2`, trust, async (client, permits) => {
      const result = await client.read(connectionTest(), { callClass: 'fresh' }).catch((error: unknown) => error)
      if (result instanceof Error && !(result instanceof HelcimError)) throw result
      const { code, words } = result instanceof HelcimError ? result : { code: 'connected', words: '' }
      outcomes.push({ code, requestCount })
      return { code, words, permits, requestCount }
    })
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const refused = (words: string) => ({ code: 'HELCIM_UNAVAILABLE', words: `network: ${words}`, requestCount: 0 })

describe.skipIf(!hasOpenssl)('fault 24: a connection is refused, and the token stays here, when', () => {
  const authority = hasOpenssl ? createSelfSigned('authority') : { key: '', cert: '' }
  const trusted = authority.cert
  const good = hasOpenssl ? createSigned('good', { name: 'IP:127.0.0.1', days: 2 }) : authority

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('(control) nothing is wrong: %s is accepted', async (version) => {
    const outcome = await callWith({ ...good, minVersion: version, maxVersion: version }, { trusted })
    expect(outcome).toMatchObject({ code: 'connected' })
    expect(outcome.permits.ends).toMatchObject([{ kind: 'answered', status: 200 }])
  })

  it('the certificate is signed by itself', async () => {
    const outcome = await callWith(createSelfSigned('self'), {})
    expect(outcome).toMatchObject(refused('DEPTH_ZERO_SELF_SIGNED_CERT'))
    expect(outcome.permits.ends).toMatchObject([{ kind: 'unsent', status: null }])
  })

  it('the certificate is signed by nobody we know', async () => {
    expect(await callWith(good, {})).toMatchObject(refused('UNABLE_TO_VERIFY_LEAF_SIGNATURE'))
  })

  it('the certificate has run out', async () => {
    const expired = createSigned('expired', { name: 'IP:127.0.0.1', days: -1 })
    expect(await callWith(expired, { trusted })).toMatchObject(refused('CERT_HAS_EXPIRED'))
  })

  it('the certificate is for another host', async () => {
    const stranger = createSigned('stranger', { name: 'DNS:api.helcim.com', days: 2 })
    expect(await callWith(stranger, { trusted })).toMatchObject(refused('ERR_TLS_CERT_ALTNAME_INVALID'))
  })

  it('the environment says that certificates need no check', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    const outcome = await callWith(createSelfSigned('unchecked'), {})
    vi.unstubAllEnvs()
    expect(outcome).toMatchObject(refused('DEPTH_ZERO_SELF_SIGNED_CERT'))
  })

  // OpenSSL's own security level refuses all of this as well: here it is switched off, so that our rules stand alone.
  const OUR_RULES = { ...TLS_RULES, rejectUnauthorized: false, ciphers: `${TLS_RULES.ciphers}:@SECLEVEL=0` }

  it.each([
    ['TLS 1.1 at most', 'TLSv1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }],
    ['no cipher that encrypts', 'TLSv1.2', { maxVersion: 'TLSv1.2', ciphers: 'eNULL:!aNULL@SECLEVEL=0' }],
    ['no cipher that authenticates', 'TLSv1.2', { maxVersion: 'TLSv1.2', ciphers: 'aNULL@SECLEVEL=0' }],
  ] as const)('the server speaks %s, which a client without our rules would accept', async (_, version, weak) => {
    const outcome = await callWith({ ...good, ...weak }, { trusted })
    expect(outcome).toMatchObject({ code: 'HELCIM_UNAVAILABLE', requestCount: 0 })
    await expect(handshake({ ...good, ...weak }, OUR_RULES)).rejects.toThrow()
    expect(await handshake({ ...good, ...weak }, weak)).toBe(version)
  })

  it('in all: of the bad ones none was accepted, and none got to see a request', () => {
    const bad = outcomes.filter(({ code }) => code !== 'connected')
    const countRequests = bad.reduce((sum, { requestCount }) => sum + requestCount, 0)
    console.info(
      `fault 24: ${bad.length} bad servers: connections accepted ${countRequests}; ${outcomes.length - bad.length} good ones accepted`,
    )
    expect(countRequests).toBe(0)
  })
})

/** The protocol that a client of other rules agrees on with the same server. */
async function handshake(serverOptions: TlsOptions, clientOptions: ConnectionOptions): Promise<string | null> {
  const server = createServer(serverOptions)
  await listen(server)
  try {
    return await new Promise((resolve, reject) => {
      const socket = connect(
        { port: portOf(server), host: '127.0.0.1', rejectUnauthorized: false, ...clientOptions },
        () => {
          resolve(socket.getProtocol())
          socket.destroy()
        },
      )
      socket.once('error', reject)
    })
  } finally {
    server.close()
  }
}
