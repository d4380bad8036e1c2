import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'

export interface TestDatabase {
  readonly url: string
  readonly name: string
  /** Rows of one statement, as plain values: `bigint` arrives as text. */
  rows(statement: string): Promise<Record<string, unknown>[]>
  drop(): Promise<void>
}

/** A database of this test's own: a copy of the run's migrated one, or of another one that nobody is connected to. */
export const createTestDatabase = (template: Pick<TestDatabase, 'name'> = { name: inject('migratedDatabase') }) =>
  create(template.name)

/** One as `create database` leaves it, for tests that migrate it themselves. */
export const createEmptyDatabase = () => create('template1')

async function create(template: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await administer(`create database ${name} template ${template}`)
  const address = new URL(inject('postgresUrl'))
  address.pathname = `/${name}`
  const url = address.href
  return {
    url,
    name,
    rows: (statement) => ask(url, statement),
    drop: async () => void (await administer(`drop database ${name} with (force)`)),
  }
}

/** One statement as the superuser, outside the test's database. */
export const administer = (statement: string) => ask(inject('postgresUrl'), statement)

async function ask(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}
