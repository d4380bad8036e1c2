import { describe, expect, it } from 'vitest'
import type { InvoiceSide } from '../../../src/domain/invoices/sides.ts'
import {
  ALL_READ,
  bankRefund,
  CARDS_ONLY,
  CARDS_READ,
  judge,
  lostWithdrawal,
  openWithdrawal,
  readingOf,
  refund,
  reverse,
  sale,
  side,
  told,
  withdrawal,
} from './support.ts'

describe('an invoice over 100.00 that was paid, with all read', () => {
  const line = (unitPrice: string, quantity = '1') => ({ quantity, unitPrice, taxMinor: 0n, discountMinor: 0n })
  it.each<[string, InvoiceSide, readonly string[]]>([
    ['one sale', side({}, [sale(1, 10_000n)]), []],
    ['two sales in parts', side({}, [sale(1, 4_999n), sale(2, 5_001n)]), []],
    ['a bank payment', side({}, [withdrawal(1, 10_000n)]), []],
    ['a bank payment that has not cleared', side({}, [openWithdrawal(1, 10_000n)]), []],
    ['a bank payment that went back', side({}, [lostWithdrawal(1, 10_000n)]), ['invoice_paid_without_payment']],
    ['card and bank in parts', side({}, [sale(1, 2_500n), withdrawal(2, 7_500n)]), []],
    ['nothing', side({}), ['invoice_paid_without_payment']],
    ['nothing, and says no sum', side({ paidMinor: null }), ['invoice_paid_without_payment']],
    ['one sale, and says no sum', side({ paidMinor: null }, [sale(1, 9_000n)]), []],

    ['too little', side({}, [sale(1, 9_999n)]), ['invoice_payment_differs']],
    ['too much', side({}, [sale(1, 10_001n)]), ['invoice_payment_differs']],
    ['too much by card and bank', side({}, [sale(1, 9_000n), withdrawal(2, 1_001n)]), ['invoice_payment_differs']],
    ['as much as it states, not as it asks for', side({ paidMinor: 9_000n }, [sale(1, 9_000n)]), []],

    ['two sales', side({}, [sale(1, 10_000n), sale(2, 10_000n)]), ['invoice_paid_twice']],
    ['a sale and a bank payment', side({}, [sale(1, 10_000n), withdrawal(2, 10_000n)]), ['invoice_paid_twice']],
    ['a sale, a bank payment to clear', side({}, [sale(1, 10_000n), openWithdrawal(2, 10_000n)]), []],
    ['two bank payments', side({}, [withdrawal(1, 10_000n), withdrawal(2, 10_000n)]), ['invoice_paid_twice']],
    ['two sales and a refund', side({}, [sale(1, 10_000n), sale(2, 10_000n), refund(3, 10_000n)]), []],
    ['two sales and a nameless refund', side({}, [sale(1, 10_000n), sale(2, 10_000n)], [refund(3, 10_000n)]), []],
    [
      'two sales, both of them by its own word',
      side({ paidMinor: 20_000n }, [sale(1, 10_000n), sale(2, 10_000n)]),
      ['invoice_paid_twice'],
    ],

    [
      'partial refunds that add up exactly',
      side({ status: 'REFUNDED', paidMinor: 0n }, [sale(1, 10_000n), refund(2, 3_333n), refund(3, 6_667n)]),
      [],
    ],
    [
      'partial refunds that are a cent short',
      side({ status: 'REFUNDED', paidMinor: 0n }, [sale(1, 10_000n), refund(2, 3_333n), refund(3, 6_666n)]),
      ['invoice_payment_differs'],
    ],
    [
      'partial refunds, one of which names nothing',
      side({ paidMinor: 4_000n }, [sale(1, 10_000n), refund(2, 5_000n)], [refund(3, 1_000n), refund(4, 700n)]),
      [],
    ],
    ['a refund by bank', side({ paidMinor: 8_000n }, [withdrawal(1, 10_000n), bankRefund(2, 2_000n)]), []],
    [
      'a reverse of its sale',
      side({ status: 'DUE', paidMinor: 0n, dueMinor: 0n }, [sale(1, 10_000n), reverse(2, 10_000n)]),
      [],
    ],
    ['a reverse of who knows what', side({}, [sale(1, 10_000n), reverse(2, 500n)]), []],

    [
      'a surcharge within what is paid',
      side({ paidMinor: 10_240n, surchargingFeeMinor: 240n }, [sale(1, 10_240n)]),
      [],
    ],
    ['a surcharge on top of what is paid', side({ surchargingFeeMinor: 240n }, [sale(1, 10_240n)]), []],
    ['a convenience fee on top', side({ convenienceFeeMinor: 195n }, [sale(1, 10_195n)]), []],
    ['a tip on top', side({ tipMinor: 1_500n }, [sale(1, 11_500n)]), []],
    ['a tip and a fee on top', side({ tipMinor: 1_500n, surchargingFeeMinor: 276n }, [sale(1, 11_776n)]), []],
    [
      'more than its surcharge on top',
      side({ surchargingFeeMinor: 240n }, [sale(1, 10_241n)]),
      ['invoice_payment_differs'],
    ],
    [
      'a surcharge on top, two times',
      side({ surchargingFeeMinor: 240n }, [sale(1, 10_240n), sale(2, 10_240n)]),
      ['invoice_paid_twice'],
    ],

    ['nothing, and asks for nothing', side({ amountMinor: 0n, paidMinor: 0n }), []],
    ['nothing, asks for nothing and says no sum', side({ amountMinor: 0n, paidMinor: null }), []],
    [
      'two sales, and asks for nothing',
      side({ amountMinor: 0n, paidMinor: 0n }, [sale(1, 100n), sale(2, 100n)]),
      ['invoice_payment_differs'],
    ],

    ['one sale for its lines', side({ lines: [line('25.00', '2'), line('50.00')] }, [sale(1, 10_000n)]), []],
    [
      'one sale for its lines, fees and tip',
      side({ lines: [line('90.00')], tipMinor: 500n, surchargingFeeMinor: 300n, convenienceFeeMinor: 200n }, [
        sale(1, 10_000n),
      ]),
      [],
    ],
    [
      'one sale for less than its lines and fees',
      side({ lines: [line('99.00')], convenienceFeeMinor: 200n }, [sale(1, 10_000n)]),
      ['invoice_total_differs'],
    ],
  ])('with %s', (_, one, codes) => {
    expect(told(judge(one))).toEqual(codes)
  })
})

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
      'paid with more only by a bank payment that may have gone back since',
      side({}, [sale(1, 9_000n), withdrawal(2, 1_001n)]),
      'invoice_payment_differs',
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
