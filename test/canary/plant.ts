import { createSystemClock, toInstant } from '../../src/domain/clock.ts'
import type { TransactionFacts } from '../../src/sandbox/rows.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { addDays, createZone } from '../../src/sandbox/zone.ts'
import { LIMITS } from '../kills/shop.ts'
import { type Canary, createCardNumber } from './canaries.ts'

const HISTORY_DAYS = 5
const zone = createZone('America/Edmonton')
/** Cells that would run in a spreadsheet, turn a line around, end a text or a statement. */
export const HOSTILE = `=HYPERLINK("http://x","y")'; drop table helcim.card_batches; --\u0000\u202e<b>\u{1f4b3}\r\n\t"`

const grouped = (digits: string, separator: string) => (digits.match(/\d{4}/g) ?? []).join(separator)

/** Where Helcim might tell a full card number, and how it is written there. */
const PLACES: readonly { name: string; prefix: string; plant(digits: string): Partial<TransactionFacts> | 'number' }[] =
  [
    { name: 'cardNumber', prefix: '411111', plant: () => 'number' },
    { name: 'cardHolderName', prefix: '510510', plant: (digits) => ({ user: `Jane ${digits} Doe` }) },
    { name: 'user', prefix: '222300', plant: (digits) => ({ user: grouped(digits, '-') }) },
    { name: 'warning', prefix: '601100', plant: (digits) => ({ warning: `card ${grouped(digits, ' ')} 12/29 used` }) },
    { name: 'errors', prefix: '352800', plant: (digits) => ({ errors: `DECLINED ${grouped(digits, '.')}` }) },
    { name: 'avsResponse', prefix: '650000', plant: (digits) => ({ avsResponse: digits }) },
    { name: 'cvvResponse', prefix: '453201', plant: (digits) => ({ cvvResponse: `${HOSTILE}${digits}${HOSTILE}` }) },
    { name: 'type', prefix: '453202', plant: (digits) => ({ type: `sale of ${digits}` }) },
    { name: 'no-break spaces', prefix: '453203', plant: (digits) => ({ warning: grouped(digits, '\u00a0') }) },
    { name: 'dashes of print', prefix: '453204', plant: (digits) => ({ warning: grouped(digits, '\u2013') }) },
    { name: 'two blanks', prefix: '453205', plant: (digits) => ({ warning: grouped(digits, '  ') }) },
    { name: 'tabs', prefix: '453206', plant: (digits) => ({ warning: grouped(digits, '\t') }) },
    {
      name: 'status',
      prefix: '453207',
      plant: (digits) => ({ disguise: { kind: 'unknown-status', status: `PENDING ${digits}` } }),
    },
    {
      name: 'an amount that cannot be read',
      prefix: '453208',
      plant: (digits) => ({ disguise: { kind: 'undecodable', key: 'amount', literal: `"${digits}"` } }),
    },
    {
      name: 'a number that cannot be read',
      prefix: '453209',
      plant: (digits) => ({ disguise: { kind: 'undecodable', key: 'amount', literal: digits } }),
    },
  ]

export interface PlantedShop {
  readonly sandbox: Sandbox
  /** Full card numbers, and the card tokens of all rows. */
  readonly cards: readonly Canary[]
  readonly tokens: readonly Canary[]
  readonly historyDays: number
  /** Changes rows that were planted, so that former versions of them are kept. */
  changePlanted(facts: Partial<TransactionFacts>): void
}

/** A shop whose customers and staff wrote card numbers wherever there was room. */
export async function openPlantedShop(apiToken: string): Promise<PlantedShop> {
  const clock = createSystemClock()
  const today = new Date(clock.now() - 7 * 3_600_000).toISOString().slice(0, 10)
  const nickname = createCardNumber('545454')
  const sandbox = await startSandbox({
    clock,
    seed: 16,
    limits: LIMITS,
    serviceTimeMs: 5,
    tokens: [{ token: apiToken, name: 'canary' }],
    scenario: {
      startsOn: addDays(today, -HISTORY_DAYS),
      endsAt: toInstant(zone.at(addDays(today, -2), '14:00')),
      customers: 20,
      salesPerDay: 15,
      terminals: [{ id: 54181, currency: 'CAD', nickname: `Counter ${nickname}`, batchNumberFirst: 559 }],
      defects: ['card_batch_total_differs:sales', 'card_batch_count_differs'],
    },
  })
  const merchant = sandbox.state.merchant()
  const cards: Canary[] = [{ name: 'card number in the nickname of a terminal', secret: nickname }]
  const sales = merchant.transactions().filter((row) => row.type === 'purchase' && row.status === 'approved')
  const planted: bigint[] = []
  for (const [index, { name, prefix, plant }] of PLACES.entries()) {
    const row = sales[index]
    if (!row) throw new Error('the shop sold too little')
    const digits = createCardNumber(prefix)
    const facts = plant(digits)
    cards.push({ name: `card number in ${name}`, secret: digits })
    const holderName = name === 'cardHolderName' ? `Jane ${digits} Doe` : row.card.holderName
    const number = facts === 'number' ? digits : row.card.number
    merchant.alterTransaction(row.id, {
      ...(facts === 'number' ? {} : facts),
      card: { ...row.card, number, holderName },
    })
    planted.push(row.id)
  }
  const hostile = sales[PLACES.length]
  if (hostile) merchant.alterTransaction(hostile.id, { card: { ...hostile.card, holderName: HOSTILE } })
  const tokens = new Set(merchant.transactions().map((row) => row.card.token))
  return {
    sandbox,
    cards,
    tokens: [...tokens].map((secret) => ({ name: 'a card token', secret })),
    historyDays: HISTORY_DAYS + 1,
    changePlanted(facts) {
      for (const id of planted) merchant.alterTransaction(id, facts)
    },
  }
}
