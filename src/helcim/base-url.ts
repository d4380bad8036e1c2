import { UsageError } from '../domain/operating-error.ts'

/**
 * Checks where calls go. The token travels with every one of them: only over https, or to this machine itself.
 * @returns the URL without a trailing slash in its path
 * @throws UsageError with one sentence
 */
export function checkBaseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url) throw new UsageError('The base URL of Helcim must be a URL such as https://api.helcim.com/v2.')
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))
  if (!isSafe) throw new UsageError('The base URL of Helcim must be https, or http to this machine (127.0.0.1).')
  if (url.username || url.password || url.search || url.hash) {
    throw new UsageError('The base URL of Helcim must hold no user, password, query or fragment.')
  }
  url.pathname = url.pathname.replace(/\/+$/, '')
  return url
}

/** True for this machine: `localhost`, 127.0.0.0/8 and ::1. A URL has its host in normal form: 127.1 is 127.0.0.1. */
export const isLoopback = ({ hostname }: URL): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
