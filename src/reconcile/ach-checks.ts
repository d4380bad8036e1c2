import type { MismatchCode } from '../domain/mismatch.ts'
import type { Check } from './recurring-checks.ts'

/** Family C: bank payments. */
export const ACH_CHECKS = {
  ach_batch_total_differs: {
    subject: 'ach_batch',
    severity: 'critical',
    meaning:
      'A figure of a closed ACH batch (withdrawals, deposits, reversed or refunded; amount or count) is not what its approved transactions come to, although all their days were read after the close.',
    example: 'ACH batch 47320 states withdrawals of 1,240.00 CAD (9); its transactions add up to 1,225.00 CAD (9).',
    advice:
      'Compare the batch with its transactions in Helcim before closing the books, and report the difference to Helcim.',
  },
  ach_returned: {
    subject: 'ach_transaction',
    severity: 'high',
    meaning:
      'A bank payment was returned, or was rejected or contested after it had been seen as cleared: money that was counted has gone back.',
    example: 'Withdrawal 109355 over 120.00 CAD cleared on 7 October and was returned on the 12th.',
    advice: 'Ask the customer for another way to pay, and take the money out of the books again.',
  },
  ach_clearing_overdue: {
    subject: 'ach_transaction',
    severity: 'medium',
    meaning:
      'A bank payment was approved and has not cleared by the end of the fifth banking day after it was made. Weekends and bank holidays do not count: those of the Federal Reserve for USD, of Payments Canada for CAD.',
    example:
      'Withdrawal 109361 over 40.00 USD of Monday, 5 October, had not cleared by the 13th; the 12th was a holiday.',
    advice: 'Ask Helcim where the payment is; it may have been held for a check.',
  },
} as const satisfies Partial<Record<MismatchCode, Check>>
