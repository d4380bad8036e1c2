import { RESOURCE_NAMES, type ResourceName } from '../../domain/pull.ts'
import { achBatchResource, achTransactionResource } from './ach.ts'
import { cardBatchResource } from './card-batches.ts'
import { cardTerminalResource } from './card-terminals.ts'
import { cardTransactionResource } from './card-transactions.ts'
import { customerResource } from './customers.ts'
import { invoiceResource } from './invoices.ts'
import { addOnResource, paymentPlanResource, subscriptionResource } from './recurring.ts'
import type { Resource } from './resource.ts'

const DESCRIPTIONS: Readonly<Record<ResourceName, Resource>> = {
  card_terminal: cardTerminalResource,
  card_batch: cardBatchResource,
  card_transaction: cardTransactionResource,
  customer: customerResource,
  invoice: invoiceResource,
  payment_plan: paymentPlanResource,
  add_on: addOnResource,
  subscription: subscriptionResource,
  ach_transaction: achTransactionResource,
  ach_batch: achBatchResource,
}

/** Every resource that the sync loop reads; a new one is a name, a description of its own and a line above. */
export const RESOURCES: ReadonlyMap<string, Resource> = new Map(
  RESOURCE_NAMES.map((name) => [name, DESCRIPTIONS[name]]),
)

/** @throws Error for a name that no pull can have */
export function resourceOf(name: string): Resource {
  const resource = RESOURCES.get(name)
  if (!resource) throw new Error(`there is no resource ${name}`)
  return resource
}
