import { Agent } from 'undici'

export interface ConnectionsOptions {
  /** PEM certificates of authorities trusted instead of the public ones, for a network that inspects its TLS. */
  readonly certificateAuthorities?: string
  readonly connectTimeoutMs: number
}

/**
 * The connections to Helcim: as many as it allows calls in progress, over TLS 1.2 or 1.3, to a host whose certificate
 * holds. Neither redirects nor cookies are followed up: undici does so only when told.
 */
export function createConnections({ certificateAuthorities, connectTimeoutMs }: ConnectionsOptions): Agent {
  return new Agent({
    connections: CONNECTION_COUNT_MAX,
    // One call at a time on a connection: another in its wake would wait for it in silence.
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: 10_000,
    keepAliveMaxTimeout: 60_000,
    // Each exchange has one deadline for all of it; these two would only start to count later.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      timeout: connectTimeoutMs,
      ...TLS_RULES,
      ...(certificateAuthorities === undefined ? {} : { ca: certificateAuthorities }),
    },
  })
}

const CONNECTION_COUNT_MAX = 5

/** Helcim's published list of ciphers. `EECDH` alone would admit some without encryption or authentication. */
export const TLS_RULES = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'EECDH+ECDSA+AESGCM:EECDH+aRSA+AESGCM:EECDH+ECDSA+SHA384:EECDH+ECDSA+SHA256',
    'EECDH+aRSA+SHA384:EECDH+aRSA+SHA256:EECDH:EDH+aRSA:!aNULL:!eNULL',
    'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256',
  ].join(':'),
  // Said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED cannot turn it off.
  rejectUnauthorized: true,
} as const
