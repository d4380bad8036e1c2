import { sql } from 'drizzle-orm'
import { expect, it } from 'vitest'
import { loadBatchFacts } from '../../src/db/batch-facts.ts'
import type { Tx } from '../../src/db/client.ts'
import { createMigratedDatabase } from '../support/migrated-database.ts'

const COSTS = sql`
  select current_setting('parallel_setup_cost') as setup, current_setting('parallel_tuple_cost') as tuple`

it('workers are favoured for the facts of all batches, and for nothing else that their transaction asks', async () => {
  const database = await createMigratedDatabase()
  try {
    const costs = async (tx: Tx) => (await tx.execute(COSTS)).rows
    await database.db.transaction(async (tx) => {
      const before = await costs(tx)
      const during: unknown[] = []
      const watching = {
        async execute(statement: Parameters<Tx['execute']>[0]) {
          const answer = await tx.execute(statement)
          during.push(...(await costs(tx)))
          return answer
        },
      }
      expect(await loadBatchFacts(watching as Tx, 1, null)).toEqual([])
      expect(during).toContainEqual({ setup: '0', tuple: '0' })
      expect(await costs(tx)).toEqual(before)
    })
  } finally {
    await database.drop()
  }
})
