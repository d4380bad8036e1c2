import { type Config, tokenFingerprint } from '../config.ts'
import { abandonAttempt, listAttempts, loadAttempt } from '../db/settlement/attempts.ts'
import { listDecisions } from '../db/settlement/decisions.ts'
import { type BatchKey, batchName } from '../domain/batch-key.ts'
import { UsageError } from '../domain/operating-error.ts'
import { withAccount } from './account-option.ts'
import { actorOf } from './actor.ts'
import { clockOf } from './clock.ts'
import { say } from './paint.ts'
import { confirm, type SettleOptions, settingsOf } from './settle-options.ts'
import { attemptToJson, decisionToJson, showAttempts } from './show-settlements.ts'

/** Shows what would be settled, or what was; settles one batch; or ends an attempt whose outcome is not certain. */
export function runSettle(config: Config, options: SettleOptions, signal: AbortSignal): Promise<number> {
  const { plan, history, batch, achBatch, abandon } = options
  const named = [batch, achBatch, abandon].map((text) => text !== undefined)
  if ([plan, history, ...named].filter((one) => one === true).length !== 1)
    throw new UsageError('settle: say one of --plan, --history, --batch <id>, --ach-batch <id>, --abandon <attempt>')
  if (plan) return runPlan(config, options)
  if (history) return runHistory(config, options)
  // The others need neither the queue nor Helcim.
  const settle = async (key: BatchKey) => {
    const { runSettleBatch } = await import('./settle-batch.ts')
    return runSettleBatch(config, key, options, signal)
  }
  if (batch !== undefined) return settle({ kind: 'card_batch', id: idOf('--batch', batch) })
  if (achBatch !== undefined) return settle({ kind: 'ach_batch', id: idOf('--ach-batch', achBatch) })
  return runAbandon(config, idOf('--abandon', abandon ?? ''), options)
}

function runPlan(config: Config, options: SettleOptions): Promise<number> {
  return withAccount(config, options, async ({ db }, account) => {
    const { planOf, plannedToJson, showPlan } = await import('./settle-plan.ts')
    const { zone, settle, token } = settingsOf(config, account.name)
    const plan = await planOf(db, {
      accountId: account.accountId,
      tokenFingerprint: tokenFingerprint(settle.token ?? token),
      policy: settle.policy,
      zone,
      clock: clockOf(config),
    })
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

function idOf(option: string, text: string): bigint {
  if (/^\d{1,18}$/.test(text)) return BigInt(text)
  throw new UsageError(`${option}: "${text}" is no id`)
}
