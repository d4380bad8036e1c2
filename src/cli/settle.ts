import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import pino from 'pino'
import { type AccountSettings, readAccounts } from '../accounts-file.ts'
import type { Config } from '../config.ts'
import type { JobContext } from '../context.ts'
import { type Attempt, abandonAttempt, listAttempts, loadAttempt } from '../db/settlement/attempts.ts'
import { listDecisions } from '../db/settlement/decisions.ts'
import { listOpenBatches } from '../db/settlement/open-batches.ts'
import { type BatchKey, batchName, batchTitle } from '../domain/batch-key.ts'
import { UsageError } from '../domain/operating-error.ts'
import { readBack, type Settlement, settleOne } from '../jobs/settle/attempt.ts'
import { createLog } from '../log.ts'
import { actorOf } from './actor.ts'
import { ACCOUNT_FLAG, type AccountOption, withAccount } from './judge.ts'
import { say } from './paint.ts'
import { clockOf, openRuntime } from './runtime.ts'
import {
  attemptToJson,
  batchLine,
  decisionToJson,
  keyToJson,
  plannedToJson,
  planOf,
  showAttempt,
  showAttempts,
  showPlan,
  showReasons,
} from './show-settlements.ts'

interface SettleOptions extends AccountOption {
  readonly plan?: boolean
  readonly history?: boolean
  readonly batch?: string
  readonly achBatch?: string
  readonly abandon?: string
  readonly yes?: boolean
  readonly by?: string
  readonly json?: boolean
}

/** Adds `settle` to the program. */
export function addSettleCommand(
  program: Command,
  surroundings: { config: () => Config; interruptible: () => AbortSignal; exitWith: (code: number) => void },
): void {
  const { config, interruptible, exitWith } = surroundings
  program
    .command('settle')
    .description('shows what would be settled and why, what was, or settles one batch')
    .option('--plan', 'open batches, what speaks for and against settling each, and the next cut-off; calls nobody')
    .option('--history', 'attempts and decisions, the newest first')
    .option('--batch <id>', 'settles this card batch, after the same checks; it cannot be undone')
    .option('--ach-batch <id>', 'settles this ACH batch, likewise')
    .option('--abandon <attempt>', 'ends an attempt whose outcome is not certain')
    .option('--yes', 'does not ask; needed where nobody can be asked')
    .option('--by <name>', 'who decided; the user of this machine unless said')
    .option(...ACCOUNT_FLAG)
    .option('--json', 'prints JSON')
    .action(async (options) => exitWith(await runSettle(config(), options, interruptible())))
}

function runSettle(config: Config, options: SettleOptions, signal: AbortSignal): Promise<number> {
  const { plan, history, batch, achBatch, abandon } = options
  const named = [batch, achBatch, abandon].map((text) => text !== undefined)
  if ([plan, history, ...named].filter((one) => one === true).length !== 1)
    throw new UsageError('settle: say one of --plan, --history, --batch <id>, --ach-batch <id>, --abandon <attempt>')
  if (plan) return runPlan(config, options)
  if (history) return runHistory(config, options)
  const settle = (key: BatchKey) => runSettleBatch(config, key, options, signal)
  if (batch !== undefined) return settle({ kind: 'card_batch', id: idOf('--batch', batch) })
  if (achBatch !== undefined) return settle({ kind: 'ach_batch', id: idOf('--ach-batch', achBatch) })
  return runAbandon(config, idOf('--abandon', abandon ?? ''), options)
}

function runPlan(config: Config, options: SettleOptions): Promise<number> {
  return withAccount(config, options, async ({ db }, account) => {
    const { zone, settle } = settingsOf(config, account.name)
    const now = clockOf(config).now()
    const plan = await planOf(db, { accountId: account.accountId, policy: settle.policy, zone, now })
    say(options.json ? JSON.stringify(plannedToJson(plan, account.name), null, 2) : showPlan(plan))
    return 0
  })
}

const HISTORY_MAX = 100

function runHistory(config: Config, { json, ...options }: SettleOptions): Promise<number> {
  return withAccount(config, options, async ({ db }, { accountId, name }) => {
    const attempts = await listAttempts(db, { accountId, limit: HISTORY_MAX })
    const decisions = await listDecisions(db, { accountId, limit: HISTORY_MAX })
    if (json) {
      const shown = { account: name, attempts: attempts.map(attemptToJson), decisions: decisions.map(decisionToJson) }
      say(JSON.stringify(shown, null, 2))
    } else say(showAttempts(attempts, decisions))
    return 0
  })
}

/** Real milliseconds for which the command waits until it is certain; the daemon goes on after that. */
const WAIT_MS_MAX = 60_000
const LOOK_EVERY_MS = 2_000

async function runSettleBatch(
  config: Config,
  batch: BatchKey,
  options: SettleOptions,
  signal: AbortSignal,
): Promise<number> {
  const actor = actorOf(options.by)
  const name = await withAccount(config, options, async ({ db }, account) => {
    const { mode } = settingsOf(config, account.name).settle.policy
    if (mode === 'off') throw new UsageError('SETTLE_MODE: settling is off; set it to on, or to dry-run to try')
    const batches = await listOpenBatches(db, { accountId: account.accountId, openedUntil: null })
    const known = batches.find((one) => one.batch.kind === batch.kind && one.batch.id === batch.id)
    if (mode === 'on') await confirm(options, `Settle ${known ? batchLine(known) : batchName(batch)}?`)
    return account.name
  })
  const runtime = await openRuntime(config, { log: createLog({ level: 'silent', isPretty: false }) })
  try {
    const { services } = await runtime.add(settingsOf(config, name))
    const log = pino({ level: 'silent' })
    const context: JobContext = { ...services, enqueue: runtime.enqueue, log, signal, isLastAttempt: true }
    const settlement = await settleOne(context, { batch, plannedAt: null, actor })
    const attempt = settlement.attempt && (await untilCertain(context, settlement.attempt))
    return tell(batch, { ...settlement, attempt }, services.settling.policy.mode, options)
  } finally {
    await runtime.close({ deadlineMs: 10_000 })
  }
}

async function untilCertain(context: JobContext, begun: Attempt): Promise<Attempt> {
  const startedAt = performance.now()
  let attempt = begun
  while (attempt.finishedAt === null && performance.now() - startedAt < WAIT_MS_MAX && !context.signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    attempt = await readBack(context, attempt)
  }
  return attempt
}

/** @returns 0 when it is settled, or would be in a dry run */
function tell(batch: BatchKey, { decision, attempt }: Settlement, mode: string, { json }: SettleOptions): number {
  const isFine = attempt ? attempt.state === 'confirmed' : decision.verdict === 'settle' && mode !== 'on'
  if (json) {
    const shown = { ...keyToJson(batch), mode, ...decision, attempt: attempt && attemptToJson(attempt) }
    say(JSON.stringify(shown, null, 2))
    return isFine ? 0 : 1
  }
  if (attempt) say(showAttempt(attempt))
  else if (decision.verdict !== 'settle') say(`  ${batchTitle(batch)} was not settled.`)
  else if (mode === 'on')
    say(`  ${batchTitle(batch)} was not settled: another attempt was faster. See "tieout settle --history".`)
  else say(`  ${batchTitle(batch)} would be settled; SETTLE_MODE is ${mode}, so nothing was called.`)
  const reasons = showReasons(decision.reasons)
  if (reasons !== '') say(reasons)
  return isFine ? 0 : 1
}

function runAbandon(config: Config, attemptId: bigint, options: SettleOptions): Promise<number> {
  const actor = actorOf(options.by)
  return withAccount(config, options, async ({ db }, { accountId }) => {
    const attempt = await loadAttempt(db, { accountId, attemptId })
    if (attempt === null)
      throw new UsageError(`--abandon: there is no attempt ${attemptId}; see "tieout settle --history"`)
    await confirm(options, `End attempt ${attemptId} (${batchName(attempt.batch)}, ${attempt.state})?`)
    const isEnded = await abandonAttempt(db, attempt, { actor, now: clockOf(config).now() })
    if (!isEnded)
      throw new UsageError(`--abandon: attempt ${attemptId} has ended already (${attempt.state})`, { exitCode: 1 })
    say(`  Attempt ${attemptId} is abandoned. Another one waits until nothing of its call can be under way.`)
    return 0
  })
}

/** @throws UsageError when nobody can be asked, or the person says no */
async function confirm({ yes }: SettleOptions, question: string): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new UsageError('--yes: nobody can be asked here; say it if you mean it')
  }
  const dialogue = createInterface({ input: process.stdin, output: process.stdout })
  try {
    const answer = await dialogue.question(`  ${question} It cannot be undone. Type "yes": `)
    if (answer.trim().toLowerCase() !== 'yes') throw new UsageError('nothing was done', { exitCode: 1 })
  } finally {
    dialogue.close()
  }
}

function settingsOf(config: Config, name: string): AccountSettings {
  const settings = readAccounts(config).find((one) => one.name === name)
  if (settings) return settings
  throw new UsageError(`--account: the settings name no account "${name}"`)
}

function idOf(option: string, text: string): bigint {
  if (/^\d{1,18}$/.test(text)) return BigInt(text)
  throw new UsageError(`${option}: "${text}" is no id`)
}
