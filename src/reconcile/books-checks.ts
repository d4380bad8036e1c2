import type { Check } from './recurring-checks.ts'

/** Family I: what was posted, against what it was posted from. */
export const BOOKS_CHECKS = {
  books_differ_from_mirror: {
    subject: 'period',
    severity: 'critical',
    meaning:
      'The posted total of an account in a month is not what the rows of the mirror add up to: clearing of cards, clearing of ACH, deposits in transit or suspense, per currency. Rows that wait to be posted are left out on both sides. Looked at by every full run, before it posts everything again.',
    example: 'October 2026, clearing: the mirror adds up to 1,204.50 CAD, the books say 1,154.50 CAD.',
    advice:
      'Run "tieout reconcile" twice: the first run posts what is missing, the second one looks again. What stays is a fault of tieout: report it, and do not close the month.',
  },
} as const satisfies Record<string, Check>
