import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createTransport } from 'nodemailer'
import type { Secret } from '../domain/secret.ts'
import type { AlertChannel, SendOutcome } from './channel.ts'
import { letterOf, type MessageBody, textOfLetter } from './letter.ts'
import { checkHost, isLoopbackAddress, pinnedLookup, type Resolve, resolveAddresses } from './outgoing-address.ts'
import { before } from './outgoing-request.ts'
import { SEND_DEADLINE_MS } from './settings.ts'

export interface EmailSettings {
  readonly name: string
  /** `smtps://` (TLS from the start) or `smtp://` (STARTTLS), with user and password where the server asks for them. */
  readonly url: Secret
  /** Plain addresses, checked. */
  readonly from: string
  readonly to: readonly string[]
  readonly allowHosts: readonly string[]
  readonly resolve?: Resolve
  /** Real milliseconds for one attempt. */
  readonly deadlineMs?: number
}

/**
 * Sends messages by SMTP to one server, over TLS unless that is this machine. A message keeps its `Message-ID` over all
 * attempts, by which mail programs tell repeats.
 */
export function createEmailChannel(settings: EmailSettings): AlertChannel {
  const { name, from, to, deadlineMs = SEND_DEADLINE_MS } = settings
  return {
    name,
    async send({ messageId, body }) {
      const message: MessageBody = JSON.parse(body)
      const letter = letterOf(message)
      return withTransport(settings, deadlineMs, async (transport) => {
        const sent = await transport.sendMail({
          from,
          to: [...to],
          subject: `[tieout] ${letter.title}`,
          text: `${textOfLetter(letter)}\n`,
          messageId: `<${messageId}@${from.slice(from.lastIndexOf('@') + 1)}>`,
          headers: { 'Auto-Submitted': 'auto-generated' },
          // Nothing of a message is a path or a URL to be read.
          disableFileAccess: true,
          disableUrlAccess: true,
        })
        const countRejected = sent.rejected.length
        return countRejected === 0
          ? { kind: 'taken' }
          : { kind: 'taken', words: `${countRejected} of ${to.length} addresses were rejected` }
      })
    },
  }
}

/** Connects, greets and logs in, and sends nothing. @returns `taken` where a message could be sent now */
export const tryEmail = (settings: EmailSettings): Promise<SendOutcome> =>
  withTransport(settings, settings.deadlineMs ?? SEND_DEADLINE_MS, async (transport) => {
    await transport.verify()
    return { kind: 'taken' }
  })

type Transport = ReturnType<typeof createTransport>

/** A connection for one attempt: the next has its addresses checked anew. Never rejects, and is over at the deadline. */
async function withTransport(
  { url: secret, allowHosts, resolve = resolveAddresses }: EmailSettings,
  deadlineMs: number,
  work: (transport: Transport) => Promise<SendOutcome>,
): Promise<SendOutcome> {
  const url = new URL(secret.reveal())
  const deadline = AbortSignal.timeout(deadlineMs)
  let socket: Socket | null = null
  try {
    const checked = await before(deadline, checkHost(url.hostname, { allowHosts, resolve }))
    if (!checked.isAllowed) return { kind: 'failed', words: checked.words }
    const { addresses } = checked
    const isSecure = url.protocol === 'smtps:'
    const isHere = addresses.every(isLoopbackAddress)
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
    const port = Number(url.port || (isSecure ? 465 : 587))
    socket = connect({ host, port, lookup: pinnedLookup(addresses) })
    // What comes when nobody waits any more is no news.
    socket.on('error', () => {})
    await before(deadline, once(socket, 'connect'))
    const auth =
      url.username === ''
        ? {}
        : { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } }
    const transport = createTransport({
      host,
      port,
      connection: socket,
      secure: isSecure,
      requireTLS: !isSecure && !isHere,
      ignoreTLS: !isSecure && isHere,
      tls: { minVersion: 'TLSv1.2', rejectUnauthorized: true },
      name: 'tieout',
      greetingTimeout: deadlineMs,
      socketTimeout: deadlineMs,
      maxResponseSize: 65_536,
      ...auth,
    })
    try {
      return await before(deadline, work(transport))
    } finally {
      transport.close()
    }
  } catch (error) {
    return deadline.aborted ? { kind: 'failed', words: 'no answer before the deadline' } : outcomeOf(error)
  } finally {
    socket?.destroy()
  }
}

/**
 * A 5xx before the message itself is about the login, the sender or the receivers, and so about every message; one after
 * it is about this one. Everything else passes: a greylist (4xx), a network, a certificate that is being renewed.
 */
function outcomeOf(error: unknown): SendOutcome {
  const { code, responseCode, command } = factsOf(error)
  // What the server said is left out: it may hold addresses.
  const words = responseCode === null ? `network: ${code}` : `answered ${responseCode} to ${command}`
  if (responseCode === null || responseCode < 500) return { kind: 'failed', words }
  return { kind: command === 'DATA' ? 'refused' : 'dead', words }
}

function factsOf(error: unknown): { code: string; responseCode: number | null; command: string } {
  const facts: Record<string, unknown> = error instanceof Error ? { ...error } : {}
  const word = (value: unknown) => (typeof value === 'string' && /^[A-Z0-9_]{1,40}$/.test(value) ? value : null)
  const command = String(facts.command ?? '').split(' ')[0] ?? ''
  return {
    code: word(facts.originalCode) ?? word(facts.code) ?? 'failed',
    responseCode: typeof facts.responseCode === 'number' ? facts.responseCode : null,
    command: word(command) ?? 'the connection',
  }
}
