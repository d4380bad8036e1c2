import { readAlertSettings } from '../alerts-file.ts'
import type { Config } from '../config.ts'
import { addSilence, endSilence, listPastSilences, listSilences, type StoredSilence } from '../db/alerts/silences.ts'
import { listOpenMismatches } from '../db/mismatches.ts'
import { isSilencedBy, type Silence } from '../domain/alert-rules.ts'
import type { Instant } from '../domain/clock.ts'
import { MISMATCH_CODES, parseSubject } from '../domain/mismatch.ts'
import { UsageError } from '../domain/operating-error.ts'
import { printable } from '../domain/printable.ts'
import { maskCardNumbers } from '../helcim/card-numbers.ts'
import { type AccountOption, withAccount } from './account-option.ts'
import { actorOf } from './actor.ts'
import { clockOf } from './clock.ts'
import { instantOption } from './date-option.ts'
import { say, table, wrap } from './paint.ts'

interface AddOptions extends AccountOption {
  readonly code?: string
  readonly subject?: string
  readonly until?: string
  readonly reason?: string
  readonly by?: string
}

const PAST_MAX = 100

export function runSilences(
  config: Config,
  options: AccountOption & { all?: boolean; json?: boolean },
): Promise<number> {
  const settings = readAlertSettings(config)
  return withAccount(config, options, async ({ db }, { accountId, name }) => {
    const now = clockOf(config).now()
    const own = await listSilences(db, { accountId, now })
    const past = options.all ? await listPastSilences(db, { accountId, now, limit: PAST_MAX }) : []
    const ofFile = settings.rulesOf(name).silences.filter(({ until }) => options.all || now < until)
    const shown = [
      ...own.map((one) => ({ ...toJson(one), isInForce: true })),
      ...past.map((one) => ({ ...toJson(one), isInForce: false })),
      ...ofFile.map((one) => ({ ...ofFileToJson(one), isInForce: now < one.until })),
    ]
    if (options.json) {
      say(JSON.stringify(shown, null, 2))
      return 0
    }
    if (shown.length === 0) {
      say('  Nothing is silenced.')
      return 0
    }
    const rows = shown.map((one) => [
      one.number ?? '',
      one.code ?? 'every code',
      one.subject ?? '',
      `${one.until.slice(0, 16).replace('T', ' ')}${one.isInForce ? '' : ', over'}`,
      printable(one.by),
      printable(one.reason),
    ])
    say(table(['number', 'code', 'subject', 'until (UTC)', 'by', 'reason'], rows))
    return 0
  })
}

export function runAddSilence(config: Config, options: AddOptions): Promise<number> {
  const actor = actorOf(options.by)
  const silence = silenceOf(options)
  return withAccount(config, options, async ({ db }, { accountId }) => {
    const now = clockOf(config).now()
    if (silence.until <= now) throw new UsageError(`--until: ${iso(silence.until)} has passed`)
    const { silenceId } = await addSilence(db, { accountId, silence, actor, now })
    const open = await listOpenMismatches(db, accountId)
    const count = open.filter(({ code, subjectKind: kind, subjectId: id }) =>
      isSilencedBy(silence, { code, subject: { kind, id } }, now),
    ).length
    const concerns = count === 1 ? '1 open mismatch is' : `${count} open mismatches are`
    say(
      wrap(
        `Silence ${silenceId} holds until ${iso(silence.until)}: ${concerns} concerned. The list and the digest go on showing what is open.`,
        '  ',
      ),
    )
    return 0
  })
}

const REASON_LENGTH_MAX = 500

function silenceOf({ code, subject, until, reason }: AddOptions): Silence {
  if (code === undefined && subject === undefined) {
    throw new UsageError(
      '--code: say which code or which --subject; to switch a channel off, take it from the settings',
    )
  }
  const known = MISMATCH_CODES.find((one) => one === code)
  if (code !== undefined && known === undefined) {
    throw new UsageError(`--code: "${code}" is none of ${MISMATCH_CODES.join(', ')}`)
  }
  if (subject?.trim() === '') throw new UsageError('--subject: give a kind, an id, or both, like card_batch:4209764')
  const at = instantOption('--until', until)
  if (at === undefined) throw new UsageError('--until: say until when, like 2026-10-31T17:00:00Z')
  const words = maskCardNumbers(reason?.trim() ?? '')
  if (words === '' || words.length > REASON_LENGTH_MAX) {
    throw new UsageError(`--reason: say why, in at most ${REASON_LENGTH_MAX} letters`)
  }
  return {
    code: known ?? null,
    subject: subject === undefined ? null : parseSubject(subject),
    until: at,
    reason: words,
  }
}

export function runEndSilence(
  config: Config,
  number: string,
  options: AccountOption & { by?: string },
): Promise<number> {
  const actor = actorOf(options.by)
  if (!/^\d{1,18}$/.test(number))
    throw new UsageError(`"${number}" is no number of a silence; "tieout silence" lists them`)
  return withAccount(config, options, async ({ db }, { accountId }) => {
    const now = clockOf(config).now()
    const isEnded = await endSilence(db, { accountId, silenceId: BigInt(number), actor, now })
    if (!isEnded)
      throw new UsageError(`${number}: no silence of this number holds; "tieout silence" lists those that do`)
    say(`  Silence ${number} is ended.`)
    return 0
  })
}

const iso = (at: Instant): string => new Date(at).toISOString()

const subjectText = ({ subject }: Silence): string | null =>
  subject === null ? null : [subject.kind, subject.id].filter((part) => part !== null).join(':')

const toJson = (one: StoredSilence) => ({
  number: String(one.silenceId),
  code: one.code as string | null,
  subject: subjectText(one),
  until: iso(one.until),
  by: one.actor,
  reason: one.reason,
  createdAt: iso(one.createdAt) as string | null,
  endedAt: one.endedAt === null ? null : iso(one.endedAt),
  endedBy: one.endedBy,
})

const ofFileToJson = (one: Silence): Omit<ReturnType<typeof toJson>, 'number'> & { number: null } => ({
  number: null,
  code: one.code,
  subject: subjectText(one),
  until: iso(one.until),
  by: 'TIEOUT_ALERTS_FILE',
  reason: one.reason,
  createdAt: null,
  endedAt: null,
  endedBy: null,
})
