import { execFileSync } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { postBooks } from '../../src/books/post.ts'
import { waitUntilQuiet } from '../../src/cli/settle-down.ts'
import { listPeriodEvents } from '../../src/db/books/periods.ts'
import { insertDue } from '../../src/db/due-work.ts'
import { toInstant } from '../../src/domain/clock.ts'
import { DEFAULT_BOOKS_SETTINGS } from '../../src/domain/journal/chart.ts'
import { toMonth } from '../../src/domain/month.ts'
import { verifyExports } from '../../src/exports/verify.ts'
import { closePeriod } from '../../src/periods/close.ts'
import { writeClosedFiles } from '../../src/periods/closed-files.ts'
import { recheckPeriods } from '../../src/periods/recheck.ts'
import type { RenderOptions } from '../../src/periods/render.ts'
import { reopenPeriod } from '../../src/periods/reopen.ts'
import { createZone } from '../../src/sandbox/zone.ts'
import { createJumpingClock } from '../days/jumping-clock.ts'
import { shopUntil } from '../days/scenarios.ts'
import { type Look, withRuntime } from '../days/support.ts'
import { bytesOf, centsOf, readCsv, withFolder } from '../exports/support.ts'

const LAST_DAY = '2026-11-03'
const NOW = '2026-11-03T22:00:00Z'
const OCTOBER = toMonth('2026-10')
const zone = createZone('America/Edmonton')
const settings = DEFAULT_BOOKS_SETTINGS

type Clock = ReturnType<typeof createJumpingClock>

const closing = (look: Look, clock: Clock) => {
  const { database, services } = look.runtime
  const { accountId } = services.account
  return {
    accountId,
    close: (month = OCTOBER, forcedReason: string | null = null, options: RenderOptions = {}) =>
      closePeriod(
        database,
        { account: services.account, month, actor: 'ann', forcedReason, books: settings, version: 'test' },
        clock,
        options,
      ),
    reopen: (reason: string, month = OCTOBER) =>
      reopenPeriod(database.db, { accountId, month, actor: 'ben', reason }, clock),
    recheck: () => recheckPeriods(database.db, { accountId, books: settings }, clock),
    async stored(revision: number): Promise<Record<string, string>> {
      let bytes: Record<string, string> = {}
      await withFolder(async (folder) => {
        await writeClosedFiles(database.db, { accountId, month: OCTOBER, revision }, folder)
        bytes = await bytesOf(folder)
      })
      return bytes
    },
  }
}

/** Cents of each account of the books, by the month of the entries. */
async function balances(look: Look, until: string): Promise<Record<string, string>> {
  const rows = await look.query(`select p.account || ' ' || e.currency as name, sum(p.amount_minor)::text as minor
    from books.entries e join books.postings p using (account_id, entry_id) where e.entry_on <= '${until}' group by 1 order by 1`)
  return Object.fromEntries(rows.map(({ name, minor }) => [String(name), String(minor)]))
}

it('a closed month stays as it was, byte for byte, and what comes late for it is dated into the next one', async () => {
  const clock = createJumpingClock(Date.parse(NOW))
  await withRuntime({ ...shopUntil(LAST_DAY), historyDays: 40, now: NOW, seed: 71, clock }, async (look) => {
    const merchant = look.sandbox.state.merchant()
    const { accountId, close, reopen, recheck, stored } = closing(look, clock)
    const { db } = look.runtime.database
    await look.pullMissing()
    await look.pullLists()
    await look.reconcileFully()
    clock.advance(60_000)

    // Killed while it renders, at its first file and at its last, and while it stores: nothing is half closed.
    const isNothing = async () => {
      const rows = await look.query(
        `select (select count(*) from books.period_revisions) + (select count(*) from books.period_files)
           + (select count(*) from books.period_file_parts) + (select count(*) from books.period_events) as count`,
      )
      expect(rows).toEqual([{ count: '0' }])
    }
    const kill = `select pg_terminate_backend(pid) from pg_locks l join pg_database d on d.oid = l.database
      where locktype = 'advisory' and datname = current_database()
        and objid = (hashtext('books ${accountId}')::bigint & 4294967295)::oid`
    for (const at of ['transactions-2026-10.csv', 'recurring-2026-10.csv']) {
      let killing: Promise<unknown> | null = null
      const onProgress = (file: string) => {
        if (file === at) killing ??= look.query(kill)
      }
      await expect(close(OCTOBER, null, { onProgress })).rejects.toThrow()
      expect(await killing).toHaveLength(1)
      await isNothing()
    }
    await look.query(`create function books.die() returns trigger language plpgsql as $$ begin
      if new.position = 0 and new.file like 'unsettled%' then perform pg_terminate_backend(pg_backend_pid()); end if;
      return new; end $$;
      create trigger die before insert on books.period_file_parts for each row execute function books.die()`)
    await expect(close()).rejects.toThrow()
    await isNothing()
    await look.query('drop trigger die on books.period_file_parts; drop function books.die')

    const closed = await close()
    expect(closed).toMatchObject({ kind: 'closed', certificate: { revision: 1, lacking: [], forcedReason: null } })
    const first = await stored(1)
    expect(Object.keys(first)).toEqual(expect.arrayContaining(['certificate-2026-10.txt', 'clearing-2026-10.csv']))
    await withFolder(async (folder) => {
      await writeClosedFiles(db, { accountId, month: OCTOBER }, folder)
      expect((await verifyExports(folder)).differences).toEqual([])
      const sums = execFileSync(
        'sh',
        ['-c', 'LC_ALL=C; export LC_ALL; sha256sum $(ls | grep -v certificate) | sha256sum'],
        {
          cwd: folder,
          encoding: 'utf8',
        },
      )
      expect(closed).toMatchObject({ certificate: { sha256: sums.slice(0, 64) } })
      // What was open at the month's end is what the merchant knows to have been.
      const rows = await readCsv(join(folder, 'unsettled-2026-10.csv'))
      const open = merchant.transactions().filter((row) => {
        const closedAt = merchant.batch(row.batchId)?.closedAt ?? null
        const isOpen = closedAt === null || zone.date(closedAt) > '2026-10-31'
        const voided = row.originalId === null ? undefined : merchant.transaction(row.originalId)
        const isMoney = ['purchase', 'capture', 'refund'].includes(row.type) || (voided && voided.type !== 'preauth')
        return row.status === 'approved' && isMoney && isOpen && zone.date(row.createdAt) <= '2026-10-31'
      })
      expect(open.length).toBeGreaterThan(0)
      expect(rows.map(({ transaction_id }) => transaction_id)).toEqual(open.map(({ id }) => String(id)))
      // And the books say of the clearing account what the roll-forward does.
      const roll = (await readCsv(join(folder, 'clearing-2026-10.csv'))).filter(({ date }) => date === '2026-10-31')
      const clearing = await balances(look, '2026-10-31')
      for (const { currency, closing: minor } of roll)
        expect(clearing[`clearing ${currency}`] ?? '0').toBe(String(centsOf(minor ?? '')))
      expect(roll.length).toBeGreaterThan(0)
    })
    const october = await balances(look, '2026-10-31')
    await expect(close()).rejects.toThrow('2026-10 is closed already')
    await expect(close(toMonth('2026-11'))).rejects.toThrow('2026-11 is not over yet')
    await expect(close(toMonth('2026-12'))).rejects.toThrow('close 2026-11 first')
    await expect(close(toMonth('2026-09'))).rejects.toThrow('2026-09 lies before 2026-10, which is closed')

    // A late refund of the 30th, and a sale of a batch of October that turns out to be another amount.
    const inOctober = merchant
      .transactions()
      .filter(
        (row) => row.type === 'purchase' && row.status === 'approved' && zone.date(row.createdAt) === '2026-10-28',
      )
    const [refunded, changed, plain] = inOctober
    if (!refunded || !changed || !plain) throw new Error('too few sales')
    const at = toInstant(zone.at('2026-10-30', '10:00'))
    merchant.addTransaction({
      ...refunded,
      type: 'refund',
      createdAt: at,
      amountMinor: 500n,
      originalId: refunded.id,
      batchId: 0n,
    })
    merchant.alterTransaction(changed.id, { amountMinor: changed.amountMinor + 100n })
    clock.advance(3_600_000)
    await look.pullAgain()
    await look.reconcileFully()
    await postBooks(db, { accountId, scope: 'marked', settings, clock })
    const late = await look.query(`select natural_on::text, entry_on::text, kind, is_reversal, gross_minor::text
      from books.entries where natural_on <= '2026-10-31' and entry_on > '2026-10-31' order by entry_id`)
    expect(new Set(late.map(({ entry_on }) => entry_on))).toEqual(new Set(['2026-11-01']))
    expect(late).toContainEqual(
      expect.objectContaining({ natural_on: '2026-10-30', kind: 'refund', is_reversal: false, gross_minor: '500' }),
    )
    expect(late).toContainEqual(
      expect.objectContaining({ kind: 'sale', is_reversal: false, gross_minor: String(changed.amountMinor + 100n) }),
    )
    expect(late).toContainEqual(
      expect.objectContaining({ kind: 'sale', is_reversal: true, gross_minor: String(changed.amountMinor) }),
    )
    expect(await balances(look, '2026-10-31')).toEqual(october)
    expect(await stored(1)).toEqual(first)

    // Nothing in the database can be made to say otherwise.
    for (const statement of [
      `update books.period_revisions set closed_by = 'eve'`,
      'delete from books.period_files',
      `update books.period_file_parts set bytes = ''`,
      'truncate books.period_events',
    ])
      await expect(look.query(statement)).rejects.toThrow('is append-only')
    await expect(
      look.query(`insert into books.period_file_parts select account_id, month_on, revision, file, 99, bytes
        from books.period_file_parts limit 1`),
    ).rejects.toThrow('nothing is added to it')
    await expect(
      look.query(`insert into books.entries (account_id, source_kind, source_id, currency, version, is_reversal, kind, natural_on,
          entry_on, gross_minor, tax_minor, is_recurring, rules_version, posted_at)
        select account_id, source_kind, source_id, currency, version + 9, is_reversal, kind, natural_on, '2026-10-31',
          gross_minor, tax_minor, is_recurring, rules_version, posted_at from books.entries limit 1`),
    ).rejects.toThrow('in a month that is closed')

    // Made again as of its close it is the same, whatever came since; a row that is tampered with shows.
    expect(await recheck()).toMatchObject({ countMonths: 1, countCompared: 21, countUndecidable: 0, countOpened: 0 })
    await look.query(`update helcim.card_transactions set invoice_number = 'X' where transaction_id = ${plain.id}`)
    expect(await recheck()).toMatchObject({ countCompared: 21 })
    const open = async () =>
      (
        await look.query(
          `select subject_id from recon.mismatches where code = 'export_differs' and state = 'open' order by 1`,
        )
      ).map(({ subject_id }) => subject_id)
    expect(await open()).toEqual(['2026-10:settlement-2026-10.csv', '2026-10:transactions-2026-10.csv'])
    await look.query(
      `update helcim.card_transactions set invoice_number = '${plain.invoiceNumber}' where transaction_id = ${plain.id}`,
    )
    expect(await recheck()).toMatchObject({ countResolved: 2 })

    // The changed batch is a critical mismatch: closing anew needs a reason, and the first revision stays.
    await reopen('a refund came late')
    const lacking = await close()
    expect(lacking).toMatchObject({ kind: 'lacking', lacking: [expect.stringMatching(/critical mismatch/)] })
    clock.advance(60_000)
    const forced = await close(OCTOBER, 'the owner accepts the batch')
    expect(forced).toMatchObject({
      kind: 'closed',
      certificate: {
        revision: 2,
        forcedReason: 'the owner accepts the batch',
        lacking: [expect.stringMatching(/critical/)],
      },
    })
    expect(await stored(1)).toEqual(first)
    const second = await stored(2)
    expect(second['transactions-2026-10.csv']).not.toBe(first['transactions-2026-10.csv'])
    expect(Buffer.from(second['certificate-2026-10.txt'] ?? '', 'base64').toString()).toMatch(
      /^BY FORCE {5}the owner accepts the batch$/m,
    )
    expect(
      (await listPeriodEvents(db, accountId)).map(({ kind, revision, reason }) => [kind, revision, reason]),
    ).toEqual([
      ['closed', 1, null],
      ['reopened', 1, 'a refund came late'],
      ['closed', 2, 'the owner accepts the batch'],
    ])
    await expect(reopen('why not', toMonth('2026-11'))).rejects.toThrow('2026-11 is not closed')
  })
})

it('the clearing account rolls forward to zero once everything is settled, and books that differ are not closed', async () => {
  const clock = createJumpingClock(Date.parse(NOW))
  await withFolder(async (folder) => {
    const env = { EXPORT_CRON: '30 4 * * *', EXPORT_DIR: folder, EXPORT_KEEP_DAYS: '31' }
    const shop = { ...shopUntil(LAST_DAY), historyDays: 40, now: NOW, seed: 72, clock, env }
    await withRuntime(shop, async (look) => {
      const merchant = look.sandbox.state.merchant()
      clock.advance(7 * 86_400_000)
      for (const batch of merchant.batches()) if (batch.closedAt === null) merchant.closeBatch(batch.id, clock.now())
      clock.set('2026-12-01T15:00:00Z')
      await look.pullMissing()
      await look.reconcileFully()
      const { accountId, close } = closing(look, clock)
      const { db } = look.runtime.database
      for (const month of ['2026-10', '2026-11']) await close(toMonth(month), 'the account began in the middle of it')
      await withFolder(async (kept) => {
        await writeClosedFiles(db, { accountId, month: toMonth('2026-11') }, kept)
        const roll = await readCsv(join(kept, 'clearing-2026-11.csv'))
        const last = roll.filter(({ date }) => date === '2026-11-30')
        expect(last.length).toBeGreaterThan(0)
        expect(last.map(({ closing: minor }) => minor)).toEqual(last.map(() => '0.00'))
        expect(roll.some(({ date, opening }) => date === '2026-11-01' && opening !== '0.00')).toBe(true)
      })
      const left = await balances(look, '2026-12-31')
      expect(Object.entries(left).filter(([name, minor]) => name.startsWith('clearing') && minor !== '0')).toEqual([])

      // Files that are written by themselves: the month of the day before, and those of long ago go.
      const come = async (kind: string, at: string) => {
        const plannedAt = toInstant(Date.parse(at))
        clock.set(toInstant(Math.max(clock.now(), plannedAt)))
        await insertDue(db, { accountId, kind, plannedAts: [plannedAt] })
        await look.runtime.enqueue.due({ accountId, kind, plannedAt })
        await waitUntilQuiet(look.runtime, { signal: AbortSignal.timeout(30_000) })
        return look.query(`select outcome from recon.due_work where kind = '${kind}' and planned_at = '${at}'`)
      }
      expect(await come('export', '2026-12-01T11:30:00Z')).toEqual([{ outcome: 'done' }])
      await writeFile(join(folder, 'notes.txt.control.json'), '{"file":"notes.txt"}')
      const november = (await readdir(folder)).filter((name) => name.includes('2026-11'))
      expect(november).toContain('settlement-2026-11.csv')
      expect(await come('closed', '2026-12-02T12:11:00Z')).toEqual([{ outcome: 'done' }])
      expect(await look.query(`select 1 from recon.mismatches where code = 'export_differs'`)).toEqual([])
      expect(await come('export', '2027-01-05T11:30:00Z')).toEqual([{ outcome: 'done' }])
      const names = await readdir(folder)
      expect(names).toEqual(expect.arrayContaining(['settlement-2027-01.csv', 'notes.txt.control.json']))
      expect(names.filter((name) => name.includes('2026-11'))).toEqual([])

      // An entry that stands for nothing: December is not closed on it.
      await look.query(`with made as (
          insert into books.entries (account_id, source_kind, source_id, currency, version, is_reversal, kind, natural_on,
            entry_on, gross_minor, tax_minor, is_recurring, rules_version, posted_at)
          values (${accountId}, 'ach_transaction', 999999999, 'CAD', 9, true, 'sale', '2026-12-05', '2026-12-05', 1, 0, false, 1, now())
          returning account_id, entry_id)
        insert into books.postings (account_id, entry_id, position, account, amount_minor)
        select account_id, entry_id, position, account, minor
        from made cross join (values (0, 'clearing', 1), (1, 'suspense', -1)) p(position, account, minor)`)
      expect(await close(toMonth('2026-12'))).toMatchObject({
        kind: 'lacking',
        lacking: expect.arrayContaining(['books and mirror differ: 2026-12, clearing: 0.01 CAD and 0.00 CAD']),
      })
    })
  })
})
