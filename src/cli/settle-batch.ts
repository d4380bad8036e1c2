import pino from 'pino'
import type { Config } from '../config.ts'
import type { JobContext } from '../context.ts'
import type { Attempt } from '../db/settlement/attempts.ts'
import { listOpenBatches } from '../db/settlement/open-batches.ts'
import { type BatchKey, batchName, batchTitle } from '../domain/batch-key.ts'
import { UsageError } from '../domain/operating-error.ts'
import { readBack, type Settlement, settleOne } from '../jobs/settle/attempt.ts'
import { SETTLEABLE } from '../jobs/settle/batch-kinds.ts'
import { createLog } from '../log.ts'
import { SETTLE_OPTIONS } from '../reconcile/settlements.ts'
import { withAccount } from './account-option.ts'
import { actorOf } from './actor.ts'
import { say } from './paint.ts'
import { openRuntime } from './runtime.ts'
import { confirm, type SettleOptions, settingsOf } from './settle-options.ts'
import { attemptToJson, batchLine, keyToJson, OVERRULED, showAttempt, showReasons } from './show-settlements.ts'

/** Real milliseconds for which the command waits until it is certain; the daemon goes on after that. */
const WAIT_MS_MAX = 60_000
const LOOK_EVERY_MS = 2_000

/**
 * Settles one batch after the same checks as the daemon, and waits a while until its outcome is certain.
 * @throws UsageError where there is no such batch: no decision is recorded about it
 */
export async function runSettleBatch(
  config: Config,
  batch: BatchKey,
  options: SettleOptions,
  signal: AbortSignal,
): Promise<number> {
  const actor = actorOf(options.by)
  const { name, isKnown } = await withAccount(config, options, async ({ db }, account) => {
    const { mode } = settingsOf(config, account.name).settle.policy
    if (mode === 'off') throw new UsageError('SETTLE_MODE: settling is off; set it to on, or to dry-run to try')
    const batches = await listOpenBatches(db, { accountId: account.accountId, openedUntil: null })
    const known = batches.find((one) => one.batch.kind === batch.kind && one.batch.id === batch.id)
    const described = known ? batchLine(known) : `${batchName(batch)} (not among those open here)`
    if (mode === 'on') await confirm(options, `Settle ${described}?`)
    return { name: account.name, isKnown: known !== undefined }
  })
  const runtime = await openRuntime(config, { log: createLog({ level: 'silent', isPretty: false }) })
  try {
    const { services } = await runtime.add(settingsOf(config, name))
    const log = pino({ level: 'silent' })
    const context: JobContext = { ...services, enqueue: runtime.enqueue, log, signal, isLastAttempt: true }
    if (!isKnown && (await SETTLEABLE[batch.kind].read(context, batch.id)) === null) {
      const option = SETTLE_OPTIONS[batch.kind]
      throw new UsageError(
        `${option}: there is no ${batchName(batch)}: none is open here, and Helcim does not return it`,
      )
    }
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
  const reasons = showReasons(decision.reasons, OVERRULED)
  if (reasons !== '') say(reasons)
  return isFine ? 0 : 1
}
