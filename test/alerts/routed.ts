import { deliverAlerts } from '../../src/alerts/deliver.ts'
import type { AlertBody } from '../../src/alerts/message.ts'
import { INTERVAL_MS } from '../../src/alerts/settings.ts'
import { beginChannels } from '../../src/db/alerts/outbox.ts'
import { type AlertRules, defaultAlertRules } from '../../src/domain/alert-rules.ts'
import {
  alertBodies,
  type Book,
  createRecordingChannel,
  type RecordingChannel,
  silentLog,
  type TestDatabase,
} from './support.ts'

export const ZONE = 'America/Edmonton'
export const NAMES = ['log', 'slack', 'email'] as const

/** Slack hears of what is critical, and of changed records; the others of all but `info`. */
export const RULES: AlertRules = {
  ...defaultAlertRules(NAMES),
  routes: [
    { severity: 'low', codes: null, accounts: null, to: ['log', 'email'] },
    { severity: 'critical', codes: null, accounts: null, to: ['slack'] },
    { severity: 'low', codes: ['record_changed'], accounts: null, to: ['slack'] },
  ],
}
export const isRouted = (channel: string, { code, severity }: { code: string; severity: string }): boolean =>
  severity !== 'info' && (channel !== 'slack' || severity === 'critical' || code === 'record_changed')

export const openChannels = () => NAMES.map((name) => createRecordingChannel(name))

/** One whose news are told on these channels from its beginning. */
export async function openRoutedBook(database: TestDatabase): Promise<Book> {
  const book = await database.openBook()
  await beginChannels(database.db, { accountId: book.accountId, channels: NAMES, now: book.clock.now() })
  return book
}

/** Delivers until nothing is left to be told. */
export async function drain(
  database: TestDatabase,
  book: Book,
  channels: readonly RecordingChannel[],
  rules = RULES,
): Promise<void> {
  for (let runs = 0; runs < 60; runs += 1) {
    book.clock.advance(INTERVAL_MS)
    const { countSent, countMessages } = await deliver(database, book, channels, rules)
    const isWaiting = (await book.messages()).some(({ isDelivered }) => !isDelivered)
    if (countSent + countMessages === 0 && !isWaiting) return
  }
  throw new Error('the outbox does not run dry')
}

/** One run of the alert job. */
export const deliver = (
  { db }: TestDatabase,
  { accountId, clock }: Book,
  channels: readonly RecordingChannel[],
  rules = RULES,
) => deliverAlerts(db, { accountId, channels, rules, zone: ZONE, clock, log: silentLog, random: () => 0.5 })

/** What a channel was told of mismatches. */
export const alertsOf = ({ received }: RecordingChannel): AlertBody[] => [...alertBodies(received).values()]
