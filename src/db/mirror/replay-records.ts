import { sql } from 'drizzle-orm'
import type { DecodedRecord } from '../../domain/record.ts'
import type { Db, Tx } from '../client.ts'
import { arrayOf } from '../sql-values.ts'
import type { CopyValue } from './copy-text.ts'
import { markSubjects } from './mark-rules.ts'
import { jsonValue, type MirrorParts, type MirrorTable, unknownValuesOf } from './mirror-table.ts'

/** A record as it was received. */
export interface KeptRecord {
  readonly id: bigint
  readonly raw: string
}

export interface Replayed {
  /** Where to go on; null at the end. */
  readonly lastId: bigint | null
  readonly countRecords: number
  readonly countChanged: number
  readonly unreadableIds: readonly bigint[]
}

/**
 * Rebuilds the typed columns of the next records, in the order of their ids, from what was kept of them as received.
 * Tokens stay as they are, they are not in `raw`; so do digests, times and former versions: nothing was observed.
 * Readings of the same resource wait meanwhile, and a newer one is never replaced, because what is read here is locked.
 */
export async function replayRecords<R>(
  db: Db,
  mirror: MirrorTable<R>,
  input: {
    accountId: number
    afterId: bigint
    limit: number
    /** null for a record that cannot be read any more: it stays as it is. */
    decode: (kept: KeptRecord) => DecodedRecord<R> | null
  },
): Promise<Replayed> {
  const { accountId, afterId, limit, decode } = input
  const id = sql.raw(mirror.idColumn)
  return db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(hashtext(${`mirror ${accountId} ${mirror.resource}`}))`)
    const { rows } = await tx.execute<{ id: string; raw: string }>(sql`
      select ${id} as id, raw::text as raw from ${sql.raw(mirror.table)}
      where account_id = ${accountId} and ${id} > ${afterId} order by ${id} limit ${limit}`)
    const unreadableIds: bigint[] = []
    const records: DecodedRecord<R>[] = []
    for (const row of rows) {
      const kept = { id: BigInt(row.id), raw: row.raw }
      const decoded = decode(kept)
      if (decoded === null) unreadableIds.push(kept.id)
      else records.push(decoded)
    }
    const former = await updateColumns(tx, mirror, accountId, records)
    const changed = new Set(former.map((row) => row.id))
    for (const parts of mirror.parts)
      for (const one of await updateParts(tx, mirror, parts, accountId, records)) changed.add(one)
    await markReplayed(tx, mirror, accountId, { ids: [...changed], former })
    const lastId = rows.length < limit ? null : BigInt(rows.at(-1)?.id ?? 0)
    return { lastId, countRecords: rows.length, countChanged: changed.size, unreadableIds }
  })
}

/** A record as its columns were: its id, and what marks are made of. */
type Former = Record<string, string | null> & { readonly id: string }

/** What reads differently now is judged again, and so is what it was part of. */
async function markReplayed<R>(
  tx: Tx,
  { table, idColumn, marks }: MirrorTable<R>,
  accountId: number,
  { ids, former }: { ids: readonly string[]; former: readonly Former[] },
): Promise<void> {
  if (ids.length === 0) return
  for (const rule of marks) {
    const { rows } = await tx.execute<{ value: string }>(sql`
      select distinct ${sql.raw(rule.column)}::text as value from ${sql.raw(table)}
      where account_id = ${accountId} and ${sql.raw(idColumn)} = any(${arrayOf(ids)}::bigint[])
        and ${sql.raw(rule.column)} is not null`)
    const values = new Set([...rows.map(({ value }) => value), ...former.flatMap((row) => row[rule.column] ?? [])])
    await markSubjects(tx, { accountId, rule, values: [...values], movedAt: null })
  }
}

/** @returns the records whose columns were not what they are now */
async function updateColumns<R>(
  tx: Tx,
  { table, idColumn, columns, marks }: MirrorTable<R>,
  accountId: number,
  records: readonly DecodedRecord<R>[],
): Promise<readonly Former[]> {
  const told = columns.filter(({ isCutOut }) => !isCutOut)
  const others = told.filter(({ name }) => name !== idColumn)
  const incoming = records.map((decoded) => {
    const values = told.map(({ name, of }) => `"${name}":${jsonValue(of(decoded.record))}`)
    return `{${[...values, `"unknown_values":${unknownValuesOf(decoded)}`].join(',')}}`
  })
  const names = [...others.map(({ name }) => name), 'unknown_values']
  const isDifferent = names.map((name) => `e.${name}::text is distinct from i.${name}::text`).join(' or ')
  const marking = [...new Set(marks.map(({ column }) => column))].map((name) => `, e.${name}::text as ${name}`).join('')
  const id = sql.raw(idColumn)
  const { rows } = await tx.execute<Former>(sql`
    with incoming as materialized (
      select * from json_to_recordset(${`[${incoming.join(',')}]`}::json)
        as i(${sql.raw(told.map(({ name, type }) => `${name} ${type}`).join(', '))}, unknown_values json)
    ), former as materialized (
      select e.${id}::text as id ${sql.raw(marking)} from incoming i join ${sql.raw(table)} e
        on e.account_id = ${accountId} and e.${id} = i.${id}
      where ${sql.raw(isDifferent)}
    ), updated as (
      update ${sql.raw(table)} e set ${sql.raw(names.map((name) => `${name} = i.${name}`).join(', '))}
      from incoming i
      where e.account_id = ${accountId} and e.${id} = i.${id} and e.${id}::text in (select id from former)
    )
    select * from former`)
  return rows
}

/** As `updateColumns`, for the parts of the records, of which there may be more or fewer now. */
async function updateParts<R>(
  tx: Tx,
  { idColumn }: MirrorTable<R>,
  { table, columns, valuesOf }: MirrorParts<R>,
  accountId: number,
  records: readonly DecodedRecord<R>[],
): Promise<string[]> {
  const told = columns.flatMap(({ isCutOut, ...column }, index) => (isCutOut ? [] : [{ ...column, index }]))
  const withParts = records.flatMap(({ id, record }) => {
    const parts = valuesOf(record)
    return parts === null ? [] : [{ id, parts }]
  })
  const incoming = withParts.flatMap(({ id, parts }) =>
    parts.map((values, position) => {
      const pairs: [string, CopyValue][] = [
        [idColumn, id],
        ['position', position],
        ...told.map(({ name, index }): [string, CopyValue] => [name, values[index] ?? null]),
      ]
      return `{${pairs.map(([name, value]) => `"${name}":${jsonValue(value)}`).join(',')}}`
    }),
  )
  const names = told.map(({ name }) => name)
  const key = `account_id, ${idColumn}, position`
  const { rows } = await tx.execute<{ id: string }>(sql`
    with incoming as materialized (
      select ${accountId}::int as account_id, i.* from json_to_recordset(${`[${incoming.join(',')}]`}::json)
        as i(${sql.raw(idColumn)} bigint, position integer, ${sql.raw(told.map(({ name, type }) => `${name} ${type}`).join(', '))})
    ), gone as (
      delete from ${sql.raw(table)} e
      where e.account_id = ${accountId} and e.${sql.raw(idColumn)} = any(${arrayOf(withParts.map(({ id }) => id))}::bigint[])
        and not exists (select from incoming i
          where i.${sql.raw(idColumn)} = e.${sql.raw(idColumn)} and i.position = e.position)
      returning e.${sql.raw(idColumn)} as id
    ), written as (
      insert into ${sql.raw(table)} as e (${sql.raw([key, ...names].join(', '))})
      select ${sql.raw([key, ...names].join(', '))} from incoming
      on conflict (${sql.raw(key)}) do update set ${sql.raw(names.map((name) => `${name} = excluded.${name}`).join(', '))}
      where ${sql.raw(names.map((name) => `e.${name} is distinct from excluded.${name}`).join(' or '))}
      returning e.${sql.raw(idColumn)} as id
    )
    select id::text from gone union select id::text from written`)
  return rows.map((row) => row.id)
}
