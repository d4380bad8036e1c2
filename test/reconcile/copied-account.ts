import { markSubjects } from '../../src/db/mirror/mark-rules.ts'
import { ALL_MIRRORS } from '../../src/db/mirror/mirrors.ts'
import type { Look } from '../days/support.ts'

/** What is known of readings and lessons, which an account has as a whole. */
const WHOLE = ['recon.calibrations', 'recon.pulls', 'recon.batch_checks']

export interface CopiedAccount {
  readonly accountId: number
  /** Rows of one of `countParts` parts, of each table some, as if pages in any order had brought them. */
  addPart(part: number): Promise<void>
  /** The days of a resource, as if a reading that brought nothing new had ended now. */
  coverDays(resource: string): Promise<void>
}

/**
 * A second account that shall come to hold what the first one holds, ids and all, part by part. Which row comes with which
 * part is told by the seed.
 */
export async function createCopy(
  { runtime, query }: Look,
  { name, seed, countParts }: { name: string; seed: number; countParts: number },
): Promise<CopiedAccount> {
  const { db, account } = runtime.services
  const [made] = await query(`
    insert into recon.accounts (name, base_url, token_fingerprint, history_from, zone)
    select 'copy ${name}', 'http://127.0.0.1:2/v2', 'copy', history_from, zone from recon.accounts
    where account_id = ${account.accountId} returning account_id`)
  const accountId = Number(made?.account_id)
  const copy = async (table: string, condition: string) => {
    const [schema, relation] = table.split('.')
    const columns = (
      await query(`select column_name from information_schema.columns
        where table_schema = '${schema}' and table_name = '${relation}' and column_name <> 'account_id'`)
    ).map((row) => `"${row.column_name}"`)
    await query(`insert into ${table} (account_id, ${columns}) overriding system value
      select ${accountId}, ${columns} from ${table} where account_id = ${account.accountId} and ${condition}`)
  }
  // Judged from nothing.
  for (const table of WHOLE) await copy(table, 'true')
  await query(`update recon.batch_checks set state = 'waiting', is_final = false, final_fingerprint = null
    where account_id = ${accountId}`)
  return {
    accountId,
    async addPart(part) {
      for (const { table, idColumn, parts, marks } of ALL_MIRRORS) {
        const isOfPart = `abs(hashtext('${seed} ' || ${idColumn}::text)) % ${countParts} = ${part}`
        for (const each of [table, ...parts.map((one) => one.table)]) await copy(each, isOfPart)
        for (const rule of marks.filter(({ isOnlyForChanges }) => !isOnlyForChanges)) {
          const rows = await query(`select distinct ${rule.column}::text as value from ${table}
            where account_id = ${accountId} and ${isOfPart} and ${rule.column} is not null`)
          await db.transaction((tx) =>
            markSubjects(tx, { accountId, rule, values: rows.map(({ value }) => String(value)), movedAt: null }),
          )
        }
      }
    },
    coverDays: (resource) => copy('recon.covered_days', `resource = '${resource}'`),
  }
}
