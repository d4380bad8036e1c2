import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Secret } from '../domain/secret.ts'

/** Longer headers than this hold no password of ours, and are not worth hashing. */
const HEADER_LENGTH_MAX = 4_096

/**
 * Checks an `Authorization` header: `Bearer <password>`, or `Basic` with any user. Both sides are hashed under a key of
 * this process first, so that the time it takes tells neither their length nor where they differ.
 */
export function createPasswordCheck(password: Secret): (header: string | undefined) => boolean {
  const key = randomBytes(32)
  const digest = (text: string) => createHmac('sha256', key).update(text).digest()
  const expected = digest(password.reveal())
  return (header) => {
    const given = header === undefined || header.length > HEADER_LENGTH_MAX ? null : passwordIn(header)
    const isEqual = timingSafeEqual(digest(given ?? ''), expected)
    return given !== null && isEqual
  }
}

function passwordIn(header: string): string | null {
  const [, scheme = '', credentials = ''] = /^(\w+) +(\S+)$/.exec(header) ?? []
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return credentials
    case 'basic': {
      const text = Buffer.from(credentials, 'base64').toString('utf8')
      return text.includes(':') ? text.slice(text.indexOf(':') + 1) : null
    }
    default:
      return null
  }
}
