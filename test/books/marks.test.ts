import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postBooks } from '../../src/books/post.ts'
import { noteMissingBatch, storeJudgements } from '../../src/db/batch-checks.ts'
import { copyTransaction } from '../../src/db/client.ts'
import { cardTerminalMirror } from '../../src/db/mirror/card-terminals.ts'
import { cardTransactionMirror } from '../../src/db/mirror/card-transactions.ts'
import type { MirrorTable } from '../../src/db/mirror/mirror-table.ts'
import { subscriptionMirror } from '../../src/db/mirror/recurring.ts'
import { replayRecords } from '../../src/db/mirror/replay-records.ts'
import { storeRecords } from '../../src/db/mirror/store-records.ts'
import { storeRecurringChecks } from '../../src/db/recurring-checks.ts'
import { timestamp } from '../../src/db/sql-values.ts'
import type { CardTransaction } from '../../src/domain/card-transaction.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { DEFAULT_BOOKS_SETTINGS } from '../../src/domain/journal/chart.ts'
import type { DecodedRecord } from '../../src/domain/record.ts'
import type { Match } from '../../src/domain/recurring/match.ts'
import type { Subscription } from '../../src/domain/recurring.ts'
import { createMigratedDatabase, type MigratedDatabase } from '../support/migrated-database.ts'
import { clock, fillMirror, type MirrorRows, openAccount, type TransactionRow } from './mirror.ts'

const AT = Date.parse('2026-10-11T18:00:00Z') / 1000
const DAY = 86_400
let database: MigratedDatabase
let countRecords = 0

beforeAll(async () => {
  database = await createMigratedDatabase()
})

afterAll(() => database.drop())

const post = (accountId: number, scope: 'marked' | 'full') =>
  postBooks(database.db, { accountId, scope, settings: DEFAULT_BOOKS_SETTINGS, clock })

const row = (id: number, over: Partial<TransactionRow> = {}): TransactionRow => ({
  id,
  batchId: 1,
  at: AT,
  type: 'purchase',
  outcome: 'approved',
  amount: 1_000,
  currency: 'CAD',
  invoice: null,
  original: null,
  isGone: false,
  ...over,
})

/** The same row as a page of Helcim's would bring it. */
const transaction = (id: number, over: Partial<CardTransaction> = {}) =>
  decoded<CardTransaction>(id, {
    transactionId: BigInt(id),
    created: { text: '2026-10-11 12:00:00', instant: toInstant(AT * 1000) },
    cardBatchId: 1n,
    status: 'APPROVED',
    outcome: 'approved',
    type: 'purchase',
    amountMinor: 1_000n,
    currency: 'CAD',
    user: null,
    cardBrand: null,
    cardNumberMasked: '424242******4242',
    cardToken: null,
    cardHolderName: null,
    approvalCode: null,
    avsResponse: null,
    cvvResponse: null,
    customerCode: null,
    invoiceNumber: null,
    originalTransactionId: null,
    warning: null,
    errors: null,
    ...over,
  })

function decoded<R>(id: number, record: R): DecodedRecord<R> {
  countRecords += 1
  const contentHash = countRecords.toString(16).padStart(64, '1')
  return { id: BigInt(id), record, raw: '{}', contentHash, unknownValues: [], cardNumberMasked: false }
}

function store<R>(accountId: number, mirror: MirrorTable<R>, one: DecodedRecord<R>) {
  const at = toInstant(Date.now() + 60_000)
  const page = { accountId, observedAt: at, storedAt: at, records: [one] }
  return copyTransaction(database.db, (tx) => storeRecords(tx, mirror, page))
}

/** As it was said to the millisecond: what is judged must be told from what was read since. */
const FIGURES_AT = toInstant(Date.parse('2026-10-01T10:00:00.123Z'))

/** A judgement of batch 1, whose last reverse is row 3. */
const TIED = {
  cardBatchId: 1n,
  state: 'tied',
  isFinal: true,
  finalFingerprint: null,
  movedAt: null,
  reversesUpTo: 3n,
  judgedSince: null,
} as const

const closed = (id: number) => ({ id, openedAt: AT - DAY, closedAt: AT + 500 })

const match = (planId: number, transactionId: number): Match =>
  ({
    expectation: {
      subscriptionId: BigInt(planId),
      paymentNumber: 1,
      window: { from: toInstant(AT * 1000), until: toInstant(AT * 1000) },
    },
    charge: { via: 'card', transactionId: BigInt(transactionId), amountMinor: 1_000n, currency: 'CAD' },
    rule: 'amount_and_time',
    confidence: 'high',
    isInterchangeable: false,
  }) as unknown as Match

const subscription = (over: Partial<Subscription>) =>
  decoded<Subscription>(7, {
    subscriptionId: 7n,
    status: 'active',
    paymentPlanId: 7n,
    customerCode: 'CST',
    timesBilled: 1,
    recurringMinor: 1_000n,
    setupMinor: null,
    freeTrialDays: null,
    cyclesMax: null,
    hasFailedPayments: false,
    paymentMethod: null,
    activated: { text: '', day: null },
    billing: { text: '', day: null },
    created: { text: '', instant: null },
    updated: { text: '', instant: null },
    ...over,
  })

interface Scene {
  readonly rows: Partial<MirrorRows>
  readonly before?: (accountId: number) => Promise<unknown>
  readonly change: (accountId: number) => Promise<unknown>
}

/** Each changes one thing by the door through which it changes in life. */
const SCENES: Readonly<Record<string, Scene>> = {
  'the row that a reverse of another batch and day names is read after it': {
    rows: {
      batches: [closed(1), closed(2)],
      transactions: [row(20, { batchId: 2, type: 'reverse', original: 10, at: AT + DAY })],
    },
    change: (accountId) => store(accountId, cardTransactionMirror, transaction(10, { type: 'refund' })),
  },
  'the row that a reverse names turns out to be a preauth': {
    rows: {
      batches: [closed(1), closed(2)],
      transactions: [row(10, { type: 'refund' }), row(20, { batchId: 2, type: 'reverse', original: 10, at: AT + DAY })],
    },
    change: (accountId) => store(accountId, cardTransactionMirror, transaction(10, { type: 'preauth' })),
  },
  'Helcim answers that a batch which tied out is not there': {
    rows: { batches: [closed(1)], transactions: [row(1), row(2, { type: 'refund' }), row(3, { type: 'reverse' })] },
    async before(accountId) {
      await database.db.execute(sql`
        update helcim.card_batches set reversed_minor = 1000, refunds_reversed_minor = 0 where account_id = ${accountId}`)
      await storeJudgements(database.db, { accountId, judged: [TIED], now: clock.now() })
    },
    change: (accountId) => noteMissingBatch(database.db, { accountId, cardBatchId: 1n }),
  },
  'a batch of which the figures were read anew ties out again': {
    rows: { batches: [closed(1)], transactions: [row(1), row(2, { type: 'refund' }), row(3, { type: 'reverse' })] },
    async before(accountId) {
      await database.db.execute(sql`
        update helcim.card_batches set reversed_minor = 1000, refunds_reversed_minor = 0 where account_id = ${accountId}`)
      const judgedSince = toInstant(FIGURES_AT - 60_000)
      await storeJudgements(database.db, { accountId, judged: [{ ...TIED, judgedSince }], now: clock.now() })
      await database.db.execute(sql`
        update recon.batch_checks set statistics_since = ${timestamp(FIGURES_AT)} where account_id = ${accountId}`)
    },
    change: (accountId) =>
      storeJudgements(database.db, { accountId, judged: [{ ...TIED, judgedSince: FIGURES_AT }], now: clock.now() }),
  },
  'a terminal, and with it the currency of a batch, is read after the batch': {
    rows: {
      batches: [closed(1)],
      transactions: [row(1), row(2, { type: 'refund', currency: 'USD' }), row(3, { type: 'reverse', amount: 700 })],
    },
    change: (accountId) =>
      store(
        accountId,
        cardTerminalMirror,
        decoded(1, { terminalId: 1n, nickname: null, currency: 'CAD', status: 'active' }),
      ),
  },
  'a row loses its date': {
    rows: { batches: [closed(1)], transactions: [row(1)] },
    change: (accountId) =>
      store(
        accountId,
        cardTransactionMirror,
        transaction(1, { created: { text: '0000-00-00 00:00:00', instant: null } }),
      ),
  },
  'two sales change places between subscriptions of different plans': {
    rows: {
      batches: [closed(1)],
      transactions: [row(1), row(2, { at: AT + 60 })],
      recurring: [
        { via: 'card', transactionId: 1, planId: 7 },
        { via: 'card', transactionId: 2, planId: 8 },
      ],
    },
    change: (accountId) =>
      storeRecurringChecks(database.db, {
        accountId,
        checked: [{ customerCode: 'CST', dueAt: null, matches: [match(8, 1), match(7, 2)] }],
        now: clock.now(),
      }),
  },
  'a replay reads another batch in a row': {
    rows: { batches: [closed(1), closed(2)], transactions: [row(1)] },
    change: (accountId) =>
      replayRecords(database.db, cardTransactionMirror, {
        accountId,
        afterId: 0n,
        limit: 10,
        decode: () => transaction(1, { cardBatchId: 2n }),
      }),
  },
}

async function enact(name: string, { rows, before }: Scene): Promise<number> {
  const accountId = await openAccount(database, name)
  const none: MirrorRows = { transactions: [], batches: [], ach: [], invoices: [], recurring: [] }
  await fillMirror(database, accountId, { ...none, ...rows })
  await before?.(accountId)
  await post(accountId, 'full')
  await post(accountId, 'marked')
  return accountId
}

const NOTHING = { countPosted: 0, countReversed: 0 }
const sum = ({ countPosted, countReversed }: typeof NOTHING) => countPosted + countReversed

describe('what a change marks is all that posting everything would correct', () => {
  it.each(Object.entries(SCENES))('%s', async (name, scene) => {
    const accountId = await enact(name, scene)
    await scene.change(accountId)
    expect(sum(await post(accountId, 'marked'))).toBeGreaterThan(0)
    expect(await post(accountId, 'full')).toEqual(NOTHING)
  })

  // The control: each of them does change the books.
  it.each(Object.entries(SCENES))('without its marks it would not: %s', async (name, scene) => {
    const accountId = await enact(`${name}, unmarked`, scene)
    await scene.change(accountId)
    await database.db.execute(sql`delete from recon.marks where account_id = ${accountId}`)
    expect(await post(accountId, 'marked')).toEqual(NOTHING)
    expect(sum(await post(accountId, 'full'))).toBeGreaterThan(0)
  })

  it('a subscription that moves to another plan leaves the sales of before on theirs', async () => {
    const recurring = [{ via: 'card' as const, transactionId: 1, planId: 7 }]
    const accountId = await enact('plan', { rows: { transactions: [row(1)], recurring }, change: async () => {} })
    await storeRecurringChecks(database.db, {
      accountId,
      checked: [{ customerCode: 'CST', dueAt: null, matches: [match(7, 1)] }],
      now: clock.now(),
    })
    await post(accountId, 'marked')
    await store(accountId, subscriptionMirror, subscription({ paymentPlanId: 9n }))
    expect(await post(accountId, 'marked')).toEqual(NOTHING)
    expect(await post(accountId, 'full')).toEqual(NOTHING)
    const { rows } = await database.db.execute(sql`select plan_id from books.entries where account_id = ${accountId}`)
    expect(rows.map((entry) => entry.plan_id)).toEqual(['7'])
  })

  it('a subscription that comes to another customer has both looked at again', async () => {
    const recurring = [{ via: 'card' as const, transactionId: 1, planId: 7 }]
    const accountId = await enact('customer', { rows: { transactions: [row(1)], recurring }, change: async () => {} })
    await store(accountId, subscriptionMirror, subscription({ customerCode: 'CST-NEXT' }))
    const { rows } = await database.db.execute(sql`
      select subject_id from recon.marks where account_id = ${accountId} and subject_kind = 'customer' order by 1`)
    expect(rows.map((mark) => mark.subject_id)).toEqual(['CST', 'CST-NEXT'])
  })
})
