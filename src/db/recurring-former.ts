import { sql } from 'drizzle-orm'
import type { Instant } from '../domain/clock.ts'
import type { HelcimId } from '../domain/record.ts'
import type { FormerTerms } from '../domain/recurring/former.ts'
import { viasOf } from '../domain/recurring/vias.ts'
import type { Tx } from './client.ts'
import { arrayOf, instantOf } from './sql-values.ts'

/** A subscription or a plan as it was, or, without an end, as it is. */
interface Version {
  readonly until: Instant
  readonly row: Row
}

type Row = Record<string, string | null>

/**
 * What these subscriptions were before, of which their own former versions and those of their plans tell; the oldest first.
 * Versions that an older tieout kept, of which it took down no columns, are left out.
 */
export async function loadFormerTerms(
  tx: Tx,
  { accountId, subscriptionIds }: { accountId: number; subscriptionIds: readonly HelcimId[] },
): Promise<Map<HelcimId, FormerTerms[]>> {
  if (subscriptionIds.length === 0) return new Map()
  const ids = arrayOf(subscriptionIds)
  const { rows: subscriptions } = await tx.execute<Row>(sql`
    select subscription_id as id, observed_at as from_at, null as until_at, status, payment_plan_id as plan_id,
      payment_method, updated_at
    from helcim.subscriptions where account_id = ${accountId} and subscription_id = any(${ids}::bigint[])
    union all
    select record_id, observed_from, observed_until, typed->>'status', (typed->>'payment_plan_id')::bigint,
      typed->>'payment_method', (typed->>'updated_at')::timestamptz
    from helcim.record_versions
    where account_id = ${accountId} and resource = 'subscription' and record_id = any(${ids}::bigint[]) and typed is not null`)
  const { rows: plans } = await tx.execute<Row>(sql`
    select payment_plan_id as id, null as until_at, card_terminal_id as terminal_id, payment_method
    from helcim.payment_plans where account_id = ${accountId}
    union all
    select record_id, observed_until, (typed->>'card_terminal_id')::bigint, typed->>'payment_method'
    from helcim.record_versions where account_id = ${accountId} and resource = 'payment_plan' and typed is not null`)
  const plansById = versionsById(plans)
  return new Map([...versionsById(subscriptions)].map(([id, versions]) => [BigInt(id), termsOf(versions, plansById)]))
}

const NOW_ON = Number.POSITIVE_INFINITY as Instant

function versionsById(rows: readonly Row[]): Map<string, Version[]> {
  const versions = new Map<string, Version[]>()
  for (const row of rows) {
    const id = String(row.id)
    versions.set(id, [...(versions.get(id) ?? []), { until: instantOf(row.until_at) ?? NOW_ON, row }])
  }
  for (const own of versions.values()) own.sort((a, b) => a.until - b.until)
  return versions
}

/** Wherever the subscription or a plan of its own was seen otherwise, something of its terms ends. */
function termsOf(own: readonly Version[], plansById: ReadonlyMap<string, readonly Version[]>): FormerTerms[] {
  const versionsOfPlan = (id: string | null | undefined) => plansById.get(String(id)) ?? []
  const firstFrom = instantOf(own[0]?.row.from_at) ?? NOW_ON
  const ends = new Set(own.map(({ until }) => until))
  for (const id of new Set(own.map(({ row }) => row.plan_id))) {
    for (const { until } of versionsOfPlan(id)) if (until > firstFrom) ends.add(until)
  }
  ends.delete(NOW_ON)
  return [...ends]
    .toSorted((a, b) => a - b)
    .flatMap((until): FormerTerms[] => {
      const row = seenAt(own, until)
      if (!row) return []
      const plan = seenAt(versionsOfPlan(row.plan_id), until)
      return [
        {
          from: instantOf(row.from_at) ?? until,
          until,
          status: row.status ?? '',
          vias: viasOf(row.payment_method || plan?.payment_method || ''),
          terminalId: plan?.terminal_id ? BigInt(plan.terminal_id) : null,
          updatedAt: instantOf(row.updated_at),
        },
      ]
    })
}

/** As it was until then. */
const seenAt = (versions: readonly Version[], until: Instant): Row | undefined =>
  versions.find((one) => one.until >= until)?.row
