import { toInstant } from '../../src/domain/clock.ts'
import { addDays, createZone } from '../../src/sandbox/zone.ts'
import { createJumpingClock } from '../days/jumping-clock.ts'
import { type Look, withRuntime } from '../days/support.ts'
import { createReader, type Reader } from './recurring-support.ts'

export const FIRST_DAY = '2026-10-20'
export const zone = createZone('America/Edmonton')
const at = (day: string, time: string) => zone.at(day, time)

/** A small shop that goes on living, with everything read and judged on the evening of the first day. */
export async function withLivingShop(
  seed: number,
  body: (shop: { look: Look; reader: Reader; jumpTo(day: string, time: string): void }) => Promise<void>,
): Promise<void> {
  const now = at(FIRST_DAY, '16:00')
  const clock = createJumpingClock(toInstant(now))
  const options = {
    seed,
    now: new Date(now).toISOString(),
    historyDays: 14,
    clock,
    switches: { subObjectsOnList: true },
    scenario: {
      startsOn: addDays(FIRST_DAY, -14),
      customers: 30,
      salesPerDay: 3,
      billing: { subscriptions: 34, signUpsPerDay: 1, invoicesPerDay: 1 },
    },
  }
  await withRuntime(options, async (look) => {
    const reader = createReader(look)
    await body({ look, reader, jumpTo: (day, time) => clock.set(toInstant(at(day, time))) })
  })
}

/** What payments and charges were matched, as stored. */
export const matchesIn = ({ query }: Look) =>
  query(`select via, transaction_id, subscription_id, payment_number, rule, confidence, is_interchangeable, matched_at
    from recon.matches order by via, transaction_id`)

/** What is open, as `code subject`. */
export const openIn = async ({ query }: Look) =>
  (await query(`select code, subject_id from recon.mismatches where state = 'open' order by code, subject_id`)).map(
    ({ code, subject_id }) => `${code} ${subject_id}`,
  )
