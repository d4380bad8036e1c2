import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listRowsToldAgain } from '../../src/db/card-money/changed-rows.ts'
import { createReverseKinds } from '../../src/db/movements/reverse-kinds.ts'
import { reversesOfBatches, reversesSql } from '../../src/db/movements/reverses.ts'
import type { HelcimId } from '../../src/domain/record.ts'
import { createDatabase, type TestDatabase } from '../mismatches/support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

const BATCH_ID = 7n
const CARDS = ['1111', '2222', '3333'].map((end) => ({ cardNumber: `424242******${end}`, currency: 'CAD' }))
const NO_HASH = sql`'00000000-0000-0000-0000-000000000000'::uuid`

interface Drawn {
  readonly type: string
  readonly card: string | null
  readonly cents: number
  readonly outcome: string
  /** The place of the row that it names as its original. */
  readonly originalPlace: number | null
}
interface Stated {
  readonly state: string
  readonly reversed: number
  readonly refundsReversed: number
  readonly upTo: number | null
  readonly isReadAnew: boolean
}
type Step =
  | { readonly kind: 'stored'; readonly rows: readonly Drawn[] }
  | { readonly kind: 'changed'; readonly place: number; readonly row: Drawn; readonly hasOldVersion: boolean }
  | { readonly kind: 'stated'; readonly stated: Stated }

const TYPES = ['purchase', 'purchase', 'capture', 'reverse', 'reverse', 'refund', 'preauth']
const row: fc.Arbitrary<Drawn> = fc.record({
  type: fc.constantFrom(...TYPES),
  card: fc.constantFrom('1111', '2222', '3333', null),
  cents: fc.constantFrom(300, 500),
  outcome: fc.constantFrom('approved', 'approved', 'approved', 'approved', 'declined'),
  originalPlace: fc.constantFrom(null, null, null, null, null, 0, 2, 6, 8),
})
const cents = fc.constantFrom(0, 300, 500, 600, 800, 1_000)
const stated: fc.Arbitrary<Stated> = fc.record({
  state: fc.constantFrom('tied', 'tied', 'waiting', 'differs'),
  reversed: cents,
  refundsReversed: cents,
  upTo: fc.constantFrom(null, 2, 5, 9),
  isReadAnew: fc.boolean(),
})
const place = fc.nat({ max: 9 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('stored' as const), rows: fc.array(row, { minLength: 1, maxLength: 2 }) }),
  fc.record({ kind: fc.constant('changed' as const), place, row, hasOldVersion: fc.constantFrom(false, false, true) }),
  fc.record({ kind: fc.constant('stated' as const), stated }),
)

test('where what a reverse voided is told otherwise, it is told again with all that it can have voided', async () => {
  const seed = Number(process.env.TIEOUT_TEST_SEED ?? Date.now() % 2 ** 31)
  console.info(`told again seed ${seed}`)
  const counts = { toldOtherwise: 0, beyondStored: 0, changed: 0, reverses: 0, told: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        rows: fc.array(row, { minLength: 4, maxLength: 12 }),
        stated,
        steps: fc.array(step, { maxLength: 4 }),
      }),
      async ({ rows, stated: first, steps }) => {
        const batch = await openBatch()
        await batch.insert(rows)
        await batch.state(first)
        for (const one of steps) {
          const before = await batch.reverses()
          const stored = await batch.take(one)
          const after = await batch.reverses()
          const told = await listRowsToldAgain(database.db, {
            accountId: batch.accountId,
            batchIds: [BATCH_ID],
            stored: new Map([[BATCH_ID, stored]]),
          })
          const again = new Set([...stored, ...told])
          const kinds = createReverseKinds(database.db, batch.accountId)
          const byCard = await kinds.ofCards(CARDS, [BATCH_ID])
          // Asked for by card, batches that sales explain are not solved.
          expect(byCard).toEqual((await kinds.ofBatches([BATCH_ID])).filter(({ cardNumber }) => cardNumber !== null))
          counts.reverses += after.size
          counts.told += [...after.keys()].filter((id) => again.has(id)).length
          for (const [id, { kind, group }] of after) {
            if (before.get(id)?.kind === kind) continue
            counts.toldOtherwise += 1
            if (!stored.includes(id)) counts.beyondStored += 1
            expect([...again]).toEqual(expect.arrayContaining([id, ...group]))
          }
          // What a reverse may have voided before it became another, or none.
          for (const [id, { group }] of before) {
            if (!stored.includes(id)) continue
            counts.changed += 1
            expect([...again]).toEqual(expect.arrayContaining(group))
          }
        }
      },
    ),
    { seed, numRuns: 120 },
  )
  console.info(counts)
  // The control: rows that were stored do not say it all, and not everything is told again.
  expect(counts.beyondStored).toBeGreaterThan(10)
  expect(counts.changed).toBeGreaterThan(5)
  expect(counts.told).toBeLessThan(counts.reverses)
})

test('reverses that sales explain are left alone, however many a batch has', async () => {
  const batch = await openBatch()
  const sale = { type: 'purchase', card: '1111', cents: 500, outcome: 'approved', originalPlace: null }
  const ids = await batch.insert([
    sale,
    { ...sale, type: 'reverse' },
    { ...sale, card: '2222' },
    { ...sale, card: '2222', type: 'reverse' },
    { ...sale, card: '3333', type: 'refund' },
  ])
  await batch.state({ state: 'waiting', reversed: 0, refundsReversed: 0, upTo: null, isReadAnew: false })
  const [, , , , refund] = ids
  const told = (stored: readonly HelcimId[] | null) =>
    listRowsToldAgain(database.db, {
      accountId: batch.accountId,
      batchIds: [BATCH_ID],
      stored: new Map([[BATCH_ID, stored]]),
    })
  expect(await told([])).toEqual([refund])
  expect(await told(null)).toEqual([])
  // Beside a new row both are told, of the other card neither.
  const [another = 0n] = await batch.insert([sale])
  expect((await told([another])).toSorted()).toEqual([ids[0], ids[1], refund, another].toSorted())
  // Once it is one of the other card, what it was beside before is told with what it is beside now.
  const changed = { kind: 'changed', place: 5, row: { ...sale, card: '2222' } } as const
  await batch.take({ ...changed, hasOldVersion: false })
  expect((await told([another])).toSorted()).toEqual([...ids, another].toSorted())
  // The only reverse of a card that is none any more leaves its sale.
  await batch.take({ kind: 'changed', place: 1, row: { ...sale, card: '4444' }, hasOldVersion: false })
  expect((await told([ids[1] ?? 0n])).toSorted()).toEqual([ids[0], refund].toSorted())
})

/** A batch of its own account. */
async function openBatch() {
  const { db } = database
  const { accountId } = await database.openBooks()
  await db.execute(sql`
    insert into helcim.card_terminals (account_id, terminal_id, currency, status, raw, content_hash, observed_at, first_seen_at)
    values (${accountId}, 1, 'CAD', 'active', '{}', ${NO_HASH}, now(), now())`)
  await db.execute(sql`
    insert into helcim.card_batches (account_id, card_batch_id, terminal_id, batch_number, is_closed, is_strictly_open,
      created_at_text, updated_at_text, closed_at_text, raw, content_hash, observed_at, first_seen_at)
    values (${accountId}, ${BATCH_ID}, 1, 1, false, true, '', '', '', '{}', ${NO_HASH}, now(), now())`)
  const ids: HelcimId[] = []
  const idAt = (at: number | null): HelcimId | null => (at === null ? null : (ids[at] ?? null))
  const typed = ({ type, card, cents: minor, outcome, originalPlace }: Drawn) => ({
    type,
    outcome,
    minor,
    card: card && `424242******${card}`,
    // It may come later than what names it.
    original: type === 'reverse' && originalPlace !== null ? String(100 + originalPlace) : null,
  })
  const openedBatch = {
    accountId,
    async insert(rows: readonly Drawn[]): Promise<HelcimId[]> {
      const fresh = rows.map((one) => {
        const id = BigInt(100 + ids.length)
        ids.push(id)
        return { id: String(id), ...typed(one) }
      })
      await db.execute(sql`
        insert into helcim.card_transactions (account_id, transaction_id, created_at, created_at_text, card_batch_id, status,
          outcome, type, amount_minor, currency, card_number_masked, original_transaction_id, raw, content_hash, observed_at,
          first_seen_at)
        select ${accountId}, id, now(), '', ${BATCH_ID}, 'APPROVED', outcome, type, minor, 'CAD', card, original, '{}', ${NO_HASH},
          now(), now()
        from json_to_recordset(${JSON.stringify(fresh)}::json)
          as r(id bigint, type text, outcome text, minor bigint, card text, original bigint)`)
      return fresh.map(({ id }) => BigInt(id))
    },
    async state({ state, reversed, refundsReversed, upTo, isReadAnew }: Stated): Promise<void> {
      await db.execute(sql`
        update helcim.card_batches set reversed_minor = ${reversed}, refunds_reversed_minor = ${refundsReversed}
        where account_id = ${accountId}`)
      await db.execute(sql`
        insert into recon.batch_checks (account_id, card_batch_id, state, reverses_up_to, judged_since, statistics_since)
        values (${accountId}, ${BATCH_ID}, ${state}, ${upTo === null ? null : 100 + upTo}, now(),
          now() + ${isReadAnew ? 1 : 0} * interval '1 minute')
        on conflict (account_id, card_batch_id) do update set state = excluded.state,
          reverses_up_to = excluded.reverses_up_to, judged_since = excluded.judged_since,
          statistics_since = excluded.statistics_since`)
    },
    /** @returns the rows that were stored */
    async take(one: Step): Promise<HelcimId[]> {
      if (one.kind === 'stated') {
        await openedBatch.state(one.stated)
        return []
      }
      if (one.kind === 'stored') return openedBatch.insert(one.rows)
      const id = idAt(one.place)
      if (id === null) return []
      const { type, outcome, minor, card, original } = typed(one.row)
      await db.execute(sql`
        insert into helcim.record_versions
          (account_id, resource, record_id, observed_from, observed_until, content_hash, raw, typed)
        select account_id, 'card_transaction', transaction_id, now(), clock_timestamp() + n * interval '1 s', ${NO_HASH}, '{}',
          -- A version from before its columns were kept.
          case when n = 0 then to_json(t) end
        from helcim.card_transactions t cross join generate_series(0, ${one.hasOldVersion ? 1 : 0}::int) n
        where account_id = ${accountId} and transaction_id = ${id}`)
      await db.execute(sql`
        update helcim.card_transactions set type = ${type}, outcome = ${outcome}, amount_minor = ${minor},
          card_number_masked = ${card}, original_transaction_id = ${original ?? null}::bigint
        where account_id = ${accountId} and transaction_id = ${id}`)
      return [id]
    },
    /** What each voided and whether that is to come, and the approved rows of its card and amount. */
    async reverses(): Promise<Map<HelcimId, { kind: string; group: HelcimId[] }>> {
      const { rows } = await db.execute<{ id: string; kind: string; ids: string[] }>(sql`
        ${sql.raw(reversesSql(accountId, reversesOfBatches([BATCH_ID])))}
        select k.transaction_id as id, concat(k.kind, ' ', k.is_to_come) as kind, array_agg(o.transaction_id::text) as ids
        from reverse_kinds k
        join helcim.card_transactions r on r.account_id = k.account_id and r.transaction_id = k.transaction_id
        join helcim.card_transactions o on o.account_id = r.account_id and o.card_batch_id = r.card_batch_id
          and o.currency = r.currency and o.amount_minor = r.amount_minor
          and o.card_number_masked is not distinct from r.card_number_masked
        where o.outcome = 'approved' and o.vanished_at is null group by 1, 2`)
      return new Map(rows.map(({ id, kind, ids: group }) => [BigInt(id), { kind, group: group.map(BigInt) }]))
    },
  }
  return openedBatch
}
