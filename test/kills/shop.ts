import { createSystemClock, toInstant } from '../../src/domain/clock.ts'
import type { CallLimits } from '../../src/sandbox/limits.ts'
import type { BillingOptions } from '../../src/sandbox/options.ts'
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts'
import { addDays, createZone } from '../../src/sandbox/zone.ts'

const zone = createZone('America/Edmonton')
/** Helcim's own, but for the slots: those of killed calls are held back until their deadline and drain have passed. */
export const LIMITS: CallLimits = { concurrent: 30, minute: 1_000, hour: 3_000 }

/** A merchant whose last sale was two days ago, so that every look at it sees the same. */
export async function openShop(options: {
  seed: number
  historyDays: number
  salesPerDay: number
  pageSizeMax: number
  serviceTimeMs: { min: number; max: number } | number
  limits?: CallLimits
  billing?: BillingOptions
}): Promise<{ sandbox: Sandbox; env: Record<string, string> }> {
  const { seed, historyDays, salesPerDay, pageSizeMax, serviceTimeMs, limits = LIMITS, billing = null } = options
  const clock = createSystemClock()
  const today = new Date(clock.now() - 7 * 3_600_000).toISOString().slice(0, 10)
  const sandbox = await startSandbox({
    clock,
    seed,
    scenario: {
      startsOn: addDays(today, -historyDays),
      endsAt: toInstant(zone.at(addDays(today, -2), '14:00')),
      customers: 40,
      salesPerDay,
      billing,
      defects: ['card_batch_total_differs:sales', 'record_undecodable', 'card_batch_count_differs'],
    },
    switches: { pageSizeMax },
    limits,
    serviceTimeMs,
  })
  const env = {
    HELCIM_BASE_URL: sandbox.url,
    HELCIM_API_TOKEN: sandbox.token,
    HELCIM_LIMITS: Object.entries(limits)
      .map((limit) => limit.join('='))
      .join(','),
    TIEOUT_HISTORY_DAYS: String(historyDays + 1),
    // Several daemons run on this machine.
    HTTP_PORT: 'off',
    // Polls would read lists in between, which an undisturbed run would not.
    SYNC_CRON: '0 0 1 1 *',
  }
  return { sandbox, env }
}

/** What a mirror without holes holds: every readable row once. */
export function readableTotals(sandbox: Sandbox): { rows: string; ids: string; minor: string } {
  const rows = sandbox.state
    .merchant()
    .transactions()
    .filter((row) => row.disguise?.kind !== 'undecodable' && !row.isHidden)
  const minor = rows.reduce((sum, row) => sum + row.amountMinor, 0n)
  return { rows: String(rows.length), ids: String(rows.length), minor: String(minor) }
}
