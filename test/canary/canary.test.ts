import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { openMailServer, readMail } from '../alerts/smtp-server.ts'
import { type CliProcess, runCli, startCli, until, untilStarted } from '../kills/cli-process.ts'
import { LIMITS } from '../kills/shop.ts'
import { startRedisServer } from '../queue/redis-server.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { type Canary, createCardNumber, createSecretWord, findCanaries, formsOf, type Surface } from './canaries.ts'
import { HOSTILE, openPlantedShop, type PlantedShop } from './plant.ts'
import {
  databaseSurfaces,
  folderSurfaces,
  monitorRedis,
  pageSurfaces,
  redisSurface,
  startReceiver,
  TOKEN_COLUMN,
} from './surfaces.ts'

const MAIL_PASSWORD = createSecretWord()

/** Commands a person runs, and every kind of mismatch shown besides. */
const COMMANDS = [
  ...[
    'status',
    'status --json',
    'mismatches --all',
    'mismatches --all --json',
    'reconcile --json',
    'doctor',
    'doctor --json',
    'silence --all --json',
  ],
  ...['sync --from FIRST --to LAST', 'sync --from FIRST --to LAST --json'],
]

describe('a canary', () => {
  test('is found in each of its forms, wherever it stands', () => {
    const canaries = [
      { name: 'word', secret: createSecretWord() },
      { name: 'card', secret: createCardNumber('411111') },
    ]
    for (const { name, secret } of canaries) {
      for (const form of formsOf(secret)) {
        const text = `{"before":"${form}"}`
        expect(findCanaries(canaries, [{ name: 'there', text }]), form).toContain(`${name} in there`)
      }
      for (const before of ['', 'u', 'us', 'user:']) {
        const text = Buffer.from(`${before}${secret} and more`).toString('base64')
        expect(findCanaries(canaries, [{ name: 'there', text }]), text).toEqual([`${name} in there`])
      }
    }
    const digits = canaries[1]?.secret ?? ''
    for (const separator of [' ', '-', '\u00a0', '\u2013', ' - '.slice(0, 2)]) {
      const text = (digits.match(/\d{4}/g) ?? []).join(separator)
      expect(findCanaries(canaries, [{ name: 'there', text }])).toEqual(['card in there'])
    }
    const masked = `${digits.slice(0, 6)}******${digits.slice(-4)}`
    expect(findCanaries(canaries, [{ name: 'there', text: masked }])).toEqual([])
  })
})

test('secrets of a daemon, its queue on either store: no token and no card number in log, alert, metric, page, database, queue or output', {
  timeout: 600_000,
}, async ({ onTestFinished }) => {
  const shop = await openPlantedShop(createSecretWord())
  onTestFinished(() => shop.sandbox.close())
  const database = await createTestDatabase()
  const receiver = await startReceiver()
  onTestFinished(() => receiver.close())
  const slack = await startReceiver()
  onTestFinished(() => slack.close())
  const mail = await openMailServer({ isLoginAsked: true, password: MAIL_PASSWORD })
  onTestFinished(() => mail.close())
  const world = await arrange(shop, database, { receiver: receiver.port, slack: slack.port, mail: mail.port })
  const { env, queueEnv, canaries } = world
  const surfaces: Surface[] = []
  const note = (name: string, text: string) => void surfaces.push({ name, text })

  // What went wrong at Helcim's side says our secrets back to us.
  strike(shop, world.apiToken)
  const first = await runDaemon(env, database, note)
  surfaces.push(...(await pageSurfaces(first.address, world.httpPassword)))
  surfaces.push(...(await databaseSurfaces(database.url)), ...(await world.queueSurfaces()))
  await first.stop()

  // A statement that fails has all that is to be stored among its parameters.
  await database.rows(`alter table helcim.card_transactions
      add constraint canary check (approval_code is distinct from 'BOOM') not valid`)
  shop.changePlanted({ approvalCode: 'BOOM' })
  await database.rows(`update recon.pulls set state = 'running', finished_at = null, walk = walk + 1, next_page = 1,
      count_rows = 0 where resource = 'card_transaction' and window_kind = 'days'`)
  const second = startCli(['start'], { env: { ...env, ...queueEnv } })
  onTestFinished(() => end(second))
  await until('the statement failed', () => second.stdout().includes('"msg":"job.crashed"'), 30_000)
  surfaces.push(...(await databaseSurfaces(database.url)), ...(await world.queueSurfaces()))
  const failing = await runCli(['sync', '--json'], { env: { ...env, HTTP_PORT: 'off', LOG_LEVEL: 'debug' } })
  note('output of a sync that fails', failing.stdout + failing.stderr)
  await database.rows('alter table helcim.card_transactions drop constraint canary')
  // What is left undone here is done by the commands below.
  second.kill('SIGTERM')
  const { stdout, stderr, code } = await second.ended
  expect(code, stderr).toBe(0)
  note('log', stdout)
  note('stderr', stderr)

  surfaces.push(
    ...(await commandSurfaces({ ...env, ...queueEnv }, database, world.days)),
    ...(await refusedSurfaces(env, canaries)),
  )
  surfaces.push(...(await databaseSurfaces(database.url)), ...(await world.queueSurfaces()), ...receiver.surfaces())
  surfaces.push(...slack.surfaces().map((one) => ({ ...one, name: 'slack' })))
  surfaces.push(...mail.mails.map((one) => ({ name: 'mail', text: `${one.source}\n${readMail(one).text}` })))
  // Whatever else tieout writes for people is one more line here; a folder of exports: ...folderSurfaces(folder).
  surfaces.push(...folderSurfaces(world.cwd))

  expect(findCanaries(canaries, surfaces)).toEqual([])
  await expectTelling(surfaces, shop, database)
  const countBytes = surfaces.reduce((sum, { text }) => sum + text.length, 0)
  console.info(
    `${canaries.length} canaries in ${canaries.reduce((sum, { secret }) => sum + formsOf(secret).length, 0)} ` +
      `forms, ${surfaces.length} surfaces with ${countBytes} characters, found 0`,
  )
})

/** The controls: the surfaces are not empty, what was planted went through them, and tokens are where they may be. */
async function expectTelling(surfaces: readonly Surface[], shop: PlantedShop, database: TestDatabase): Promise<void> {
  const namesWith = (text: string) => new Set(surfaces.filter((one) => one.text.includes(text)).map(({ name }) => name))
  for (const { name, secret } of shop.cards) {
    const masked = `${secret.slice(0, 6)}******${secret.slice(-4)}`
    expect(
      [...namesWith(masked)].some((one) => one.startsWith('table helcim.')),
      name,
    ).toBe(true)
  }
  const places = [
    'log',
    'alert',
    'slack',
    'mail',
    'heartbeat',
    'page /metrics',
    'page /readyz',
    'output of tieout doctor',
  ]
  for (const place of places) {
    expect(surfaces.filter(({ name, text }) => name === place && text.length > 20).length, place).toBeGreaterThan(0)
  }
  for (const place of ['alert', 'slack', 'mail']) expect(namesWith('value_unknown').has(place), place).toBe(true)
  expect(namesWith('"msg":"helcim.called"').has('log')).toBe(true)
  expect(namesWith('violates check constraint').has('log')).toBe(true)
  const rows = await database.rows(
    `select ${TOKEN_COLUMN.column} as token, card_holder_name as name from ${TOKEN_COLUMN.table}`,
  )
  const text = rows.map(({ token }) => token).join('\n')
  expect(findCanaries(shop.tokens, [{ name: 'its column', text }])).toEqual(['a card token in its column'])
  // Hostile text is kept as it came, but for the NUL, which Postgres cannot hold in a text.
  expect(rows.map(({ name }) => name)).toContain(HOSTILE.replace('\u0000', '\ufffd'))
  const versions = await database.rows('select count(*) as count from helcim.record_versions')
  expect(Number(versions[0]?.count)).toBeGreaterThan(0)
}

/** Secrets for everything that takes one, in variables and in files. */
async function arrange(
  shop: PlantedShop,
  database: TestDatabase,
  ports: { receiver: number; slack: number; mail: number },
) {
  const cwd = mkdtempSync(join(tmpdir(), 'tieout-canary-'))
  onTestFinished(() => rmSync(cwd, { recursive: true }))
  const secrets = mkdtempSync(join(tmpdir(), 'tieout-canary-secrets-'))
  onTestFinished(() => rmSync(secrets, { recursive: true }))
  const words = {
    databasePassword: createSecretWord(),
    redisPassword: createSecretWord(),
    httpPassword: createSecretWord(),
    webhookSecret: randomBytes(32).toString('base64'),
    verifierToken: randomBytes(32).toString('base64'),
    webhookPath: randomBytes(16).toString('hex'),
    slackPath: randomBytes(16).toString('hex'),
    mailPassword: MAIL_PASSWORD,
    heartbeatPath: randomBytes(16).toString('hex'),
  }
  const apiToken = shop.sandbox.token
  const file = join(secrets, 'api-token')
  writeFileSync(file, `${apiToken}\n`)

  const role = `canary_${randomBytes(6).toString('hex')}`
  await database.rows(`create role ${role} login superuser password ${pg.escapeLiteral(words.databasePassword)}`)
  const databaseUrl = new URL(database.url)
  databaseUrl.username = role
  databaseUrl.password = encodeURIComponent(words.databasePassword)
  onTestFinished(async () => {
    // The role owns what is in it.
    await database.drop()
    const client = new pg.Client({ connectionString: inject('postgresUrl') })
    await client.connect()
    await client.query(`drop role ${role}`)
    await client.end()
  })

  const { queueEnv, queueSurfaces } = await arrangeRedis(words.redisPassword)
  const env = {
    HELCIM_API_TOKEN_FILE: file,
    HELCIM_WEBHOOK_TOKEN: words.verifierToken,
    HELCIM_BASE_URL: shop.sandbox.url,
    HELCIM_LIMITS: Object.entries(LIMITS)
      .map((limit) => limit.join('='))
      .join(','),
    DATABASE_URL: databaseUrl.href,
    TIEOUT_HISTORY_DAYS: String(shop.historyDays),
    SYNC_CRON: '0 0 1 1 *',
    ALERT_WEBHOOK_URL: `http://127.0.0.1:${ports.receiver}/${words.webhookPath}?key=${words.webhookPath}`,
    ALERT_WEBHOOK_SECRET: `whsec_${words.webhookSecret}`,
    ALERT_SLACK_URL: `http://127.0.0.1:${ports.slack}/services/${words.slackPath}`,
    ALERT_EMAIL_URL: `smtp://canary:${encodeURIComponent(words.mailPassword)}@127.0.0.1:${ports.mail}`,
    ALERT_EMAIL_FROM: 'tieout@example.com',
    ALERT_EMAIL_TO: 'ines@example.com',
    ALERT_ALLOW_HOSTS: '127.0.0.1',
    HEARTBEAT_URL: `http://127.0.0.1:${ports.receiver}/${words.heartbeatPath}`,
    HTTP_PORT: '0',
    HTTP_PASSWORD: words.httpPassword,
    LOG_LEVEL: 'trace',
  }
  const canaries: Canary[] = [
    { name: 'api token', secret: apiToken },
    ...Object.entries(words).map(([name, secret]) => ({ name, secret })),
    ...shop.cards,
    ...shop.tokens,
  ]
  const dates = shop.sandbox.state.merchant().transactions()
  const dayOf = (at: number | undefined) => new Date((at ?? 0) - 6 * 3_600_000).toISOString().slice(0, 10)
  const days = { first: dayOf(dates[0]?.createdAt), last: dayOf(dates.at(-1)?.createdAt) }
  return { env, queueEnv, canaries, cwd, apiToken, httpPassword: words.httpPassword, queueSurfaces, days }
}

async function arrangeRedis(password: string) {
  // Without a redis-server the queue is on Postgres all along, where its tables are among those of the database.
  if (inject('redisUrl') === null) return { queueEnv: {}, queueSurfaces: async () => [] }
  const redis = await startRedisServer()
  onTestFinished(() => redis.stop())
  await redis.command('CONFIG', 'SET', 'requirepass', password)
  const url = new URL(redis.url)
  url.password = encodeURIComponent(password)
  const monitor = await monitorRedis(url.href)
  onTestFinished(() => monitor.close())
  return {
    queueEnv: { REDIS_URL: url.href },
    queueSurfaces: async () => [await redisSurface(url.href), monitor.surface()],
  }
}

/** Answers that hold what they should not, each once: an echo of the token, card data in an error, and in a wrong shape. */
function strike({ sandbox, cards, tokens }: PlantedShop, apiToken: string): void {
  const [card, token] = [cards[1]?.secret ?? '', tokens[0]?.secret ?? '']
  const record = { transactionId: 1, cardToken: token, cardNumber: card, warning: card, cvv: '123' }
  const bodies: [path: string, status: number, body: string][] = [
    ['/card-batches', 500, JSON.stringify({ errors: `api-token ${apiToken} failed for ${card}` })],
    ['/card-batches', 200, JSON.stringify(record)],
    ['/card-transactions', 502, `<html><title>${apiToken} ${card}</title>${token}</html>`],
    ['/card-transactions', 200, JSON.stringify({ message: 'odd', record })],
    ['/card-transactions', 500, JSON.stringify([record]).slice(0, -2)],
    ['/card-terminals', 400, JSON.stringify({ errors: { cardToken: token, cardNumber: card, apiToken } })],
  ]
  for (const [path, status, body] of bodies)
    sandbox.faults.add({ match: { path }, act: { kind: 'answer', status, body } })
}

async function runDaemon(
  env: Record<string, string>,
  database: TestDatabase,
  note: (name: string, text: string) => void,
): Promise<{ address: string; stop(): Promise<void> }> {
  const daemon = startCli(['start'], { env })
  onTestFinished(() => end(daemon))
  const address = await untilStarted(daemon, 30_000)
  await until('it reads', async () => (await countOpen(database)) > 0, 10_000)
  await until('all is read', async () => (await countOpen(database)) === 0, 120_000)
  await until('all is told', () => isAllTold(database), 120_000)
  return {
    address,
    async stop() {
      daemon.kill('SIGTERM')
      const { stdout, stderr } = await daemon.ended
      note('log', stdout)
      note('stderr', stderr)
    },
  }
}

/** Readings and judgements under way. A batch may go on waiting for the next poll, which comes once a year here. */
async function countOpen(database: TestDatabase): Promise<number> {
  const [row] = await database.rows(`
    select (select count(*) from recon.pulls where state = 'running') + (select count(*) from recon.marks) as open`)
  return Number(row?.open)
}

async function isAllTold(database: TestDatabase): Promise<boolean> {
  const [row] = await database.rows(`
    select count(*) filter (where delivered_at is null) as waiting, count(distinct channel) as told
    from recon.alert_messages where cause not in ('channel begun', 'left out')`)
  return Number(row?.waiting) === 0 && Number(row?.told) === 4
}

async function commandSurfaces(
  env: Record<string, string>,
  database: TestDatabase,
  { first, last }: { first: string; last: string },
): Promise<Surface[]> {
  const shown = await database.rows('select distinct on (code) code, mismatch_id from recon.mismatches order by code')
  const shows = shown.map(
    ({ mismatch_id }, index) => `mismatches show ${mismatch_id}${index % 2 === 0 ? '' : ' --json'}`,
  )
  const commands = [...COMMANDS, ...shows]
  const surfaces: Surface[] = []
  const runNext = async (): Promise<void> => {
    const command = commands.pop()
    if (command === undefined) return
    const words = command.replace('FIRST', first).replace('LAST', last).split(' ')
    const { stdout, stderr, code } = await runCli(words, { env: { ...env, HTTP_PORT: 'off' } })
    expect(code, `${command}: ${stderr}`).toBe(0)
    surfaces.push({ name: `output of tieout ${command}`, text: `${stdout}${stderr}` })
    return runNext()
  }
  await Promise.all([runNext(), runNext(), runNext()])
  return surfaces
}

/** Starts that are refused: wrong secrets, and settings that cannot be read. None is said back. */
async function refusedSurfaces(env: Record<string, string>, canaries: readonly Canary[]): Promise<Surface[]> {
  const password = canaries.find(({ name }) => name === 'databasePassword')?.secret ?? ''
  const inUrl = encodeURIComponent(password)
  const { HELCIM_API_TOKEN_FILE: _, ...rest } = env
  const wrong = [
    { ...env, DATABASE_URL: env.DATABASE_URL?.replace(/canary_\w+:/, 'nobody:') ?? '' },
    { ...env, REDIS_URL: `redis://:${inUrl}@127.0.0.1:1/0` },
    {
      ...rest,
      HELCIM_API_TOKEN: `${password} with blanks`,
      HELCIM_BASE_URL: `https://user:${inUrl}@api.example.com/v2`,
      DATABASE_URL: `mysql://user:${inUrl}@host/x`,
      REDIS_URL: `http://:${inUrl}@host`,
      ALERT_WEBHOOK_URL: `ftp://host/${inUrl}`,
      ALERT_WEBHOOK_SECRET: password,
      ALERT_SLACK_URL: `https://user:${inUrl}@hooks.example.com/`,
      ALERT_EMAIL_URL: `smtp://user:${inUrl}@host/path`,
      HEARTBEAT_URL: inUrl,
    },
  ]
  return Promise.all(
    wrong.map(async (one) => {
      const { stdout, stderr, code } = await runCli(['start'], { env: { ...one, HTTP_PORT: 'off' } })
      expect(code, stderr).not.toBe(0)
      return { name: 'output of a start that is refused', text: `${stdout}${stderr}` }
    }),
  )
}

async function end({ kill, ended }: CliProcess): Promise<void> {
  kill('SIGKILL')
  await ended
}
