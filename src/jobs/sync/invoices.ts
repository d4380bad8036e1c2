import { invoiceMirror } from '../../db/mirror/invoices.ts'
import { type MarkRule, markSubjects } from '../../db/mirror/mark-rules.ts'
import { invoices } from '../../helcim/endpoints/invoices.ts'
import { askedDays, isAmongAsked } from './days-window.ts'
import { isNamed } from './named.ts'
import { proveWalk } from './prove-walk.ts'
import { defineResource } from './resource.ts'

const BY_NUMBER: MarkRule = { kind: 'invoice', column: 'invoice_number', subjects: 'itself' }

/**
 * About as many as transactions, and a hundred or so a page: the last days once a day, and by their number those that a
 * payment names (`ask-for-needs.ts`).
 */
export const invoiceResource = defineResource({
  name: 'invoice',
  endpoint: invoices,
  mirror: invoiceMirror,
  pageLimit: 0,
  call(window, { page }) {
    switch (window.kind) {
      case 'days': {
        const { from: dateStart, to: dateEnd } = askedDays(window)
        return invoices.list({ dateStart, dateEnd, page })
      }
      case 'code':
        return invoices.list({ invoiceNumber: window.code, page })
      default:
        throw new Error(`invoices are not read by ${window.kind}`)
    }
  },
  isInside: ({ invoiceNumber, created }, window) =>
    window.kind === 'days' ? isAmongAsked(created, window) : isNamed(invoiceNumber, window),
  async afterWalk(tx, services, end) {
    await proveWalk(invoiceMirror)(tx, services, end)
    const { window, accountId } = end.pull
    // That there is none of this number, or that it is as it was, is news as well.
    if (window.kind === 'code')
      await markSubjects(tx, { accountId, rule: BY_NUMBER, values: [window.code], movedAt: null })
    return []
  },
})
