import type { Config } from '../config.ts'
import { resourceOf } from '../jobs/sync/resources.ts'
import { type AccountOption, withAccounts } from './account-option.ts'
import { paint, say, table } from './paint.ts'
import { resourcesOf } from './resource-option.ts'

export interface ReplayOptions extends AccountOption {
  readonly resource?: readonly string[]
  readonly json?: boolean
}

/** Ids of unreadable records that are named; the count tells of the others. */
const IDS_SHOWN = 5

/**
 * Rebuilds the typed columns from what was kept as received, with no call; a daemon may run meanwhile.
 * @returns the exit code: 1 when a record cannot be read any more
 */
export function runReplay(config: Config, options: ReplayOptions, signal: AbortSignal): Promise<number> {
  const names = resourcesOf(options.resource)
  return withAccounts(config, options.account, async ({ db }, accounts) => {
    const rows = []
    for (const { accountId, name: account } of accounts) {
      for (const resource of names) {
        for (const replay of resourceOf(resource).replays) {
          if (!signal.aborted) rows.push({ account, resource, ...(await replay(db, { accountId, signal })) })
        }
      }
    }
    if (options.json) {
      const shown = rows.map(({ unreadableIds, ...row }) => ({ ...row, unreadableIds: unreadableIds.map(String) }))
      say(JSON.stringify(shown, null, 2))
    } else {
      const cells = rows.map(({ account, table: name, countRecords, countChanged, unreadableIds }) => {
        const counts = [countRecords, countChanged, unreadableIds.length].map(String)
        return [account, name, ...counts]
      })
      say(table(['account', 'table', 'records', 'changed', 'unreadable'], cells, [2, 3, 4]))
      for (const { table: name, unreadableIds: ids } of rows) {
        if (ids.length === 0) continue
        const named = `${ids.slice(0, IDS_SHOWN).join(', ')}${ids.length > IDS_SHOWN ? ', …' : ''}`
        say(paint('red', `  ${name}: this version cannot read ${named}; left as it was`))
      }
    }
    return signal.aborted || rows.some(({ unreadableIds }) => unreadableIds.length > 0) ? 1 : 0
  })
}
