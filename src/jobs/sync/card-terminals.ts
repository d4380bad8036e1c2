import { bindTerminals, stopAccount } from '../../db/accounts.ts'
import { cardTerminalMirror } from '../../db/mirror/card-terminals.ts'
import { finishPull } from '../../db/pulls.ts'
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
    const { accountId, name } = services.account
    const { pull, ids, now } = end
    if (await bindTerminals(tx, accountId, ids)) return proveWalk(cardTerminalMirror)(tx, services, end)
    const reason = noneIsKnown(name)
    await stopAccount(tx, accountId, reason)
    // Not complete: were it, nobody would look again for a day after the account was given another chance.
    await finishPull(tx, pull, { state: 'incomplete', failCode: 'ACCOUNT_STOPPED', failWords: reason, now })
    return []
  },
})

const noneIsKnown = (account: string): string =>
  `HELCIM_API_TOKEN shows none of the terminals of account "${account}", so it may be another merchant's: set the right ` +
  `token, or, where all terminals were replaced, run "tieout doctor --accept-terminals ${account}"`
