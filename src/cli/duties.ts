import { loadZone } from '../db/accounts.ts'
import type { Tx } from '../db/client.ts'
import type { Mismatch } from '../db/mismatches.ts'
import { type Duty, type DutyOf, dutyOf } from '../domain/alert-rules.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import type { Severity } from '../domain/mismatch.ts'

/** Who looks after a mismatch by the rules of its account, and until when; nothing is due any more of what is resolved. */
export type Duties = (mismatch: Mismatch, now: Instant) => DutyOf

/** @param input `duties` of the account's rules */
export async function dutiesOf(
  tx: Tx,
  { duties, accountId }: { duties: readonly Duty[]; accountId: number },
): Promise<Duties> {
  const zone = await loadZone(tx, accountId)
  return (mismatch, now) => {
    const { code, assignedTo, state } = mismatch
    const firstSeenAt = toInstant(mismatch.firstSeenAt.getTime())
    const severity = mismatch.severity as Severity
    const duty = dutyOf(duties, { severity, code, assignedTo, firstSeenAt, now, zone })
    return state === 'resolved' ? { owner: assignedTo, dueOn: null, isOverdue: false } : duty
  }
}
