import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { ACH, CARD } from './sides.ts'

/**
 * What must hold of every batch at every time, as far as it is broken; empty when all of it does. The calls are those
 * that Helcim counted, the rest is in the database.
 */
export async function brokenLaws({
  query,
  sandbox,
}: {
  query(statement: string): Promise<Record<string, unknown>[]>
  sandbox: Pick<Sandbox, 'calls'>
}): Promise<string[]> {
  const broken: string[] = []
  const attempts = await query(`select ${NAMED} as batch, count(*) filter (where called_at is not null) as called,
    array_agg(idempotency_key) as keys from recon.settlement_attempts a group by 1`)
  const attemptsOf = new Map(attempts.map(({ batch, ...row }) => [String(batch), row]))
  const calls = sandbox.calls()
  for (const side of [CARD, ACH]) {
    const settling = calls.filter(({ method, path }) => method === side.method && batchIn(path) !== null)
    for (const id of new Set(settling.map(({ path }) => batchIn(path) ?? 0n))) {
      const batch = `${side.kind} ${id}`
      const own = settling.filter(({ path }) => path === side.path(id))
      for (const [at, { number }] of own.entries()) {
        const former = own[at - 1]
        const isReadBetween = calls.some(
          (one) => side.isReading(one, id) && one.number > (former?.number ?? 0) && one.number < number,
        )
        if (former && !isReadBetween) broken.push(`${batch} was called twice without being read`)
      }
      const { called = 0, keys } = attemptsOf.get(batch) ?? {}
      if (own.length > Number(called)) broken.push(`${batch} was called more often than attempts say`)
      const sent = own.map(({ idempotencyKey }) => idempotencyKey)
      const known = Array.isArray(keys) ? keys : []
      if (!sent.every((key) => known.includes(key))) broken.push(`${batch} was called under a key of no attempt`)
      if (side === ACH && new Set(sent).size < sent.length) broken.push(`${batch} was called twice under one key`)
    }
  }
  for (const [law, statement] of Object.entries(LAWS)) {
    for (const { batch } of await query(statement)) broken.push(`${batch}: ${law}`)
  }
  return broken
}

function batchIn(path: string): bigint | null {
  const [, id] = /^\/(?:card-batches|ach\/batches)\/(\d+)\/settle$/.exec(path) ?? []
  return id === undefined ? null : BigInt(id)
}

const NAMED = `coalesce('card_batch ' || a.card_batch_id, 'ach_batch ' || a.ach_batch_id)`
const isSame = (one: string, other: string) =>
  `(${one}.card_batch_id = ${other}.card_batch_id or ${one}.ach_batch_id = ${other}.ach_batch_id)`

const LAWS: Readonly<Record<string, string>> = {
  'settled twice': `select ${NAMED} as batch from recon.settlement_attempts a where state = 'confirmed'
    group by 1 having count(*) > 1`,
  'an attempt began while what the one before it sent could still be under way': `
    select ${NAMED} as batch from recon.settlement_attempts a join recon.settlement_attempts former
      on ${isSame('former', 'a')} and former.attempt_id < a.attempt_id
    where former.outcome is distinct from 'unsent' and former.quiet_at > a.created_at`,
  'an attempt began before the one before it ended': `
    select ${NAMED} as batch from recon.settlement_attempts a join recon.settlement_attempts former
      on ${isSame('former', 'a')} and former.attempt_id < a.attempt_id
    where former.finished_at is null or former.finished_at > a.intended_at`,
  'called before its cut-off, or for one that it was opened after': `
    select ${NAMED} as batch from recon.settlement_attempts a
    left join helcim.card_batches b using (account_id, card_batch_id)
    left join helcim.ach_batches e using (account_id, ach_batch_id)
    where a.planned_at is not null
      and (a.called_at < a.planned_at or coalesce(b.created_at, e.opened_at) > a.planned_at)`,
  'attempted without a decision to settle': `
    select ${NAMED} as batch from recon.settlement_attempts a where not exists (
      select from recon.settlement_decisions d where ${isSame('d', 'a')} and d.verdict = 'settle'
        and d.mode = 'on' and d.first_at <= a.intended_at)`,
  'called while totals disagreed': `
    select ${NAMED} as batch from recon.settlement_attempts a join recon.mismatches m
      on m.account_id = a.account_id and m.subject_kind || ' ' || split_part(m.subject_id, ':', 1) = ${NAMED}
    where m.code in ('card_batch_total_differs', 'ach_batch_total_differs') and a.called_at >= m.first_seen_at
      and (m.resolved_at is null or a.called_at < m.resolved_at)`,
  'confirmed without a close': `
    select ${NAMED} as batch from recon.settlement_attempts a
    where state = 'confirmed' and (closed_at is null or closed_by is null)`,
}
