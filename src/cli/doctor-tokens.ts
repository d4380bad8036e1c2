import type { AccountSettings } from '../accounts-file.ts'
import { tokenFingerprint } from '../config.ts'
import { ensureAccount } from '../db/accounts.ts'
import { createCallBudget } from '../db/call-budget.ts'
import type { Db } from '../db/client.ts'
import { type Attempt, listAttempts } from '../db/settlement/attempts.ts'
import { BATCH_KINDS, type BatchKind } from '../domain/batch-key.ts'
import { type Clock, createSystemClock } from '../domain/clock.ts'
import { helcimDate } from '../domain/helcim-time.ts'
import { OperatingError } from '../domain/operating-error.ts'
import type { CallPermits } from '../domain/permits.ts'
import type { CallOutcome } from '../domain/settlement.ts'
import { createHelcimClient, type HelcimClient } from '../helcim/client.ts'
import type { EndpointCall } from '../helcim/endpoint.ts'
import { achBatches, achTransactions } from '../helcim/endpoints/ach.ts'
import { cardBatches } from '../helcim/endpoints/card-batches.ts'
import { cardTerminals } from '../helcim/endpoints/card-terminals.ts'
import { cardTransactions } from '../helcim/endpoints/card-transactions.ts'
import { connectionTest } from '../helcim/endpoints/connection-test.ts'
import { customers } from '../helcim/endpoints/customers.ts'
import { invoices } from '../helcim/endpoints/invoices.ts'
import { subscriptions } from '../helcim/endpoints/recurring.ts'
import type { Check } from './doctor.ts'

interface Surroundings {
  readonly clock: Clock
  readonly db: Db
  /** The name of a check, with its account where there are several. */
  readonly name: (text: string) => string
  readonly checks: Check[]
}

/** Asks Helcim what the tokens of an account may do, as far as reading tells it: nothing here can move money. */
export async function checkTokens(settings: AccountSettings, surroundings: Surroundings): Promise<void> {
  const { clock, db, name, checks } = surroundings
  const { token, baseUrl, historyDays, limits, settle } = settings
  const today = helcimDate(clock.now())
  const { accountId } = await ensureAccount(db, {
    name: settings.name,
    baseUrl,
    tokenFingerprint: tokenFingerprint(token),
    today,
    historyDays,
    now: clock.now(),
  })
  const permits = createCallBudget({ db, accountId, holder: `doctor-${process.pid}`, limits, clock })
  const helcim = createHelcimClient({ baseUrl, token, permits })
  const tryOne = (call: EndpointCall, title: string, fine: string, without?: string) =>
    tryCall(helcim, call, { name: name(title), fine, checks, without })
  try {
    const serverTime = await tryOne(connectionTest(), 'token', 'Helcim accepts it')
    if (serverTime === 'refused') return
    if (serverTime !== null) checkSkew(serverTime, name('clock'), checks)
    await tryOne(cardTerminals.list(), 'read card terminals', 'permitted')
    await tryOne(cardBatches.list({ collectStatistics: true }), 'read card batches', 'permitted')
    await tryOne(cardTransactions.list({ limit: 1, page: 1 }), 'read transactions', 'permitted')
    const one = { limit: 1, page: 1 }
    await tryOne(customers.list(one), 'read customers', 'permitted', NOT_MIRRORED)
    await tryOne(
      invoices.list({ page: 1, dateStart: today, dateEnd: today }),
      'read invoices',
      'permitted',
      NOT_MIRRORED,
    )
    await tryOne(subscriptions.list({ ...one, offset: 0 }), 'read subscriptions', 'permitted', NOT_MIRRORED)
    // To settle an ACH batch both are needed.
    const withoutAch = isSettled(settings, 'ach_batch') ? undefined : NOT_MIRRORED
    const days = { startDate: today, endDate: today }
    await tryOne(achTransactions.list({ ...one, ...days }), 'read ACH', 'permitted', withoutAch)
    await tryOne(achBatches.list(), 'read ACH batches', 'permitted', withoutAch)
  } finally {
    await helcim.close()
  }
  if (settle.token !== null) await checkSecondToken(settings, { permits, name, checks })
  const attempts = await listAttempts(db, { accountId, limit: 200 })
  for (const kind of BATCH_KINDS) {
    if (isSettled(settings, kind)) checks.push(knownOfSettling(settings, { kind, attempts, name }))
  }
}

const NOT_MIRRORED = 'not permitted, so they are not mirrored'

const isSettled = ({ settle: { policy } }: AccountSettings, kind: BatchKind): boolean =>
  policy.mode !== 'off' && policy.kinds.includes(kind)

async function checkSecondToken(
  { baseUrl, settle: { token } }: AccountSettings,
  { permits, name, checks }: Pick<Surroundings, 'name' | 'checks'> & { permits: CallPermits },
): Promise<void> {
  if (token === null) return
  const helcim = createHelcimClient({ baseUrl, token, permits })
  const fine = 'Helcim accepts it; used for settling alone, so the other token may be read-only'
  const title = name('settling token')
  await tryCall(helcim, connectionTest(), { name: title, fine, checks, without: undefined }).finally(() =>
    helcim.close(),
  )
}

/**
 * What is known of the token that settles. Whether it may, only a settlement shows: Helcim has no call that asks, and
 * trying is what must not happen here.
 */
function knownOfSettling(
  { settle: { token, policy } }: AccountSettings,
  { kind, attempts, name }: { kind: BatchKind; attempts: readonly Attempt[]; name: (text: string) => string },
): Check {
  const last = attempts.find(({ batch, outcome }) => batch.kind === kind && outcome !== null && isHelcims(outcome))
  const isRefused = last?.status === 401 || last?.status === 403
  const by = token === null ? 'by the one token' : 'by the settling token'
  const known = isRefused
    ? `the last time Helcim said ${last.status} ${last.words ?? ''}: give the token Transaction Processing: admin`
    : last?.outcome === 'taken'
      ? `${policy.mode}, ${by}; it did the last time`
      : `${policy.mode}, ${by}; whether it may is known after the first settlement only`
  return { name: name(kind === 'ach_batch' ? 'settle ACH batches' : 'settle batches'), isFine: !isRefused, says: known }
}

/** Silence, or a page of somebody on the way, says nothing of the token. */
const isHelcims = (outcome: CallOutcome): boolean => ['taken', 'refused', 'declined'].includes(outcome)

/**
 * @param asked `without`: what it says where the token may not, and that is no fault; a fault unless given
 * @returns Helcim's clock where it tells it
 */
async function tryCall(
  helcim: HelcimClient,
  call: EndpointCall,
  { name, fine, checks, without }: { name: string; fine: string; checks: Check[]; without: string | undefined },
): Promise<number | null | 'refused'> {
  try {
    const { serverTime } = await helcim.read(call, { callClass: 'settle' })
    checks.push({ name, isFine: true, says: fine })
    return serverTime
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    const isLeftOut = without !== undefined && error.code === 'HELCIM_NOT_PERMITTED'
    const says = isLeftOut ? without : `${error.message} ${ADVICE[error.code] ?? ''}`.trim()
    checks.push({ name, isFine: isLeftOut, says })
    return 'refused'
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  HELCIM_UNAUTHORIZED: 'Set a valid API token (All Tools → Integrations → API Access).',
  HELCIM_NOT_PERMITTED: 'Give the token General: read, and Transaction Processing for the transaction list.',
  HELCIM_UNAVAILABLE: 'Check HELCIM_BASE_URL, the network, and Helcim’s status page.',
}

/** Helcim's clock tells seconds; more than this apart is a clock to be set. */
const SKEW_MS_MAX = 5_000

function checkSkew(serverTime: number, name: string, checks: Check[]): void {
  const skewMs = Math.abs(serverTime - createSystemClock().now())
  const isFine = skewMs <= SKEW_MS_MAX
  checks.push({
    name,
    isFine,
    says: isFine
      ? 'agrees with Helcim’s'
      : `${Math.round(skewMs / 1_000)} s apart from Helcim’s: synchronise this machine’s clock (NTP)`,
  })
}
