import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

export interface Mail {
  readonly from: string
  readonly to: readonly string[]
  readonly user: string | null
  readonly isSecure: boolean
  /** As it came over the wire. */
  readonly source: string
}

/** At which command the server refuses, and with what. */
export interface Refusal {
  readonly at: 'login' | 'sender' | 'receiver' | 'message'
  readonly code: number
}

export interface MailServer {
  readonly port: number
  readonly mails: readonly Mail[]
  readonly countConnections: () => number
  /** Refuses from now on; takes everything again with null. */
  refuse(refusal: Refusal | null): void
  close(): Promise<void>
}

const refusalOf = (refusal: Refusal) =>
  Object.assign(new Error('not today, secret words of the server'), { responseCode: refusal.code })

/** A real SMTP server on this machine. TLS as `tls` says: none, from the start, or by STARTTLS. */
export async function openMailServer({
  tls = 'none',
  certificate,
  isLoginAsked = false,
  password: wanted = 'p@ss/word',
}: {
  tls?: 'none' | 'start' | 'upgrade'
  certificate?: { key: string; cert: string }
  isLoginAsked?: boolean
  password?: string
} = {}): Promise<MailServer> {
  const mails: Mail[] = []
  let refusal: Refusal | null = null
  let count = 0
  const refused = (at: Refusal['at']) => (refusal?.at === at ? refusalOf(refusal) : null)
  const server = new SMTPServer({
    secure: tls === 'start',
    disabledCommands: tls === 'upgrade' ? [] : ['STARTTLS'],
    authOptional: !isLoginAsked,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    logger: false,
    ...(certificate ?? {}),
    onConnect(_session, done) {
      count += 1
      done()
    },
    onAuth({ username, password }, _session, done) {
      const error = refused('login')
      if (error || password !== wanted) done(error ?? refusalOf({ at: 'login', code: 535 }))
      else done(null, { user: username })
    },
    onMailFrom: (_address, _session, done) => done(refused('sender')),
    onRcptTo: (_address, _session, done) => done(refused('receiver')),
    async onData(stream, session, done) {
      const chunks: Buffer[] = []
      for await (const chunk of stream) chunks.push(chunk)
      const error = refused('message')
      if (error) return done(error)
      const { mailFrom, rcptTo } = session.envelope
      mails.push({
        from: mailFrom === false ? '' : (mailFrom?.address ?? ''),
        to: (rcptTo ?? []).map(({ address }) => address),
        user: session.user === undefined ? null : String(session.user),
        isSecure: session.secure,
        source: Buffer.concat(chunks).toString('utf8'),
      })
      done()
    },
  })
  server.on('error', () => {})
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    countConnections: () => count,
    refuse: (next) => {
      refusal = next
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** The headers of a mail, folded lines put together, and its text decoded. */
export function readMail({ source }: Mail): { headers: Map<string, string>; text: string } {
  const end = source.indexOf('\r\n\r\n')
  const lines = source
    .slice(0, end)
    .replaceAll(/\r\n[ \t]+/g, ' ')
    .split('\r\n')
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const body = source.slice(end + 4)
  return { headers, text: decoded(body, headers.get('content-transfer-encoding') ?? '7bit') }
}

function decoded(body: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8')
  if (encoding !== 'quoted-printable') return body
  const bytes = body
    .replaceAll(/=\r\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
