import type { NumberGap } from '../db/batch-checks.ts'
import { type Finding, textFinding } from '../domain/mismatch.ts'

/** A terminal numbers its batches without holes; one that Helcim does not return even when asked for is missing. */
export function findNumberGaps(gaps: readonly NumberGap[]): Finding[] {
  return gaps
    .filter((gap) => gap.isConfirmed)
    .map(({ terminalId, batchNumber }) =>
      textFinding({
        code: 'card_batch_number_gap',
        severity: 'medium',
        subject: { kind: 'terminal', id: `${terminalId}:${batchNumber}` },
        expectedText: `batch no. ${batchNumber}`,
        actualText: 'not found',
        summary: `Terminal ${terminalId} has no batch no. ${batchNumber}, though there are batches before and after it.`,
        advice: 'Look for that batch number in Helcim’s dashboard: its transactions may be missing from every list.',
        evidence: [`terminal:${terminalId}`],
      }),
    )
}
