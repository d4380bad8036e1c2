import { expect, it } from 'vitest'
import { postBooks } from '../../src/books/post.ts'
import { copyTransaction } from '../../src/db/client.ts'
import { cardTransactionMirror } from '../../src/db/mirror/card-transactions.ts'
import { storeRecords } from '../../src/db/mirror/store-records.ts'
import { DEFAULT_BOOKS_SETTINGS } from '../../src/domain/journal/chart.ts'
import { cardTransactions } from '../../src/helcim/endpoints/card-transactions.ts'
import { decodeRecord } from '../../src/helcim/page.ts'
import { MONEY_NAMES } from '../../src/sandbox/defects/catalogue.ts'
import { createRandom } from '../../src/sandbox/random.ts'
import { type Look, withRuntime } from '../days/support.ts'
import { isLong } from '../support/long.ts'
import { caseOf, isOfMoney, SETTINGS, shopOf } from './money-shop.ts'
import { createReader } from './recurring-support.ts'

const SEEDS = process.env.TIEOUT_TEST_SEED
  ? [Number(process.env.TIEOUT_TEST_SEED)]
  : isLong
    ? Array.from({ length: 12 }, (_, index) => 81 + index)
    : [81]
const ROUNDS = isLong ? 60 : 25

/** A row as Helcim sends it, as far as it is changed here. */
interface Sent {
  transactionId: number
  cardBatchId: number
  type: string
  status: string
  amount: number | string
  cardNumber: string
  invoiceNumber: string
}

it.each(SEEDS)('rows that change are judged and posted again as if all were, seed %i', async (seed) => {
  await withRuntime(shopOf(caseOf(seed), MONEY_NAMES), async (look) => {
    const { db, account, clock } = look.runtime.services
    const reader = createReader(look, SETTINGS)
    await reader.read('first')
    await reader.readPayments('needs', ['subscription', 'invoice'])
    await reader.reconcile('full')
    const post = (scope: 'marked' | 'full') =>
      postBooks(db, { accountId: account.accountId, scope, settings: DEFAULT_BOOKS_SETTINGS, clock })
    await post('full')
    const open = async () => (await look.found()).filter(isOfMoney).map(nameOf).sort()
    const changes = createChanges(look, seed)
    let [countDiffering, countPosted] = [0, 0]
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = await open()
      const changed = `round ${round}: ${await changes.next()}`
      await reader.reconcile('marked')
      const posted = await post('marked')
      countPosted += posted.countPosted + posted.countReversed
      expect(await post('full'), changed).toEqual({ countPosted: 0, countReversed: 0 })
      const marked = await open()
      await reader.reconcile('full')
      const full = await open()
      expect({ onlyMarked: without(marked, full), onlyFull: without(full, marked) }, changed).toEqual(NOTHING)
      if (marked.join() !== before.join()) countDiffering += 1
    }
    console.info(
      `seed ${seed}: after ${countDiffering} of ${ROUNDS} rounds something else was said; ${countPosted} entries`,
    )
    // The control: there was something else to say.
    expect(countDiffering).toBeGreaterThan(ROUNDS / 5)
    expect(countPosted).toBeGreaterThan(ROUNDS)
  })
})

const NOTHING = { onlyMarked: [], onlyFull: [] }
const without = (some: readonly string[], others: readonly string[]) => some.filter((one) => !others.includes(one))
const nameOf = ({ code, key, minors }: { code: string; key: string; minors: string | null }) =>
  `${code} ${key} ${minors}`

/** Stores rows as pages bring them that Helcim changed, most of them beside others of their card and amount. */
function createChanges({ runtime, query }: Look, seed: number) {
  const { db, account, clock } = runtime.services
  const { accountId } = account
  const random = createRandom(`changed rows ${seed}`)
  const rowsOf = async (condition: string): Promise<Sent[]> =>
    (
      await query(`select raw::text as raw from helcim.card_transactions
        where account_id = ${accountId} and card_batch_id is not null and ${condition} order by transaction_id`)
    ).map(({ raw }) => JSON.parse(String(raw)) as Sent)
  const beside = ({ cardBatchId, cardNumber, amount }: Sent) => ({ cardBatchId, cardNumber, amount })
  const pick = async (condition: string) => random.pick(await rowsOf(condition))
  const isSale = `type in ('purchase', 'capture') and outcome = 'approved'`
  const isReverse = `type = 'reverse' and outcome = 'approved'`
  const former: Sent[] = []
  const KINDS = {
    async 'a row reverses another sale'() {
      return { ...(await pick(isSale)), ...beside(await pick(isSale)), type: 'reverse', invoiceNumber: '' }
    },
    async 'a reverse is declined'() {
      return { ...(await pick(isReverse)), status: 'DECLINED' }
    },
    async 'a reverse is of another card and amount'() {
      const { cardNumber, amount } = await pick(isSale)
      return { ...(await pick(isReverse)), cardNumber, amount }
    },
    async 'a reverse is in another batch'() {
      return { ...(await pick(isReverse)), cardBatchId: (await pick(isSale)).cardBatchId }
    },
    async 'a row refunds or authorizes what a reverse may have voided'() {
      const type = random.pick(['refund', 'preauth'])
      return { ...(await pick(isSale)), ...beside(await pick(isReverse)), type, invoiceNumber: '' }
    },
    async 'a sale is like another'() {
      return { ...(await pick(isSale)), ...beside(await pick(isSale)) }
    },
    async 'a row is what it was once'() {
      return former.length > 0 ? random.pick(former) : pick(isSale)
    },
  } as const
  return {
    /** @returns what changed */
    async next(): Promise<string> {
      const names = Object.keys(KINDS) as (keyof typeof KINDS)[]
      const told: string[] = []
      for (let count = random.integer(1, 2); count > 0; count -= 1) {
        const name = random.pick(names)
        const changed = await KINDS[name]()
        former.push(...(await rowsOf(`transaction_id = ${changed.transactionId}`)))
        const outcome = decodeRecord(cardTransactions, { text: JSON.stringify(changed), isUtf8: true })
        if (!outcome.isDecoded) throw new Error(`not readable: ${JSON.stringify(changed)}`)
        const at = clock.now()
        const page = { accountId, observedAt: at, storedAt: at, records: [outcome.decoded] }
        await copyTransaction(db, (tx) => storeRecords(tx, cardTransactionMirror, page))
        told.push(`${name} (${changed.transactionId})`)
      }
      return told.join(', ')
    },
  }
}
