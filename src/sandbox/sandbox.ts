import { setMaxListeners } from 'node:events'
import type { AddressInfo } from 'node:net'
import { toInstant } from '../domain/clock.ts'
import { type CallRecord, createCallLog } from './calls.ts'
import { conductCall } from './conduct.ts'
import { controlEndpoints } from './control.ts'
import type { DefectName, DefectOptions } from './defects/catalogue.ts'
import { createDefectSchedule } from './defects/schedule.ts'
import type { StrikeFacts } from './defects/strikes.ts'
import { createFaultScript, type FaultScript } from './faults/script.ts'
import { automaticClose } from './history/closing.ts'
import { createHistory, type History } from './history/history.ts'
import { createLimits, DEFAULT_LIMITS, type Peaks, type Violation } from './limits.ts'
import { createMerchant, type Merchant } from './merchant.ts'
import { DEFAULT_SWITCHES, DEFAULT_TERMINALS, rangeOf, type SandboxOptions } from './options.ts'
import { ENDPOINTS } from './registry.ts'
import { createRenderer } from './render.ts'
import { BASE_PATH, createServer } from './server.ts'
import { createTokens, DEFAULT_TOKENS, type Tokens } from './tokens.ts'
import { computeTotals, type Totals } from './totals.ts'
import { createTruthLedger, type Truth } from './truth.ts'
import { createWebhooks, type Webhooks } from './webhooks.ts'
import { createReadingOf, createZone } from './zone.ts'

export { demoScenario } from './demo.ts'

/** A local Helcim over HTTP. It shares nothing with the worker but clock and money, so that it can testify against it. */
export interface Sandbox {
  /** e.g. `http://127.0.0.1:40123/v2`. */
  readonly url: string
  /** The first token. */
  readonly token: string
  calls(): readonly CallRecord[]
  peaks(): Peaks
  /** Every call that exceeded a limit; all of them were refused. */
  violations(): readonly Violation[]
  truth(): Truth
  /** What a complete copy holds of each resource at this instant. */
  totals(): Totals
  readonly faults: FaultScript
  /** A second client on the same merchant. */
  readonly foreign: { use(count: number): number }
  readonly tokens: Tokens
  readonly state: SandboxState
  /** null where nobody is to be told. */
  readonly webhooks: Webhooks | null
  close(): Promise<void>
}

/** For tests that add to history or alter it. Of what is done here only defects are written into the truth. */
export interface SandboxState {
  /** The records, with everything due until now having happened. */
  merchant(): Merchant
  readonly payments: History['payments']
  readonly customers: History['customers']
  /** The engine behind subscriptions, invoices and ACH; null where the scenario has no billing. */
  readonly billing: History['billing']
  /**
   * Strikes now, or at its `at`.
   * @returns the number of the strike; null when it is to strike later
   * @throws Error when there is nothing yet that this defect could damage
   */
  apply(defect: DefectName | DefectOptions): number | null
  /** What struck until now, also by the scenario. */
  strikes(): readonly StrikeFacts[]
  /**
   * Takes a strike back: what is served becomes sound, and the truth follows. Some defects cannot be healed, or not any
   * more; the error says why.
   */
  heal(strike: number): void
  /** A healed defect returns, on the same records. */
  relapse(strike: number): void
}

const SERVICE_TIME_MS_DEFAULT = { min: 2, max: 5 }

/**
 * Starts a sandbox on loopback.
 * @throws Error with code EADDRINUSE when the port is taken
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { clock, seed, scenario, port = 0, serviceTimeMs = SERVICE_TIME_MS_DEFAULT } = options
  const switches = { ...DEFAULT_SWITCHES, ...options.switches }
  const limitsMax = options.limits ?? DEFAULT_LIMITS
  const tokenOptions = options.tokens ?? DEFAULT_TOKENS
  const zone = createZone(switches.zone)
  const merchant = createMerchant({
    seed,
    terminals: scenario.terminals ?? DEFAULT_TERMINALS,
    zone,
    lagMs: switches.lagSeconds * 1000,
    countedTypes: switches.batchCounts,
    closesAt: automaticClose(seed),
  })
  const history = createHistory(merchant, scenario, seed, switches)
  const ledger = createTruthLedger(merchant, {
    ...switches,
    countedTypes: switches.batchCounts,
    readingOf: createReadingOf(zone),
    links: () => history.billing?.subscriptions.links() ?? [],
  })
  const filtersIgnored = new Set(switches.filtersIgnored)
  const defects = createDefectSchedule({
    merchant,
    history,
    ledger,
    seed,
    isEditTold: switches.subscriptionDateUpdated !== 'never',
    isParentTold: switches.refundRow === 'with-parent',
    isInvoiceTold: switches.refundRow !== 'empty',
    ignoreFilters: (names) => {
      for (const name of names) filtersIgnored.add(name)
    },
    heedFilters: (names) => {
      for (const name of names) if (!switches.filtersIgnored.includes(name)) filtersIgnored.delete(name)
    },
  })
  defects.plan(scenario)
  const advance = () => history.advanceTo(clock.now())

  const webhooks = options.webhook ? createWebhooks(options.webhook, { merchant, clock, seed, advance }) : null

  const limits = createLimits(limitsMax, switches)
  const tokens = createTokens(tokenOptions)
  const calls = createCallLog(clock)
  const faults = createFaultScript()
  const closing = new AbortController()
  // Each call in progress listens until its end, and there may be any number of them: many listeners are no leak here.
  setMaxListeners(0, closing.signal)
  const inProgress = new Set<Promise<void>>()
  const context = {
    clock,
    seed,
    merchant,
    render: createRenderer(merchant, { switches, zone }),
    zone,
    switches: () => ({ ...switches, filtersIgnored: [...filtersIgnored] }),
    limits,
    limitsMax,
    tokens,
    calls,
    strike: faults.strike,
    advance,
    settleAchBatch: history.billing?.ach.closeBatch,
    serviceTimeMs: rangeOf(serviceTimeMs),
    closing: closing.signal,
  }

  const sandbox: Sandbox = {
    get url() {
      return `http://127.0.0.1:${portOf(server.server.address())}${BASE_PATH}`
    },
    token: tokenOptions[0]?.token ?? '',
    calls: calls.calls,
    peaks: limits.peaks,
    violations: limits.violations,
    truth() {
      advance()
      return ledger.truth(clock.now())
    },
    totals() {
      advance()
      return computeTotals(merchant, clock.now())
    },
    faults,
    foreign: { use: (count) => limits.useForeign(count, clock.now()) },
    tokens,
    state: {
      merchant() {
        advance()
        return merchant
      },
      payments: history.payments,
      customers: history.customers,
      billing: history.billing,
      apply(defect) {
        advance()
        // Records have whole seconds, as Helcim's texts have.
        return defects.apply(defect, toInstant(Math.floor(clock.now() / 1000) * 1000))
      },
      strikes() {
        advance()
        return defects.strikes()
      },
      heal(strike) {
        advance()
        defects.heal(strike)
      },
      relapse(strike) {
        advance()
        defects.relapse(strike)
      },
    },
    webhooks,
    async close() {
      closing.abort()
      await webhooks?.stop()
      await server.close()
      await Promise.allSettled(inProgress)
    },
  }
  const server = createServer({
    endpoints: ENDPOINTS,
    controls: controlEndpoints(sandbox),
    async conduct(request) {
      const conducted = conductCall(context, request)
      inProgress.add(conducted)
      try {
        await conducted
      } finally {
        inProgress.delete(conducted)
      }
    },
  })
  await server.listen({ host: '127.0.0.1', port })
  return sandbox
}

function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === 'string') throw new Error('the sandbox does not listen')
  return address.port
}
