import type { Tx } from '../db/client.ts'
import type { Examined } from '../db/mismatches.ts'
import {
  listDueCustomers,
  listSubscribers,
  listSubscriptionIds,
  listUnexpectedCharges,
  storeRecurringChecks,
} from '../db/recurring-checks.ts'
import { loadCustomerSides } from '../db/recurring-sides.ts'
import type { RunAgenda } from '../db/run-agenda.ts'
import { addDays, type BusinessDate, startOfDay } from '../domain/calendar.ts'
import { HELCIM_ZONE } from '../domain/helcim-time.ts'
import type { Finding, MismatchCode } from '../domain/mismatch.ts'
import type { HelcimId } from '../domain/record.ts'
import { type CustomerJudgement, judgeCustomer } from '../domain/recurring/judge.ts'
import type { ReadingState, RecurringSettings } from '../domain/recurring/sides.ts'
import { addToSums, type RecurringSums } from '../domain/recurring/sums.ts'
import { wordFindings } from './recurring-findings.ts'

/** Said of subscriptions and their payments, whatever else is waiting. */
const CODES_BY_SUBSCRIPTION = [
  'charge_missing',
  'charge_overdue',
  'charge_failed',
  'charge_amount_differs',
  'charge_duplicated',
  'charge_ambiguous',
  'price_differs_from_plan',
  'card_expires_before_next_charge',
] as const satisfies readonly MismatchCode[]

/** Customers per round: what is held in memory does not grow with their number. */
const CUSTOMERS_PER_ROUND = 250

export interface RecurringResult {
  readonly findings: readonly Finding[]
  readonly examined: readonly Examined[]
  /** Of the customers judged, by currency. */
  readonly sums: readonly RecurringSums[]
  /** Card transactions of which more reading would tell whether a payment expects them. */
  readonly undecidedIds: ReadonlySet<HelcimId>
  /** Card transactions that wait for more reading, or time. */
  readonly waitingIds: readonly HelcimId[]
  /** Card transactions of which it changed whether a payment expects them. */
  readonly rematchedIds: ReadonlySet<HelcimId>
}

/**
 * Family D: judges the customers that are marked or due, or all of them, round by round, and stores their matches. Each
 * is judged as if alone, from everything that is known of them, so that the scope changes the cost and nothing else.
 */
export async function reconcileRecurring(
  tx: Tx,
  input: {
    accountId: number
    historyFrom: BusinessDate
    isFull: boolean
    agenda: RunAgenda
    /** Customers to be judged beside those that are marked or due. */
    alsoCodes: readonly string[]
    reading: ReadingState
    settings: RecurringSettings
  },
): Promise<RecurringResult> {
  const { accountId, historyFrom, isFull, agenda, reading, settings } = input
  const { now } = reading
  const codes = isFull
    ? await listSubscribers(tx, accountId)
    : [
        ...new Set([...agenda.marked('customer'), ...input.alsoCodes, ...(await listDueCustomers(tx, accountId, now))]),
      ].toSorted()
  const findings: Finding[] = []
  const examined: Examined[] = []
  const sums = new Map<string, RecurringSums>()
  const undecidedIds = new Set<HelcimId>()
  const waitingIds: HelcimId[] = []
  const rematchedIds = new Set<HelcimId>()
  const chargesFrom = startOfDay(addDays(historyFrom, -1), HELCIM_ZONE)
  for (let from = 0; from < codes.length; from += CUSTOMERS_PER_ROUND) {
    const round = codes.slice(from, from + CUSTOMERS_PER_ROUND)
    const sides = await loadCustomerSides(tx, { accountId, codes: round, chargesFrom })
    const judged = sides.map((one) => judgeCustomer(one, reading, settings))
    for (const judgement of judged) {
      findings.push(...wordFindings(judgement.customerCode, judgement.findings))
      addToSums(sums, judgement)
      for (const { charge, outcome, isWhole } of judgement.chargeOutcomes) {
        if (charge.via === 'card' && outcome === 'waiting') waitingIds.push(charge.transactionId)
        if (charge.via === 'card' && (outcome === 'waiting' || !isWhole)) undecidedIds.add(charge.transactionId)
      }
    }
    for (const id of await storeRecurringChecks(tx, { accountId, checked: judged, now })) rematchedIds.add(id)
    const subscriptionIds = await listSubscriptionIds(tx, { accountId, codes: round })
    const unexpected = await listUnexpectedCharges(tx, { accountId, subscriptionIds })
    examined.push(...examinedIn(judged, { subscriptionIds, unexpected }))
  }
  const inOrder = [...sums.values()].toSorted((a, b) => (a.currency < b.currency ? -1 : 1))
  return { findings, examined, sums: inOrder, undecidedIds, waitingIds, rematchedIds }
}

/** What could not be judged yet keeps the mismatches it has. */
function examinedIn(
  judged: readonly CustomerJudgement[],
  said: { subscriptionIds: readonly bigint[]; unexpected: readonly string[] },
): Examined[] {
  const unsettled = new Set(judged.flatMap(({ unsettledIds }) => unsettledIds))
  const charges = judged.flatMap(({ chargeOutcomes }) => chargeOutcomes)
  const waiting = new Set(
    charges.filter(({ outcome }) => outcome === 'waiting').map(({ charge }) => String(charge.transactionId)),
  )
  return [
    { codes: CODES_BY_SUBSCRIPTION, subjectRoots: said.subscriptionIds.map(String) },
    {
      codes: ['times_billed_differs'],
      subjectRoots: said.subscriptionIds.filter((id) => !unsettled.has(id)).map(String),
    },
    { codes: ['charge_unexpected'], subjectRoots: said.unexpected.filter((id) => !waiting.has(id)) },
  ]
}
