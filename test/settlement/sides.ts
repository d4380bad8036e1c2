import type { BatchKind } from '../../src/domain/batch-key.ts'
import { toInstant } from '../../src/domain/clock.ts'
import type { CallRecord } from '../../src/sandbox/calls.ts'
import type { ScenarioOptions } from '../../src/sandbox/options.ts'
import type { World as WholeWorld } from '../kills/points/world.ts'

type World = Pick<WholeWorld, 'sandbox'> & { readonly helcimClock: Pick<WholeWorld['helcimClock'], 'now'> }

/** What differs between batches of cards and of ACH, as seen from Helcim. */
export interface Side {
  readonly kind: BatchKind
  /** Where attempts and decisions about its batches are kept. */
  readonly attempts: string
  readonly decisions: string
  readonly scenario: Partial<ScenarioOptions>
  /** Of the call that settles. */
  readonly method: 'POST' | 'PUT'
  /** As permissions are refused by. */
  readonly endpoint: string
  readonly rowsPath: string
  /** Lists that a first look reads. */
  readonly resources: readonly string[]
  path(batchId: bigint): string
  /** Whether the call reads whether this batch is open. */
  isReading(call: CallRecord, batchId: bigint): boolean
  /** Payment that joins the open batch now. @returns the batch */
  sell(world: World, amountMinor: bigint): bigint
  isClosed(world: World, batchId: bigint): boolean
  /** What Helcim's own close does. */
  close(world: World, batchId: bigint): void
}

const wholeSecond = ({ helcimClock }: World) => toInstant(Math.floor(helcimClock.now() / 1000) * 1000)

export const CARD: Side = {
  kind: 'card_batch',
  attempts: 'recon.settlement_attempts',
  decisions: 'recon.settlement_decisions',
  scenario: {},
  method: 'POST',
  endpoint: '/card-batches/:cardBatchId/settle',
  rowsPath: '/card-transactions',
  resources: ['card_terminal', 'card_transaction', 'card_batch'],
  path: (batchId) => `/card-batches/${batchId}/settle`,
  isReading: ({ path }, batchId) => path === `/card-batches/${batchId}`,
  sell(world, amountMinor) {
    const { state } = world.sandbox
    const [customer] = state.customers
    if (!customer) throw new Error('the shop has no customer')
    return state.payments.purchase({ at: wholeSecond(world), customer, amountMinor }).batchId
  },
  isClosed: ({ sandbox }, batchId) => (sandbox.state.merchant().batch(batchId)?.closedAt ?? null) !== null,
  close: (world, batchId) => void world.sandbox.state.merchant().closeBatch(batchId, wholeSecond(world)),
}

export const ACH: Side = {
  kind: 'ach_batch',
  attempts: 'recon.ach_settlement_attempts',
  decisions: 'recon.ach_settlement_decisions',
  scenario: { billing: { subscriptions: 1, signUpsPerDay: 0, invoicesPerDay: 0 } },
  method: 'PUT',
  endpoint: '/ach/batches/:batchId/settle',
  rowsPath: '/ach/transactions',
  resources: ['ach_transaction', 'ach_batch'],
  path: (batchId) => `/ach/batches/${batchId}/settle`,
  isReading: ({ method, path }) => method === 'GET' && path === '/ach/batches',
  sell(world, amountMinor) {
    const { state } = world.sandbox
    const { customers, achTransactions } = state.merchant().records
    const customer = customers.all()[0]
    if (!customer || !state.billing) throw new Error('the shop has no bank')
    const at = wholeSecond(world)
    const order = { at, approvedAt: at, type: 'WITHDRAWAL', currency: 'CAD', invoiceNumber: '' } as const
    const { id } = state.billing.ach.start({ ...order, customer, amountMinor })
    state.merchant()
    return achTransactions.need(id).batchId
  },
  isClosed: ({ sandbox }, batchId) =>
    (sandbox.state.merchant().records.achBatches.get(batchId)?.closedAt ?? null) !== null,
  close: (world, batchId) => void world.sandbox.state.billing?.ach.closeBatch(batchId, wholeSecond(world)),
}

export const SIDES = [
  ['cards', CARD],
  ['ACH', ACH],
] as const
