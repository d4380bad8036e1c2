import { type SQL, sql } from 'drizzle-orm'
import type { Instant } from '../../domain/clock.ts'
import type { DecodedRecord, HelcimId, UndecodableRecord } from '../../domain/record.ts'
import type { CopyTx, Tx } from '../client.ts'
import { arrayOf, timestamp } from '../sql-values.ts'
import { copyText } from './copy-text.ts'
import { type MarkRule, markedCte, markRows, markSubjects } from './mark-rules.ts'
import {
  asUuid,
  isSecretColumn,
  type MirrorTable,
  recordsToJson,
  unknownValuesOf,
  writtenColumns,
} from './mirror-table.ts'

export interface Stored {
  readonly countNew: number
  readonly countChanged: number
}

interface Page<R> {
  readonly accountId: number
  /** When the reading began that returned these records. */
  readonly observedAt: Instant
  /** Now, after it ended. */
  readonly storedAt: Instant
  readonly records: readonly DecodedRecord<R>[]
}

/**
 * Stores one page of records: new ones by COPY, changed ones by an update that keeps the former version. The newer
 * observation wins; unchanged records are not written at all; what must be reconciled again is marked. All within the
 * caller's transaction.
 */
export async function storeRecords<R>(tx: CopyTx, mirror: MirrorTable<R>, page: Page<R>): Promise<Stored> {
  const { accountId, observedAt, records } = page
  if (records.length === 0) return { countNew: 0, countChanged: 0 }
  // Pages of one resource are written one after the other: two readings of a record that race would lose a version,
  // and a record that is found to be new stays so until we have written it.
  await tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`mirror ${accountId} ${mirror.resource}`}))`)
  const { fresh, changed } = await compare(tx, mirror, accountId, observedAt, records)
  if (fresh.length > 0) await insertNew(tx, mirror, { ...page, records: fresh })
  if (changed.length > 0) await updateChanged(tx, mirror, { ...page, records: changed })
  return { countNew: fresh.length, countChanged: changed.length }
}

/** Compares hashes only, so a page in which nothing changed costs one small statement and writes nothing. */
async function compare<R>(
  tx: Tx,
  { table, idColumn }: MirrorTable<R>,
  accountId: number,
  observedAt: Instant,
  records: readonly DecodedRecord<R>[],
): Promise<{ fresh: DecodedRecord<R>[]; changed: DecodedRecord<R>[] }> {
  const id = sql.raw(`e.${idColumn}`)
  const { rows } = await tx.execute<{ fresh: string | null; changed: string | null }>(sql`
    select string_agg(i.id::text, ',') filter (where ${id} is null) as fresh,
      string_agg(i.id::text, ',') filter (where (e.content_hash <> i.content_hash or e.vanished_at is not null)
        and e.observed_at < ${timestamp(observedAt)}) as changed
    from unnest(${arrayOf(records.map((r) => r.id))}::bigint[], ${arrayOf(records.map((r) => asUuid(r.contentHash)))}::uuid[])
      as i(id, content_hash)
    -- Lateral with an offset: one probe of the key per record, where the planner would rather read a young table whole.
    left join lateral (
      select ${sql.raw(idColumn)}, content_hash, vanished_at, observed_at from ${sql.raw(table)}
      where account_id = ${accountId} and ${sql.raw(idColumn)} = i.id offset 0
    ) e on true`)
  const pick = (ids: string | null | undefined) => {
    const left = new Set(ids?.split(',').map(BigInt))
    return records.filter((record) => left.delete(record.id))
  }
  return { fresh: pick(rows[0]?.fresh), changed: pick(rows[0]?.changed) }
}

async function insertNew<R>(tx: CopyTx, mirror: MirrorTable<R>, page: Page<R>): Promise<void> {
  const { accountId, observedAt, storedAt, records } = page
  const { table, columns, marks } = mirror
  const names = ['account_id', ...writtenColumns(mirror), 'observed_at', 'first_seen_at'].join(', ')
  const observed = new Date(observedAt).toISOString()
  const rows = copyText(records, (decoded) => [
    accountId,
    ...columns.map(({ of }) => of(decoded.record)),
    decoded.raw,
    asUuid(decoded.contentHash),
    unknownValuesOf(decoded),
    observed,
    observed,
  ])
  await tx.copyFrom(`copy ${table} (${names}) from stdin`, rows)
  await writeParts(tx, mirror, accountId, records)
  for (const rule of marks.filter(({ isOnlyForChanges }) => !isOnlyForChanges)) {
    const marked = rowsMarkedBy(rule, mirror, records)
    if (rule.rows) await markRows(tx, { accountId, rule, rowsOf: marked, movedAt: storedAt })
    else await markSubjects(tx, { accountId, rule, values: [...marked.keys()], movedAt: storedAt })
  }
}

/** The values of the rule's column, and which rows of each are meant; null for all. */
function rowsMarkedBy<R>(
  { column, rows }: MarkRule,
  { columns }: MirrorTable<R>,
  records: readonly DecodedRecord<R>[],
): Map<string, HelcimId[] | null> {
  const columnOf = (name: string) => columns.find((one) => one.name === name)
  const subject = columnOf(column)
  const condition = rows && 'allIf' in rows ? columnOf(rows.allIf) : null
  const areAll = (record: R) => rows === undefined || condition?.of(record) === true
  const isOne = rows !== undefined && 'row' in rows
  const marked = new Map<string, HelcimId[] | null>()
  for (const { id, record } of records) {
    const value = subject?.of(record) ?? null
    if (value === null) continue
    const key = String(value)
    const ids = marked.get(key)
    if (ids === null || areAll(record)) marked.set(key, null)
    else if (ids === undefined) marked.set(key, isOne ? [id] : [])
    else if (isOne) ids.push(id)
  }
  return marked
}

async function updateChanged<R>(tx: CopyTx, mirror: MirrorTable<R>, page: Page<R>): Promise<void> {
  const { accountId, observedAt, storedAt, records } = page
  const { table, idColumn, columns } = mirror
  const id = sql.raw(idColumn)
  const declared = sql.raw(columns.map(({ name, type }) => `${name} ${type}`).join(', '))
  const assignments = sql.raw(
    writtenColumns(mirror)
      .map((name) => `${name} = i.${name}${name === 'raw' ? '::json' : ''}`)
      .join(', '),
  )
  const typed = sql.raw(
    [...columns.map(({ name }) => name).filter((name) => !isSecretColumn(name)), 'first_seen_at', 'vanished_at']
      .map((name) => `former.${name}`)
      .join(', '),
  )
  const incoming = await recordsToJson(mirror, records)
  await tx.execute(sql`
    with incoming as materialized (
      select * from json_to_recordset(${incoming}::json)
        as i(${declared}, raw text, content_hash uuid, unknown_values json)
    ), former as (
      select e.*, i.content_hash as next_hash, ${changedFields(mirror)} as changed
      from incoming i join ${sql.raw(table)} e on e.account_id = ${accountId} and e.${id} = i.${id}
    ), versions as (
      insert into helcim.record_versions
        (account_id, resource, record_id, observed_from, observed_until, content_hash, raw, changed, typed)
      select ${accountId}, ${mirror.resource}, ${id}, observed_at, ${timestamp(observedAt)}, content_hash, raw, changed,
        (select to_json(t) from (select ${typed}) t)
      -- One that had vanished and is the same again was not there meanwhile.
      from former where content_hash <> next_hash or vanished_at is not null
    )${sql.join(
      mirror.marks.map((rule, index) => markedCte(rule, index, { accountId, movedAt: storedAt })),
      sql``,
    )}
    update ${sql.raw(table)} e set ${assignments}, observed_at = ${timestamp(observedAt)}, vanished_at = null
    from incoming i where e.account_id = ${accountId} and e.${id} = i.${id}`)
  await writeParts(tx, mirror, accountId, records)
}

/**
 * Parts have no life of their own: what is kept of a record is kept with its parts, by their place. Those of a record
 * that does not speak of them stay.
 */
async function writeParts<R>(
  tx: CopyTx,
  { idColumn, parts }: MirrorTable<R>,
  accountId: number,
  records: readonly DecodedRecord<R>[],
): Promise<void> {
  for (const { table, columns, valuesOf } of parts) {
    const told = records.flatMap(({ id, record }) => {
      const all = valuesOf(record)
      return all === null ? [] : [{ id, all }]
    })
    if (told.length === 0) continue
    await tx.execute(sql`delete from ${sql.raw(table)}
      where account_id = ${accountId} and ${sql.raw(idColumn)} = any(${arrayOf(told.map(({ id }) => id))}::bigint[])`)
    const names = ['account_id', idColumn, 'position', ...columns.map(({ name }) => name)].join(', ')
    const rows = told.flatMap(({ id, all }) => all.map((values, position) => [accountId, id, position, ...values]))
    if (rows.length > 0)
      await tx.copyFrom(
        `copy ${table} (${names}) from stdin`,
        copyText(rows, (row) => row),
      )
  }
}

/** The watched fields in which the former version differs, with their former values; null when none does. */
function changedFields<R>({ watched }: MirrorTable<R>): SQL {
  if (watched.length === 0) return sql`null::json`
  const pairs = watched.map(
    (name) => `case when e.${name} is distinct from i.${name} then json_build_object('${name}', e.${name}::text) end`,
  )
  const isChanged = watched.map((name) => `e.${name} is distinct from i.${name}`).join(' or ')
  return sql.raw(
    `case when ${isChanged} then (select json_object_agg(key, value) from unnest(array[${pairs.join(', ')}]) f, json_each(f)) end`,
  )
}

/** Keeps records that could not be read, and forgets those that can be read now. */
export async function storeUndecodable(
  tx: Tx,
  input: {
    accountId: number
    resource: string
    observedAt: Instant
    undecodable: readonly UndecodableRecord[]
    decodedIds: readonly bigint[]
  },
): Promise<void> {
  const { accountId, resource, observedAt, undecodable, decodedIds } = input
  await tx.execute(sql`
    delete from helcim.undecoded_records
    where account_id = ${accountId} and resource = ${resource} and record_key = any(${arrayOf(decodedIds)}::text[])`)
  for (const { key, raw, reason } of undecodable) {
    await tx.execute(sql`
      insert into helcim.undecoded_records as u
        (account_id, resource, record_key, raw, reason, first_seen_at, last_seen_at)
      values (${accountId}, ${resource}, ${key}, ${raw}::json, ${reason}, ${timestamp(observedAt)}, ${timestamp(observedAt)})
      on conflict (account_id, resource, record_key) do update
        set raw = excluded.raw, reason = excluded.reason, last_seen_at = excluded.last_seen_at
        where u.last_seen_at < excluded.last_seen_at`)
  }
}
