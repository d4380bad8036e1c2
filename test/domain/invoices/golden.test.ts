import { describe, expect, it } from 'vitest'
import type { InvoiceSide } from '../../../src/domain/invoices/sides.ts'
import {
  ALL_READ,
  bankRefund,
  CARDS_ONLY,
  CARDS_READ,
  judge,
  openWithdrawal,
  readingOf,
  refund,
  reverse,
  sale,
  side,
  told,
  withdrawal,
} from './support.ts'

describe('an invoice whose bank payments were not read', () => {
  it.each<[string, InvoiceSide, string]>([
    ['paid twice in full', side({}, [sale(1, 10_000n), sale(2, 10_000n)]), 'invoice_paid_twice'],
    [
      'paid twice by Helcim’s own word, whatever was refunded without its name',
      side({ paidMinor: 20_000n }, [sale(1, 10_000n), sale(2, 10_000n)], [refund(3, 10_000n)]),
      'invoice_paid_twice',
    ],
    ['paid with more than it states', side({}, [sale(1, 10_100n)]), 'invoice_payment_differs'],
    [
      'paid with more than it states after all that was refunded',
      side({ paidMinor: 4_000n }, [sale(1, 10_000n), refund(2, 5_000n)]),
      'invoice_payment_differs',
    ],
    [
      'still due, and paid with more than it states',
      side({ status: 'DUE', paidMinor: 8_766n }, [sale(1, 10_000n)]),
      'invoice_payment_differs',
    ],
  ])('by cards is %s: a bank that brings more does not undo it', (_, one, code) => {
    for (const reading of [CARDS_ONLY, CARDS_READ, ALL_READ]) {
      const { findings, waiting } = judge(one, reading)
      const codes = findings.map(({ code: found }) => found).filter((found) => found !== 'invoice_overdue')
      expect({ codes, waiting }).toEqual({ codes: [code], waiting: [] })
    }
    // The control: of cards that were not read themselves nothing is said, and their reading is awaited.
    const unread = judge(one, readingOf({ card: 'unread', bank: 'never' }))
    expect(told(unread).filter((word) => word !== 'invoice_overdue')).toEqual(['waits', 'due'])
  })

  it.each<[string, InvoiceSide, string | null]>([
    ['paid by nothing that was read', side({}), 'invoice_paid_without_payment'],
    ['paid with less than it states', side({}, [sale(1, 9_000n)]), 'invoice_payment_differs'],
    ['paid in full and then refunded', side({}, [sale(1, 10_000n), refund(2, 10_000n)]), 'invoice_payment_differs'],
    ['paid twice, one of which may have been refunded without its name', sideOfNamelessRefund(10_000n), null],
    ['paid twice, of which more may have been refunded', sideOfNamelessRefund(15_000n), 'invoice_paid_twice'],
    [
      'paid with more, which a reverse may have voided',
      side({ paidMinor: 5_000n }, [sale(1, 10_100n), reverse(2, 10_100n), sale(3, 4_000n)]),
      'invoice_payment_differs',
    ],
    [
      'paid by card and by a bank payment that may have gone back since',
      side({}, [sale(1, 10_000n), withdrawal(2, 10_000n)]),
      'invoice_paid_twice',
    ],
    [
      'paid with more by card, of which a bank has given back some',
      side({}, [sale(1, 10_100n), openWithdrawal(2, 500n), bankRefund(3, 200n)]),
      'invoice_payment_differs',
    ],
  ])('is not judged where it is %s: what the bank holds may explain it', (_, one, codeWhenRead) => {
    expect(judge(one, CARDS_ONLY)).toMatchObject({ findings: [], dueAt: null })
    expect(judge(one, CARDS_READ).findings).toEqual([])
    expect(judge(one, ALL_READ).findings.map(({ code }) => code)).toEqual(codeWhenRead === null ? [] : [codeWhenRead])
  })

  function sideOfNamelessRefund(minor: bigint): InvoiceSide {
    return side({}, [sale(1, 10_000n), sale(2, 10_000n)], [refund(3, minor)])
  }
})
