import { customerMirror } from '../../db/mirror/customers.ts'
import { customers } from '../../helcim/endpoints/customers.ts'
import { isNamed } from './named.ts'
import { proveWalk } from './prove-walk.ts'
import { defineResource } from './resource.ts'

/** No filter tells what changed: all of them once a day, and by their code those that payments name before that. */
export const customerResource = defineResource({
  name: 'customer',
  endpoint: customers,
  mirror: customerMirror,
  pageLimit: 100,
  call(window, { limit, page }) {
    switch (window.kind) {
      case 'all':
        return customers.list({ limit, page })
      case 'code':
        return customers.list({ customerCode: window.code, limit, page })
      default:
        throw new Error(`customers are not read by ${window.kind}`)
    }
  },
  isInside: ({ code }, window) => isNamed(code, window),
  afterWalk: proveWalk(customerMirror),
})
