import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { instantOption } from '../../src/cli/date-option.ts'
import { mismatchToJson } from '../../src/cli/show-mismatches.ts'
import { withSnapshotAsOf } from '../../src/db/as-of.ts'
import type { Tx } from '../../src/db/client.ts'
import { actOnMismatches } from '../../src/db/mismatches/act.ts'
import { listMismatches } from '../../src/db/mismatches.ts'
import { toBusinessDate } from '../../src/domain/calendar.ts'
import { type Instant, toInstant } from '../../src/domain/clock.ts'
import { REPORTS, reportOf } from '../../src/exports/reports.ts'
import { writeExports } from '../../src/exports/write.ts'
import { createJumpingClock } from '../days/jumping-clock.ts'
import { allDefects, shopUntil } from '../days/scenarios.ts'
import { type Look, withRuntime } from '../days/support.ts'
import { bytesOf, withFolder } from '../exports/support.ts'

const LAST_DAY = '2026-10-14'
const NOW = '2026-10-14T21:00:00Z'
const PERIOD = { from: toBusinessDate('2026-10-01'), to: toBusinessDate(LAST_DAY) }

/** All that is printed: every report with its control file, and every mismatch. */
interface Print {
  readonly at: Instant
  readonly files: Record<string, string>
  readonly mismatches: readonly ReturnType<typeof mismatchToJson>[]
}

/** @param asOf an earlier time; without, the present state as it is always printed */
async function print({ runtime }: Look, asOf?: Instant): Promise<Print> {
  const { pool, db } = runtime.database
  const { account, clock } = runtime.services
  const { accountId } = account
  const now = clock.now()
  const at = asOf ?? now
  const list = async (tx: Tx) => {
    const found = await listMismatches(tx, { accountId, filter: {}, order: 'severity', now: at })
    return found.map((one) =>
      mismatchToJson(one, account.name, at, () => ({ owner: null, dueOn: null, isOverdue: false })),
    )
  }
  const mismatches = asOf === undefined ? await list(db) : await withSnapshotAsOf(pool, { accountId, at, now }, list)
  let files: Record<string, string> = {}
  await withFolder(async (directory) => {
    const reports = REPORTS.filter(({ presentOnly }) => presentOnly === undefined)
    const request = { accountId, period: PERIOD, reports, format: 'csv' as const, directory }
    await writeExports(pool, request, asOf === undefined ? {} : { asOf: { at, now } })
    files = await bytesOf(directory)
  })
  return { at, files, mismatches }
}

const textOf = ({ files }: Print) =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes, 'base64').toString()]))

test('as of now is as without, and as of an earlier time is what was printed then, byte for byte, whatever came since', async () => {
  const clock = createJumpingClock(Date.parse(NOW))
  const shop = { ...shopUntil(LAST_DAY, allDefects(5, LAST_DAY)), now: NOW }
  await withRuntime({ ...shop, seed: 5, clock }, async (look) => {
    const merchant = look.sandbox.state.merchant()
    const { db } = look.runtime.database
    const { accountId } = look.runtime.services.account
    await look.pullMissing()
    clock.advance(60_000)
    const first = await print(look)
    expect(first.mismatches.length).toBeGreaterThan(5)
    expect(textOf(await print(look, first.at))).toEqual(textOf(first))

    // Amounts, batches and rows change; some go. A person decides, a day goes by, everything is read and judged again.
    const sales = merchant
      .transactions()
      .filter((row) => row.type === 'purchase' && row.status === 'approved' && !row.isHidden)
    const [changed, moved, gone] = [sales.at(-3), sales.at(-9), sales.at(-15)]
    if (!changed || !moved || !gone) throw new Error('too few sales')
    merchant.alterTransaction(changed.id, { amountMinor: changed.amountMinor + 100n })
    merchant.alterTransaction(moved.id, { batchId: 0n })
    merchant.removeTransaction(gone.id)
    const act = (index: number, action: Parameters<typeof actOnMismatches>[1]['action']) => {
      const prefixes = [first.mismatches[index]?.id ?? '']
      return actOnMismatches(db, { accountId, prefixes, action, actor: 'ann', note: 'seen', now: clock.now() })
    }
    await act(0, { kind: 'acknowledge' })
    await act(1, { kind: 'assign', to: 'ben' })
    await act(2, { kind: 'resolve', as: 'accepted' })
    clock.advance(26 * 3_600_000)
    await look.pullAgain()
    await look.reconcileFully()
    clock.advance(60_000)
    const second = await print(look)
    expect(textOf(second)).not.toEqual(textOf(first))
    expect(second.mismatches).not.toEqual(first.mismatches)

    merchant.alterTransaction(changed.id, { amountMinor: changed.amountMinor })
    await act(2, { kind: 'reopen' })
    clock.advance(3_600_000)
    await look.pullAgain()
    await look.reconcileFully()
    clock.advance(60_000)
    const third = await print(look)
    expect(textOf(third)).not.toEqual(textOf(second))

    for (const then of [first, second, third]) {
      const now = await print(look, then.at)
      expect(textOf(now)).toEqual(textOf(then))
      expect(now.mismatches).toEqual(then.mismatches)
    }

    // What cannot be told is said, with the reason.
    const recurring = {
      accountId,
      period: PERIOD,
      reports: [reportOf('recurring')],
      format: 'csv' as const,
      directory: '.',
    }
    const asOf = { at: third.at, now: clock.now() }
    await expect(writeExports(look.runtime.database.pool, recurring, { asOf })).rejects.toThrow(
      /^--as-of: recurring can only be had as of now: former payments/,
    )
    const early = toInstant(Date.parse(NOW) - 86_400_000)
    const refusal = await print(look, early).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ exitCode: 1 })
    expect(String(refusal)).toMatch(/cannot be told: former states are kept since 2026-10-14T21:00:0/)
    await expect(print(look, toInstant(clock.now() + 1_000))).rejects.toMatchObject({ exitCode: 2 })
    await db.execute(sql`update helcim.record_versions set typed = null`)
    await expect(print(look, first.at)).rejects.toThrow(/former values of \d+ records were not kept/)
    clock.advance(401 * 86_400_000)
    await expect(print(look, first.at)).rejects.toThrow('judgements are kept for 400 days')
  })
})

test.each(['2026-10-31', '2026-10-31T17:00:00', '2026-13-31T17:00:00Z', 'yesterday', ''])(
  '"%s" is no instant',
  (text) => {
    const line = `--as-of: "${text}" is not an instant like 2026-10-31T17:00:00Z, or with an offset like -06:00`
    expect(() => instantOption('--as-of', text)).toThrow(line)
    expect(instantOption('--as-of', '2026-10-31T11:00-06:00')).toBe(Date.parse('2026-10-31T17:00:00Z'))
  },
)
