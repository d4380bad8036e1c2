import type { Tx } from '../db/client.ts'
import { listOverdue } from '../db/settlement/overdue.ts'
import { listTroubledAttempts, type TroubledAttempt } from '../db/settlement/troubled.ts'
import { type BatchKey, batchName, batchTitle } from '../domain/batch-key.ts'
import { type Instant, toInstant } from '../domain/clock.ts'
import { type Finding, type MismatchCode, textFinding } from '../domain/mismatch.ts'
import type { HelcimId } from '../domain/record.ts'
import type { CheckSettings } from './settings.ts'

export const SETTLEMENT_CODES = [
  'settlement_refused',
  'settlement_unconfirmed',
  'settlement_overdue',
] as const satisfies readonly MismatchCode[]

const HARMLESS_CODES: readonly string[] = [...SETTLEMENT_CODES, 'card_batch_open_too_long']

/** Whether an open mismatch of a batch can hold its settlement: not one that settling it would end. */
export const holdsSettlement = (code: string): boolean => !HARMLESS_CODES.includes(code)

/** Family H: what is known of attempts and of batches held back, as it stands now. */
export async function findSettlementTrouble(
  tx: Tx,
  { accountId, settings, now }: { accountId: number; settings: CheckSettings; now: Instant },
): Promise<Finding[]> {
  const calledBefore = toInstant(now - settings.settlementUnconfirmedMs)
  const heldBefore = toInstant(now - settings.settlementOverdueMs)
  const attempts = await listTroubledAttempts(tx, { accountId, calledBefore })
  const overdue = await listOverdue(tx, { accountId, heldBefore })
  return [
    ...attempts.map((attempt) => (attempt.state === 'refused' ? refused(attempt) : unconfirmed(attempt))),
    ...overdue.map(({ batch, terminalId, heldSince, reasons }) =>
      textFinding({
        code: 'settlement_overdue',
        severity: 'high',
        subject: subjectOf(batch),
        expectedText: 'settled at its cut-off',
        actualText: `held: ${reasons
          .filter(({ weight }) => weight === 'hold')
          .map(({ code }) => code)
          .join(', ')}`,
        summary:
          `${batchTitle(batch)}${atTerminal(terminalId)} was to be settled and has been held since ` +
          `${new Date(heldSince).toISOString()}: ${reasons
            .filter(({ weight }) => weight === 'hold')
            .map(({ text }) => text)
            .join('; ')}.`,
        advice: `See "tieout settle --plan"; clear what holds it, or settle it in Helcim’s dashboard.`,
        evidence: [`${batch.kind}:${batch.id}`],
      }),
    ),
  ]
}

function refused({ batch, terminalId, attemptId, status, words }: TroubledAttempt): Finding {
  const said = words ? `: ${words}` : ''
  return textFinding({
    code: 'settlement_refused',
    severity: 'high',
    subject: subjectOf(batch),
    expectedText: 'settled',
    actualText: `${status ?? 'refused'}${said}`,
    summary: `Helcim refused to settle ${batchName(batch)}${atTerminal(terminalId)}${said}. It is still open.`,
    advice: adviceOf({ batch, status }),
    evidence: [`${batch.kind}:${batch.id}`, `settlement_attempt:${attemptId}`],
  })
}

/** A token that may not settle is not tried again by itself; what else Helcim refuses is. */
function adviceOf({ batch, status }: Pick<TroubledAttempt, 'batch' | 'status'>): string {
  const byHand = `run "tieout settle ${SETTLE_OPTIONS[batch.kind]} ${batch.id}"`
  if (status !== 401 && status !== 403)
    return `Do what Helcim’s words ask for, then ${byHand}, or leave it to the next cut-off.`
  return (
    'Do what Helcim’s words ask for: the token needs Transaction Processing: admin, which is given in All Tools → ' +
    `Integrations → API Access. Then ${byHand}, or "tieout doctor", so that the next cut-off tries again: before one of ` +
    'them, or a restart, none does.'
  )
}

function unconfirmed({ batch, terminalId, attemptId, calledAt }: TroubledAttempt): Finding {
  const since = calledAt === null ? 'some time' : new Date(calledAt).toISOString()
  return textFinding({
    code: 'settlement_unconfirmed',
    severity: 'critical',
    subject: subjectOf(batch),
    expectedText: 'certainty whether it is settled',
    actualText: 'unknown',
    summary: `Whether ${batchName(batch)}${atTerminal(terminalId)} was settled is not known since ${since}. Nothing is called again before it is.`,
    advice:
      'Look at the batch in Helcim’s dashboard. tieout goes on reading it; if Helcim cannot tell, ' +
      `"tieout settle --abandon ${attemptId}" ends the attempt.`,
    evidence: [`${batch.kind}:${batch.id}`, `settlement_attempt:${attemptId}`],
  })
}

const subjectOf = ({ kind, id }: BatchKey) => ({ kind, id: String(id) })

const atTerminal = (terminalId: HelcimId | null): string => (terminalId === null ? '' : ` (terminal ${terminalId})`)

/** Of `tieout settle`. */
export const SETTLE_OPTIONS = { card_batch: '--batch', ach_batch: '--ach-batch' } as const
