import { pipeline } from 'node:stream/promises'
import { sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { PgTransactionConfig } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { UsageError } from '../domain/operating-error.ts'
import { CopyOut } from './copy-out.ts'

export type Db = NodePgDatabase & { readonly $client: pg.Pool }
/** A database transaction, or the database itself where one statement is enough. */
export type Tx = Pick<Db, 'execute' | 'select' | 'selectDistinct' | 'insert' | 'update' | 'delete'>

/** A transaction that can also take rows as a stream, which costs Postgres a third of what an INSERT of them does. */
export interface CopyTx extends Tx {
  /**
   * Runs `COPY … FROM STDIN`.
   * @param chunks text in COPY's format; they are sent while the next ones are made
   */
  copyFrom(statement: string, chunks: AsyncIterable<string>): Promise<void>
}

export interface Database {
  readonly db: Db
  readonly pool: pg.Pool
  close(): Promise<void>
}

export interface DatabaseOptions {
  readonly maxConnections: number
  /** Hears of connections that broke while idle; the pool replaces them by itself. */
  readonly onError: (error: Error) => void
  /** Real milliseconds after which connecting is given up; 10 s unless said. */
  readonly connectMsMax?: number
  /** Real milliseconds after which a statement is given up, on both sides; never unless said. */
  readonly statementMsMax?: number
}

/** Opens a pool on Postgres ≥ 14. */
export function openDatabase(url: string, options: DatabaseOptions): Database {
  const { connectMsMax = 10_000, statementMsMax } = options
  const pool = new pg.Pool({
    connectionString: url,
    max: options.maxConnections,
    keepAlive: true,
    connectionTimeoutMillis: connectMsMax,
    ...(statementMsMax !== undefined && { statement_timeout: statementMsMax, query_timeout: statementMsMax }),
    idleTimeoutMillis: 30_000,
    application_name: 'tieout',
    // A session in another zone would read and write the same instants, but a person in psql would be misled.
    options: '-c timezone=UTC',
  })
  pool.on('error', options.onError)
  // One that breaks while in use fails its statement; without a listener its event would end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  return { db: openDb(pool), pool, close: () => pool.end() }
}

/** drizzle over a pool, with transactions that give their connection back, see `transact`. */
const openDb = (pool: pg.Pool): Db =>
  Object.assign(drizzle(pool), {
    transaction: <T>(work: (tx: NodePgTransaction) => Promise<T>, config?: PgTransactionConfig) =>
      transact(pool, work, config),
  })

type NodePgTransaction = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0]

/**
 * Runs `work` in a transaction on a connection of its own, and gives that back however it ends. drizzle on a pool keeps it
 * for good where `begin` fails, as it does when Postgres went away since the connection was last used
 * (drizzle-team/drizzle-orm#6241): the pool would shrink with each outage, and never end.
 *
 * A connection is used again only when it is known to be outside of a transaction: one that fell silent would keep the
 * next user waiting as well.
 */
async function transact<T>(
  pool: pg.Pool,
  work: (tx: NodePgTransaction, client: pg.PoolClient) => Promise<T>,
  config?: PgTransactionConfig,
): Promise<T> {
  const client = await pool.connect()
  let hasBegun = false
  try {
    return await drizzle(client).transaction((tx) => {
      hasBegun = true
      return work(tx, client)
    }, config)
  } finally {
    client.release(!(hasBegun && client.getTransactionStatus() === 'I'))
  }
}

/** Runs `work` in one transaction that sees one state of the database and changes nothing. */
export const readTransaction = <T>({ pool }: Pick<Database, 'pool'>, work: (tx: Tx) => Promise<T>): Promise<T> =>
  transact(pool, work, { isolationLevel: 'repeatable read', accessMode: 'read only' })

/** One or several that see one state of the database. */
export type Sessions = readonly [Tx, ...Tx[]]

/**
 * Runs `work` with `tx` and a second session that sees what `tx` saw of the work of others when it was asked for, but
 * nothing that `tx` wrote, and changes nothing; or with `tx` alone where the pool has no connection to spare. Nobody who
 * holds a connection waits here for another one.
 */
export async function withSecondSession<T>(
  { $client: pool }: Db,
  tx: Tx,
  work: (sessions: Sessions) => Promise<T>,
): Promise<T> {
  const { rows } = await tx.execute<{ id: string }>(sql`select pg_export_snapshot() as id`)
  const hasRoom = pool.waitingCount === 0 && (pool.idleCount > 0 || pool.totalCount < pool.options.max)
  if (!hasRoom) return work([tx])
  const readOnly = { isolationLevel: 'repeatable read', accessMode: 'read only' } as const
  return transact(
    pool,
    async (second) => {
      await second.execute(sql.raw(`set transaction snapshot '${rows[0]?.id}'`))
      return work([tx, second])
    },
    readOnly,
  )
}

/** One state of the database, of which rows can be had as a stream. */
export interface Snapshot extends Tx {
  /**
   * Runs `COPY … TO STDOUT` and passes its messages on as they come, see `CopyOut`. One at a time, and to its end.
   * @returns how many rows Postgres sent
   */
  copyTo(statement: string, sink: (messages: AsyncIterable<Buffer>) => Promise<void>): Promise<number>
}

/**
 * Like `readTransaction`, with COPY. The session shows times in UTC and in ISO's order, whatever the database is set to.
 * Where `work` fails, perhaps in the middle of a COPY, the connection is cut: nothing else could be said to it.
 * @param views where tables lead elsewhere: what is prepared is there for `work` alone, whose statements are rewritten
 */
export async function withSnapshot<T>(
  pool: pg.Pool,
  work: (snapshot: Snapshot) => Promise<T>,
  views?: { prepare(client: pg.ClientBase): Promise<void>; rewrite(statement: string): string },
): Promise<T> {
  const client = await pool.connect()
  let isSound = false
  try {
    await client.query('begin isolation level repeatable read')
    await client.query(
      `set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local client_encoding = 'UTF8'`,
    )
    await views?.prepare(client)
    await client.query('set transaction read only')
    const snapshot = Object.assign(drizzle(views ? rewriting(client, views.rewrite) : client), {
      async copyTo(statement: string, sink: (messages: AsyncIterable<Buffer>) => Promise<void>) {
        const copy = client.query(new CopyOut(views ? views.rewrite(statement) : statement))
        await sink(copy.messages())
        return copy.countRows
      },
    })
    const result = await work(snapshot)
    // What was prepared goes with it.
    await client.query('rollback')
    isSound = true
    return result
  } finally {
    client.release(!isSound)
  }
}

/** The same connection, whose statements are rewritten before they are sent. */
const rewriting = (client: pg.PoolClient, rewrite: (statement: string) => string): pg.PoolClient =>
  new Proxy(client, {
    get(target, name) {
      const value = Reflect.get(target, name, target)
      if (name !== 'query') return typeof value === 'function' ? value.bind(target) : value
      return (statement: string | { text: string }, ...rest: unknown[]) =>
        Reflect.apply(value, target, [
          typeof statement === 'string' ? rewrite(statement) : { ...statement, text: rewrite(statement.text) },
          ...rest,
        ])
    },
  })

/** Runs `work` in one transaction; it commits when `work` resolves. */
export const copyTransaction = <T>(db: Db, work: (tx: CopyTx) => Promise<T>): Promise<T> =>
  transact(db.$client, (tx, client) =>
    work(
      Object.assign(tx, {
        copyFrom: (statement: string, chunks: AsyncIterable<string>) =>
          pipeline(chunks, client.query(copyFrom(statement))),
      }),
    ),
  )

/** Checks that the server can be reached and is not too old. @throws UsageError with one line that says what to do */
export async function assertReachable(pool: pg.Pool, url: string): Promise<void> {
  const { hostname, port, pathname } = new URL(url)
  const place = `${hostname}:${port || '5432'}${pathname}`
  const version = await pool
    .query<{ version: string }>(`select current_setting('server_version_num') as version`)
    .catch((cause) => {
      throw new UsageError(`DATABASE_URL: cannot use PostgreSQL at ${place}: ${reasonOf(cause)}`, {
        exitCode: 1,
        cause,
      })
    })
  const versionNumber = Number(version.rows[0]?.version ?? 0)
  if (versionNumber < 140_000) {
    throw new UsageError(
      `DATABASE_URL: PostgreSQL at ${place} is version ${Math.trunc(versionNumber / 10_000)}; tieout needs 14 or newer`,
    )
  }
}

/** node reports several refused addresses as an AggregateError without a message of its own. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join('; ')
  return cause instanceof Error ? cause.message : String(cause)
}
