import { resolve } from 'node:path'
import { readBooks } from '../books-file.ts'
import type { Config } from '../config.ts'
import { loadZone } from '../db/accounts.ts'
import { listPeriodEvents, listRevisions } from '../db/books/periods.ts'
import { businessDateOf } from '../domain/calendar.ts'
import { type Month, monthOf, toMonth } from '../domain/month.ts'
import { UsageError } from '../domain/operating-error.ts'
import { maskCardNumbers } from '../helcim/card-numbers.ts'
import { closePeriod } from '../periods/close.ts'
import { writeClosedFiles } from '../periods/closed-files.ts'
import { reopenPeriod } from '../periods/reopen.ts'
import { type AccountOption, withAccount } from './account-option.ts'
import { actorOf } from './actor.ts'
import { clockOf } from './clock.ts'
import { showProgress } from './export-progress.ts'
import { cross, paint, say, tick, wrap } from './paint.ts'
import { listPeriods, periodsTable, periodToJson } from './show-periods.ts'
import { versionOfPackage } from './version.ts'

interface PeriodOptions extends AccountOption {
  readonly json?: boolean
}

interface DecisionOptions extends PeriodOptions {
  readonly force?: boolean
  readonly reason?: string
  readonly by?: string
}

interface FilesOptions extends PeriodOptions {
  readonly out: string
  readonly revision?: string
}

export function runList(config: Config, options: PeriodOptions): Promise<number> {
  return withAccount(config, options, async ({ db }, { accountId, historyFrom }) => {
    const present = monthOf(businessDateOf(clockOf(config).now(), await loadZone(db, accountId)))
    const [events, revisions] = [await listPeriodEvents(db, accountId), await listRevisions(db, accountId)]
    const periods = listPeriods({ events, revisions, first: monthOf(historyFrom), present })
    say(options.json ? JSON.stringify(periods.map(periodToJson), null, 2) : periodsTable(periods))
    return 0
  })
}

/** @returns 0, or 1 when something is missing */
export async function runClose(
  config: Config,
  text: string,
  options: DecisionOptions,
  signal: AbortSignal,
): Promise<number> {
  const month = monthOption(text)
  const actor = actorOf(options.by)
  const reason = reasonOf(options.reason)
  if (options.force && reason === null)
    throw new UsageError('--reason: say why it is closed although something is missing')
  if (!options.force && reason !== null) throw new UsageError('--reason: it is kept with --force only; leave it out')
  return withAccount(config, options, async (database, account) => {
    const books = readBooks(config)(account.name)
    const request = { account, month, actor, forcedReason: reason, books, version: versionOfPackage() }
    const progress = showProgress()
    const closing = closePeriod(database, request, clockOf(config), { signal, onProgress: progress.update })
    const result = await closing.finally(progress.stop)
    if (result.kind === 'lacking') {
      if (options.json) say(JSON.stringify({ month, isClosed: false, lacking: result.lacking }, null, 2))
      else for (const line of result.lacking) say(cross(line))
      return 1
    }
    const { certificate } = result
    if (options.json) say(JSON.stringify(certificate, null, 2))
    else {
      for (const line of certificate.lacking) process.stderr.write(`  ${paint('yellow', 'MISSING')} ${line}\n`)
      for (const line of certificate.reservations) process.stderr.write(`  ${paint('yellow', 'RESERVATION')} ${line}\n`)
      say(
        tick(
          `${month} is closed as revision ${certificate.revision}: ${certificate.files.length} files, SHA-256 ${certificate.sha256}`,
        ),
      )
      say(wrap(`"tieout period export ${month}" writes them, with the certificate.`, '    '))
    }
    return 0
  })
}

export async function runReopen(config: Config, text: string, options: DecisionOptions): Promise<number> {
  const month = monthOption(text)
  const actor = actorOf(options.by)
  const reason = reasonOf(options.reason)
  if (reason === null) throw new UsageError('--reason: say why the month is reopened')
  return withAccount(config, options, async ({ db }, { accountId }) => {
    const { revision } = await reopenPeriod(db, { accountId, month, actor, reason }, clockOf(config))
    if (options.json) say(JSON.stringify({ month, state: 'reopened', revision }, null, 2))
    else say(tick(`${month} is open again; revision ${revision} stays, and closing it makes the next one`))
    return 0
  })
}

export async function runFiles(config: Config, text: string, options: FilesOptions): Promise<number> {
  const month = monthOption(text)
  const revision = options.revision === undefined ? undefined : revisionOf(options.revision)
  return withAccount(config, options, async ({ db }, { accountId }) => {
    const wanted = { accountId, month, ...(revision !== undefined && { revision }) }
    const { files, revision: written } = await writeClosedFiles(db, wanted, options.out)
    if (options.json)
      say(
        JSON.stringify(
          files.map(({ path, sha256 }) => ({ path: resolve(path), sha256 })),
          null,
          2,
        ),
      )
    else {
      for (const { path } of files) say(`  ${paint('bold', path)}`)
      say(
        `  ${month}, revision ${written.revision}, closed ${new Date(written.closedAt).toISOString()} by ${written.closedBy}`,
      )
    }
    return 0
  })
}

function monthOption(text: string): Month {
  try {
    return toMonth(text)
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function revisionOf(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new UsageError(`--revision: "${text}" is no number of a revision`)
}

const REASON_LENGTH_MAX = 500

/** It stands on the certificate, so what passes for a card number is masked before it is stored. */
function reasonOf(text: string | undefined): string | null {
  const reason = text?.trim().replace(/\s+/g, ' ') ?? ''
  if (reason.length > REASON_LENGTH_MAX) throw new UsageError(`--reason: keep it below ${REASON_LENGTH_MAX} letters`)
  return reason === '' ? null : maskCardNumbers(reason)
}
