import { createHash } from 'node:crypto'
import { postBooks } from '../books/post.ts'
import { loadZone } from '../db/accounts.ts'
import { lockBooks } from '../db/books/lock.ts'
import { listPeriodEvents, storePeriodEvent, storePeriodFile, storeRevision } from '../db/books/periods.ts'
import type { Database, Tx } from '../db/client.ts'
import { lockJudging } from '../db/judging-lock.ts'
import { addDays, startOfDay } from '../domain/calendar.ts'
import type { Clock, Instant } from '../domain/clock.ts'
import type { BooksSettings } from '../domain/journal/chart.ts'
import { RULES_VERSION } from '../domain/journal/rules.ts'
import { firstDayOf, lastDayOf, type Month } from '../domain/month.ts'
import { UsageError } from '../domain/operating-error.ts'
import { CERTIFICATE, nextRevision, objectionToClosing } from '../domain/periods.ts'
import { REPORT_VERSION } from '../exports/report.ts'
import { fileName } from '../exports/write.ts'
import { buildCertificate, type Certificate } from './certificate.ts'
import { certificateText } from './certificate-text.ts'
import { findLacking } from './lacking.ts'
import { partsOf, type RenderedFile, type RenderOptions, renderPeriod, withScratchFolder } from './render.ts'

export interface CloseRequest {
  readonly account: { readonly accountId: number; readonly name: string }
  readonly month: Month
  readonly actor: string
  /** Why it is closed although something is missing; null to close it only when nothing is. */
  readonly forcedReason: string | null
  readonly books: BooksSettings
  /** Of tieout. */
  readonly version: string
}

export type CloseResult =
  | { readonly kind: 'closed'; readonly certificate: Certificate }
  | { readonly kind: 'lacking'; readonly lacking: readonly string[] }

/**
 * Closes a month: every file of it as known now, the settings, and a certificate over both become a revision that never
 * changes. All in one transaction, under the locks of books and judgements: killed anywhere, it is as if it had never
 * begun, and what is posted afterwards is dated into the month that follows.
 * @throws UsageError with exit code 1 where the month may not be closed at all
 */
export async function closePeriod(
  { db, pool }: Database,
  request: CloseRequest,
  clock: Clock,
  options: RenderOptions = {},
): Promise<CloseResult> {
  const { account, month, books } = request
  const { accountId } = account
  await postBooks(db, { accountId, scope: 'full', settings: books, clock })
  return db.transaction((tx) =>
    withScratchFolder(async (folder) => {
      await lockBooks(tx, accountId)
      await lockJudging(tx, accountId)
      const asOf = clock.now()
      const zone = await loadZone(tx, accountId)
      const steps = await listPeriodEvents(tx, accountId)
      const isOver = asOf >= startOfDay(addDays(lastDayOf(month), 1), zone)
      const objection = objectionToClosing(month, { steps, isOver })
      if (objection !== null) throw new UsageError(objection, { exitCode: 1 })
      const files = await renderPeriod(pool, { accountId, month, asOf, now: asOf, books }, folder, options)
      const lacking = await findLacking(tx, { accountId, month, files })
      if (lacking.length > 0 && request.forcedReason === null) return { kind: 'lacking', lacking }
      const revision = nextRevision(month, steps)
      const certificate = await buildCertificate(tx, {
        accountId,
        account: account.name,
        month,
        zone,
        revision,
        closedAt: asOf,
        closedBy: request.actor,
        asOf,
        // Nothing was forced where nothing was missing.
        forcedReason: lacking.length === 0 ? null : request.forcedReason,
        lacking,
        version: request.version,
        files,
        sha256: hashOver(files),
      })
      await store(tx, { accountId, certificate, files, settings: settingsOf(request, zone), asOf })
      return { kind: 'closed', certificate }
    }),
  )
}

/** Over what `sha256sum` prints of them. */
export const hashOver = (files: readonly Pick<RenderedFile, 'file' | 'sha256'>[]): string =>
  createHash('sha256')
    .update(files.map(({ file, sha256 }) => `${sha256}  ${file}\n`).join(''))
    .digest('hex')

/** The event comes last: with it the revision is complete, and the database lets nothing more be added. */
async function store(
  tx: Tx,
  input: {
    accountId: number
    certificate: Certificate
    files: readonly RenderedFile[]
    settings: unknown
    asOf: Instant
  },
): Promise<void> {
  const { accountId, certificate, files, settings, asOf } = input
  const { month, revision, closedBy, forcedReason, lacking, sha256 } = certificate
  await storeRevision(tx, accountId, {
    month,
    revision,
    asOf,
    closedAt: asOf,
    closedBy,
    lacking,
    forcedReason,
    settings,
    sha256,
  })
  const key = { accountId, month, revision }
  for (const { path, control: _, journal: __, ...file } of files)
    await storePeriodFile(tx, key, { ...file, parts: partsOf(path) })
  for (const { file, text } of certificateFiles(certificate)) {
    const bytes = Buffer.from(text)
    await storePeriodFile(tx, key, {
      file,
      content: CERTIFICATE,
      definition: null,
      countBytes: BigInt(bytes.length),
      sha256: createHash('sha256').update(bytes).digest('hex'),
      parts: [bytes],
    })
  }
  await storePeriodEvent(tx, accountId, {
    month,
    kind: 'closed',
    revision,
    at: asOf,
    actor: closedBy,
    reason: forcedReason,
  })
}

function certificateFiles(certificate: Certificate): { file: string; text: string }[] {
  const { account, month } = certificate
  const period = { from: firstDayOf(month), to: lastDayOf(month) }
  return [
    { file: fileName(account, CERTIFICATE, period, 'json'), text: `${JSON.stringify(certificate, null, 2)}\n` },
    { file: fileName(account, CERTIFICATE, period, 'txt'), text: certificateText(certificate) },
  ]
}

const settingsOf = ({ books, version }: CloseRequest, zone: string) => ({
  version,
  reportVersion: REPORT_VERSION,
  rulesVersion: RULES_VERSION,
  zone,
  cutOffMinutes: books.cutOffMinutes,
  chart: books.chart,
  plans: Object.fromEntries([...books.plans].map(([planId, account]) => [String(planId), account])),
  xeroTaxRate: books.xeroTaxRate,
})
