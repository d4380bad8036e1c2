import { createHash } from 'node:crypto'
import type pg from 'pg'
import { UsageError } from '../domain/operating-error.ts'
import { viewSql } from './queries.ts'
import type { Report } from './report.ts'
import { REPORTS } from './reports.ts'

/**
 * Brings the views in schema `accounting` in line with the reports' definitions. A view is only touched when its
 * definition is another one than it was made from: the hash stands at the end of its comment. No code of ours reads the
 * views, so a replica of an older version that is still running does not notice.
 * @param client under the lock of migrations, which makes several starts at once queue up
 * @param reports all of them unless said
 * @throws UsageError when something else in the database was built on a view that has to go
 */
export async function refreshViews(client: pg.ClientBase, reports: readonly Report[] = REPORTS): Promise<void> {
  const { rows } = await client.query<{ name: string; comment: string | null }>(`
    select c.relname as name, obj_description(c.oid, 'pg_class') as comment
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'accounting' and c.relkind = 'v'`)
  const comments = new Map(rows.map(({ name, comment }) => [name, comment]))
  const outdated = reports.filter((report) => comments.get(report.view) !== commentOf(report))
  if (outdated.length === 0) return
  await client.query('begin')
  try {
    await client.query('create schema if not exists accounting')
    for (const report of outdated) await replaceView(client, report)
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

async function replaceView(client: pg.ClientBase, report: Report): Promise<void> {
  const name = `accounting.${report.view}`
  await client.query('savepoint replacing')
  try {
    // Keeps what was granted, and whatever others built on it.
    await client.query(`create or replace view ${name} as ${viewSql(report)}`)
  } catch (error) {
    // Columns that went, moved or changed their type.
    if (!isCode(error, INVALID_TABLE_DEFINITION)) throw error
    await client.query('rollback to savepoint replacing')
    await dropView(client, name)
    await client.query(`create view ${name} as ${viewSql(report)}`)
  }
  for (const column of report.columns)
    await client.query(`comment on column ${name}.${column.name} is ${literal(column.description)}`)
  await client.query(`comment on view ${name} is ${literal(commentOf(report))}`)
}

const INVALID_TABLE_DEFINITION = '42P16'
const DEPENDENT_OBJECTS_STILL_EXIST = '2BP01'

async function dropView(client: pg.ClientBase, name: string): Promise<void> {
  try {
    await client.query(`drop view ${name}`)
  } catch (error) {
    if (!isCode(error, DEPENDENT_OBJECTS_STILL_EXIST)) throw error
    const detail =
      error instanceof Error && 'detail' in error ? ` (${String(error.detail).replaceAll('\n', '; ')})` : ''
    throw new UsageError(
      `${name} has to be made anew, but others depend on it${detail}: drop them, start, make them anew`,
      {
        exitCode: 1,
        cause: error,
      },
    )
  }
}

const commentOf = (report: Report): string => {
  const descriptions = report.columns.map(({ name, description }) => `${name}: ${description}`)
  const hash = createHash('sha256')
    .update([viewSql(report), ...descriptions].join('\n'))
    .digest('hex')
  return `One row for ${report.rowIs}. (definition ${hash.slice(0, 16)})`
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
