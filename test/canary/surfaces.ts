import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import type { Surface } from './canaries.ts'

/** Where a card token may stand: here and nowhere else. */
export const TOKEN_COLUMN = { table: 'helcim.card_transactions', column: 'card_token' }

/** Every row of every table of the database, as text; and what its sessions last asked. */
export async function databaseSurfaces(url: string): Promise<Surface[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows: tables } = await client.query<{ name: string; columns: string }>(
      `
      select format('%I.%I', n.nspname, c.relname) as name,
        string_agg(format('%I', a.attname), ', ' order by a.attnum)
          filter (where (n.nspname || '.' || c.relname, a.attname) <> ($1, $2)) as columns
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.relkind in ('r', 'p', 'v', 'm') and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
      group by 1`,
      [TOKEN_COLUMN.table, TOKEN_COLUMN.column],
    )
    const surfaces: Surface[] = []
    for (const { name, columns } of tables) {
      const { rows } = await client.query<{ row: string }>(
        `select row_to_json(t)::text as row from (select ${columns} from ${name}) t`,
      )
      surfaces.push({ name: `table ${name}`, text: rows.map(({ row }) => row).join('\n') })
    }
    const { rows } = await client.query<{ query: string }>(
      'select query from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    return [...surfaces, { name: 'statements of the sessions', text: rows.map(({ query }) => query).join('\n') }]
  } finally {
    await client.end()
  }
}

/** Every key of a Redis with what it holds, read by its type. */
export async function redisSurface(url: string): Promise<Surface> {
  const client = new Redis(url)
  try {
    const texts: string[] = []
    for (const key of await client.keys('*')) texts.push(key, JSON.stringify(await readKey(client, key)))
    return { name: 'redis', text: texts.join('\n') }
  } finally {
    client.disconnect()
  }
}

async function readKey(client: Redis, key: string): Promise<unknown> {
  switch (await client.type(key)) {
    case 'string':
      return client.get(key)
    case 'hash':
      return client.hgetall(key)
    case 'list':
      return client.lrange(key, 0, -1)
    case 'set':
      return client.smembers(key)
    case 'zset':
      return client.zrange(key, '0', '-1')
    case 'stream':
      return client.xrange(key, '-', '+')
    default:
      return null
  }
}

/** All that was ever said to a Redis from now on, also what is gone from it by now. */
export async function monitorRedis(url: string): Promise<{ surface(): Surface; close(): void }> {
  const client = new Redis(url)
  const monitor = await client.monitor()
  const lines: string[] = []
  monitor.on('monitor', (_time: string, args: string[]) => void lines.push(args.join(' ')))
  return {
    surface: () => ({ name: 'commands to redis', text: lines.join('\n') }),
    close() {
      monitor.disconnect()
      client.disconnect()
    },
  }
}

/** Every file under a folder, such as a folder of exports. */
export function folderSurfaces(folder: string): Surface[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ name: `file ${path}`, text: readFileSync(path, 'utf8') }))
}

/** A receiver of alerts and heartbeats on loopback, which keeps all but the URL that only its owner and we know. */
export async function startReceiver(): Promise<{ port: number; surfaces(): Surface[]; close(): Promise<void> }> {
  const surfaces: Surface[] = []
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const name = request.method === 'POST' ? 'alert' : 'heartbeat'
    surfaces.push({ name, text: `${request.rawHeaders.join('\n')}\n\n${Buffer.concat(chunks)}` })
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    surfaces: () => surfaces,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** What the pages answer to someone with the password, without it, and with a secret in the wrong place. */
export async function pageSurfaces(address: string, password: string): Promise<Surface[]> {
  const authorization = `Basic ${Buffer.from(`any:${password}`).toString('base64')}`
  const requests = [
    ...['/healthz', '/readyz', '/metrics', '/nowhere'].map((path) => ({ path, headers: { authorization } })),
    { path: '/metrics', headers: {} },
    { path: `/metrics?password=${encodeURIComponent(password)}`, headers: { authorization: `Bearer ${password}x` } },
    { path: `/${encodeURIComponent(password)}`, headers: { 'x-any': Buffer.from(password).toString('base64') } },
  ]
  return Promise.all(
    requests.map(async ({ path, headers }) => {
      const answer = await fetch(`${address}${path}`, { headers: headers as Record<string, string> })
      const head = [...answer.headers].map((pair) => pair.join(': ')).join('\n')
      return { name: `page ${path.split('?')[0]?.slice(0, 9)}`, text: `${head}\n\n${await answer.text()}` }
    }),
  )
}
