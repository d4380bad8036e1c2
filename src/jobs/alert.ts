import { z } from 'zod'
import { deliverAlerts } from '../alerts/deliver.ts'
import type { JobContext } from '../context.ts'
import { defineJob } from './define-job.ts'

const payload = z.object({ accountId: z.number().int() })

/** Tells what changed, on every channel of this process, and sends again what was not taken. */
export const alert = defineJob<JobContext>()({
  name: 'alert',
  decodePayload: (value) => payload.parse(value),
  lanes: ({ accountId }) => [{ key: `${accountId}-alert`, cap: 1 }],
  async run({ accountId }, { db, alertChannels: channels, alertRules: rules, settling, clock, log, signal }) {
    const counts = await deliverAlerts(db, { accountId, channels, rules, zone: settling.zone, clock, log, signal })
    const isNews = Object.values(counts).some((count) => count > 0)
    if (isNews) log.info(counts, 'alerts.delivered')
    else log.debug(counts, 'alerts.delivered')
  },
})
