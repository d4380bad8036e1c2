import { isIP } from 'node:net'
import { printable } from './domain/printable.ts'
import { createSecret, type Secret } from './domain/secret.ts'

/** A URL to be called by us. What it throws, as that of the others here, shows no secret. */
export function parseOutgoingUrl(text: string): Secret {
  const isUrl = URL.canParse(text) && ['https:', 'http:'].includes(new URL(text).protocol)
  if (!isUrl) throw new Error('set it to a URL like https://alerts.example.com/path')
  const { username, password } = new URL(text)
  if (username === '' && password === '') return createSecret(text)
  // What stands there is never sent, and makes one host look like another.
  throw new Error('leave out the user and password; what authorizes belongs into the path or query')
}

export function parseSmtpUrl(text: string): Secret {
  const url = URL.canParse(text) ? new URL(text) : null
  const isBare = url !== null && ['', '/'].includes(url.pathname) && url.search === '' && url.hash === ''
  const isRight = isBare && ['smtp:', 'smtps:'].includes(url.protocol) && url.hostname !== ''
  if (!isRight || (url.username === '') !== (url.password === '')) {
    throw new Error('set it to a URL like smtps://user:password@mail.example.com:465, or smtp:// for STARTTLS')
  }
  try {
    decodeURIComponent(url.username + url.password)
  } catch {
    throw new Error('percent-encode the special characters of its user and password')
  }
  return createSecret(text)
}

/** Plain addresses only: neither names, comments nor quotes, so that no header can be written through one. */
const EMAIL_ADDRESS = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/

export function parseEmailAddress(text: string): string {
  if (EMAIL_ADDRESS.test(text)) return text
  throw new Error(`"${printable(text)}" is no address; set it to one like accounts@example.com, without a name`)
}

export const parseEmailAddresses = (text: string): readonly string[] =>
  text.split(',').map((one) => parseEmailAddress(one.trim()))

/** As Standard Webhooks writes them: `whsec_` and 24 to 64 bytes in base64. */
export function parseWebhookSecret(text: string): Secret {
  const [, base64 = ''] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? []
  const countBytes = Buffer.from(base64, 'base64').length
  if (countBytes >= 24 && countBytes <= 64) return createSecret(text)
  throw new Error('set it to "whsec_" and 24 to 64 random bytes in base64 (openssl rand -base64 32)')
}

/** In the form in which a URL has them: lower case, IPv6 in brackets, an IPv4 address in four decimals. */
export const parseHosts = (text: string): readonly string[] =>
  text
    .split(',')
    .map((host) => host.trim())
    .filter((host) => host !== '')
    .map((host) => {
      const authority = isIP(host) === 6 ? `[${host}]` : host
      const url = URL.canParse(`http://${authority}/`) ? new URL(`http://${authority}/`) : null
      const isHost = url?.pathname === '/' && url.port === '' && !/[@/?#*]|:\d+$/.test(authority)
      if (url === null || !isHost) throw new Error(`"${host}" is no host; set it to names or addresses, with commas`)
      return url.hostname
    })
