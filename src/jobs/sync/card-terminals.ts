import { bindTerminals, stopAccount } from '../../db/accounts.ts'
import { cardTerminalMirror } from '../../db/mirror/card-terminals.ts'
import { cardTerminals } from '../../helcim/endpoints/card-terminals.ts'
import { proveWalk } from './prove-walk.ts'
import { defineResource } from './resource.ts'

export const cardTerminalResource = defineResource({
  name: 'card_terminal',
  endpoint: cardTerminals,
  mirror: cardTerminalMirror,
  pageLimit: 1_000,
  call: () => cardTerminals.list(),
  isInside: () => true,
  async afterWalk(tx, services, end) {
    const { account } = services
    if (await bindTerminals(tx, account.accountId, end.ids)) return proveWalk(cardTerminalMirror)(tx, services, end)
    const reason = `HELCIM_API_TOKEN belongs to another merchant: account "${account.name}" has none of its terminals`
    await stopAccount(tx, account.accountId, reason)
    return []
  },
})
