import { achBatchResource, achTransactionResource } from './ach.ts'
import { cardBatchResource } from './card-batches.ts'
import { cardTerminalResource } from './card-terminals.ts'
import { cardTransactionResource } from './card-transactions.ts'
import { customerResource } from './customers.ts'
import { invoiceResource } from './invoices.ts'
import { addOnResource, paymentPlanResource, subscriptionResource } from './recurring.ts'
import type { Resource } from './resource.ts'

/** Every resource that the sync loop reads; a new one is a description of its own and a line here. */
export const RESOURCES: ReadonlyMap<string, Resource> = new Map(
  [
    cardTerminalResource,
    cardBatchResource,
    cardTransactionResource,
    customerResource,
    invoiceResource,
    paymentPlanResource,
    addOnResource,
    subscriptionResource,
    achTransactionResource,
    achBatchResource,
  ].map((resource) => [resource.name, resource]),
)

/** @throws Error for a name that no pull can have */
export function resourceOf(name: string): Resource {
  const resource = RESOURCES.get(name)
  if (!resource) throw new Error(`there is no resource ${name}`)
  return resource
}
