import { readAlertSettings } from '../alerts-file.ts'
import type { Config } from '../config.ts'
import { withSnapshotAsOf } from '../db/as-of.ts'
import type { Tx } from '../db/client.ts'
import { actOnMismatches, type PersonAction } from '../db/mismatches/act.ts'
import { evidenceQuery, listEvidence } from '../db/mismatches/evidence.ts'
import { listMismatchEvents } from '../db/mismatches/history.ts'
import { findMismatchIds } from '../db/mismatches/identify.ts'
import { findMismatch, listMismatches, MISMATCH_ORDERS, type MismatchFilter } from '../db/mismatches.ts'
import {
  isAtLeast,
  MISMATCH_CODES,
  MISMATCH_STATES,
  parseSubject,
  RESOLUTIONS_BY_PERSON,
  SEVERITIES,
  type Severity,
} from '../domain/mismatch.ts'
import { UsageError } from '../domain/operating-error.ts'
import { printable } from '../domain/printable.ts'
import { maskCardNumbers } from '../helcim/card-numbers.ts'
import { type AccountOption, withAccount } from './account-option.ts'
import { actorOf, nameOf } from './actor.ts'
import { clockOf } from './clock.ts'
import { instantOption } from './date-option.ts'
import { dutiesOf } from './duties.ts'
import { say } from './paint.ts'
import { dossierToJson, showDossier } from './show-mismatch.ts'
import { mismatchToJson, shortId, tabulateMismatches } from './show-mismatches.ts'

export interface MismatchesOptions extends AccountOption {
  readonly state?: string
  readonly code?: string
  readonly severity?: string
  readonly subject?: string
  readonly currency?: string
  readonly assigned?: string
  readonly olderThan?: string
  readonly sort?: string
  readonly all?: boolean
  readonly asOf?: string
  readonly json?: boolean
  readonly failOn?: string
}

/** Lists mismatches. @returns 3 when an unresolved one of the list is at least as bad as `--fail-on` */
export function runMismatches(config: Config, options: MismatchesOptions): Promise<number> {
  const { json, failOn, sort = 'severity' } = options
  const threshold = failOn === undefined ? null : oneOf('--fail-on', failOn, SEVERITIES)
  const order = oneOf('--sort', sort, MISMATCH_ORDERS)
  const filter = filterOf(options)
  const at = instantOption('--as-of', options.asOf)
  const alerts = readAlertSettings(config)
  return withAccount(config, options, async ({ db, pool }, { accountId, name }) => {
    const duties = await dutiesOf(db, { duties: alerts.rulesOf(name).duties, accountId })
    const present = clockOf(config).now()
    const now = at ?? present
    const list = (tx: Tx) => listMismatches(tx, { accountId, filter, order, now })
    const mismatches =
      at === undefined ? await list(db) : await withSnapshotAsOf(pool, { accountId, at, now: present }, list)
    if (json) sayJson(mismatches.map((one) => mismatchToJson(one, name, now, duties)))
    else if (mismatches.length > 0) say(tabulateMismatches(mismatches, now, duties))
    else say(isNarrowed(options) ? '  No mismatches like that.' : '  No open mismatches.')
    const isBad = mismatches.some(
      (one) => threshold !== null && one.state !== 'resolved' && isAtLeast(one.severity as Severity, threshold),
    )
    return isBad ? 3 : 0
  })
}

const EVIDENCE_ROWS_MAX = 20

/** Shows one mismatch with both sides, its history, the rows behind it and the statement that finds them. */
export function runShowMismatch(
  config: Config,
  id: string,
  options: AccountOption & { json?: boolean },
): Promise<number> {
  const alerts = readAlertSettings(config)
  return withAccount(config, options, async ({ db }, { accountId, name }) => {
    const duties = await dutiesOf(db, { duties: alerts.rulesOf(name).duties, accountId })
    const now = clockOf(config).now()
    const [mismatchId = ''] = await findMismatchIds(db, { accountId, prefixes: [id] })
    const mismatch = await findMismatch(db, { accountId, mismatchId })
    if (mismatch === null) throw new Error(`mismatch ${mismatchId} was found and is gone; none is ever deleted`)
    const query = evidenceQuery(mismatch)
    const dossier = {
      mismatch,
      events: await listMismatchEvents(db, { accountId, mismatchId }),
      query,
      evidence: await listEvidence(db, { query, limit: EVIDENCE_ROWS_MAX }),
    }
    if (options.json) sayJson(dossierToJson(dossier, name, now, duties))
    else say(showDossier(dossier, now, duties))
    return 0
  })
}

export interface ActionOptions extends AccountOption {
  readonly note?: string
  readonly by?: string
  /** Of `assign`. */
  readonly to?: string
  /** Of `resolve`. */
  readonly as?: string
}

/** Does to all of these mismatches, or to none, what a person decided. */
export function runMismatchAction(
  config: Config,
  kind: PersonAction['kind'],
  prefixes: readonly string[],
  options: ActionOptions,
): Promise<number> {
  const action = actionOf(kind, options)
  const actor = actorOf(options.by)
  const note = noteOf(options.note)
  return withAccount(config, options, async ({ db }, { accountId }) => {
    const now = clockOf(config).now()
    const outcomes = await actOnMismatches(db, { accountId, prefixes, action, actor, note, now })
    for (const { mismatch, unchanged } of outcomes) {
      const name = `${shortId(mismatch)}  ${mismatch.code} ${printable(mismatch.subjectId)}`
      const lost = unchanged !== null && note !== null ? '; the note was not kept, "note" adds one' : ''
      say(`  ${name}  ${unchanged === null ? doneText(action) : `${unchanged}${lost}`}`)
    }
    return 0
  })
}

/** The word for those without an owner. */
const NOBODY = 'nobody'

function actionOf(kind: PersonAction['kind'], { to, as }: ActionOptions): PersonAction {
  switch (kind) {
    case 'assign':
      if (to === undefined) throw new UsageError(`--to: say who looks after it, or "${NOBODY}"`)
      return { kind, to: to === NOBODY ? null : nameOf('--to', to) }
    case 'resolve':
      if (as === undefined) throw new UsageError(`--as: say how; choose from ${RESOLUTIONS_BY_PERSON.join(', ')}`)
      return { kind, as: oneOf('--as', as, RESOLUTIONS_BY_PERSON) }
    default:
      return { kind }
  }
}

function doneText(action: PersonAction): string {
  switch (action.kind) {
    case 'acknowledge':
      return 'acknowledged'
    case 'assign':
      return `assigned to ${printable(action.to ?? NOBODY)}`
    case 'note':
      return 'noted'
    case 'resolve':
      return `resolved as ${action.as}`
    case 'reopen':
      return 'reopened'
  }
}

const NOTE_LENGTH_MAX = 2_000

/** Notes travel into alerts and exports, so what passes for a card number is masked before it is stored. */
function noteOf(text: string | undefined): string | null {
  const note = text?.trim() ?? ''
  if (note.length > NOTE_LENGTH_MAX) throw new UsageError(`--note: keep it below ${NOTE_LENGTH_MAX} letters`)
  return note === '' ? null : maskCardNumbers(note)
}

function filterOf(options: MismatchesOptions): MismatchFilter {
  const { state, code, severity, subject, currency, assigned, olderThan, all } = options
  const unlessAll = all ? null : (['open', 'acknowledged'] as const)
  return {
    states: state === undefined ? unlessAll : someOf('--state', state, MISMATCH_STATES),
    codes: code === undefined ? null : someOf('--code', code, MISMATCH_CODES),
    severityAtLeast: severity === undefined ? null : oneOf('--severity', severity, SEVERITIES),
    ...subjectOf(subject),
    currency: currency?.toUpperCase() ?? null,
    assignedTo: assigned === undefined ? null : assigned === NOBODY ? NOBODY : { name: assigned.trim() },
    olderThanDays: olderThan === undefined ? null : daysOf(olderThan),
  }
}

function subjectOf(text: string | undefined): Pick<MismatchFilter, 'subjectKind' | 'subjectId'> {
  if (text === undefined) return {}
  const { kind, id } = parseSubject(text)
  return { subjectKind: kind, subjectId: id }
}

function daysOf(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw new UsageError(`--older-than: "${text}" is no number of days`)
}

const isNarrowed = ({
  code,
  severity,
  subject,
  currency,
  assigned,
  olderThan,
  state,
  all,
}: MismatchesOptions): boolean =>
  all === true || [code, severity, subject, currency, assigned, olderThan, state].some((one) => one !== undefined)

function oneOf<T extends string>(option: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((one) => one === text)
  if (choice !== undefined) return choice
  throw new UsageError(`${option}: "${text}" is none of ${choices.join(', ')}`)
}

const someOf = <T extends string>(option: string, text: string, choices: readonly T[]): T[] =>
  text.split(',').map((one) => oneOf(option, one.trim(), choices))

const sayJson = (value: unknown): void => say(JSON.stringify(value, null, 2))
