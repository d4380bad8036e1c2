import type { Sandbox } from '../../src/sandbox/sandbox.ts'
import { ACH, CARD, type Side } from './sides.ts'

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
  const calls = sandbox.calls()
  for (const side of [CARD, ACH]) {
    const attempts = await query(`select ${namedBy(side)} as batch,
      count(*) filter (where called_at is not null) as called, array_agg(${keyOf(side)}) as keys
      from ${side.attempts} a group by 1`)
    const attemptsOf = new Map(attempts.map(({ batch, ...row }) => [String(batch), row]))
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
    for (const [law, statement] of Object.entries(lawsOf(side))) {
      for (const { batch } of await query(statement)) broken.push(`${batch}: ${law}`)
    }
  }
  return broken
}

function batchIn(path: string): bigint | null {
  const [, id] = /^\/(?:card-batches|ach\/batches)\/(\d+)\/settle$/.exec(path) ?? []
  return id === undefined ? null : BigInt(id)
}

const namedBy = ({ kind }: Side) => `'${kind} ' || a.${kind}_id`
/** Only ACH has keys. */
const keyOf = ({ kind }: Side) => (kind === 'ach_batch' ? 'idempotency_key' : 'null::text')
/** Which of them opened when. */
const MIRRORED: Readonly<Record<Side['kind'], string>> = {
  card_batch: 'select account_id, card_batch_id, created_at as opened_at from helcim.card_batches',
  ach_batch: 'select account_id, ach_batch_id, opened_at from helcim.ach_batches',
}

function lawsOf(side: Side): Readonly<Record<string, string>> {
  const { kind, attempts, decisions } = side
  const batch = namedBy(side)
  return {
    'settled twice': `select ${batch} as batch from ${attempts} a where state = 'confirmed'
      group by 1 having count(*) > 1`,
    'an attempt began while what the one before it sent could still be under way': `
      select ${batch} as batch from ${attempts} a join ${attempts} former
        on former.${kind}_id = a.${kind}_id and former.attempt_id < a.attempt_id
      where former.outcome is distinct from 'unsent' and former.quiet_at > a.created_at`,
    'an attempt began before the one before it ended': `
      select ${batch} as batch from ${attempts} a join ${attempts} former
        on former.${kind}_id = a.${kind}_id and former.attempt_id < a.attempt_id
      where former.finished_at is null or former.finished_at > a.intended_at`,
    'called before its cut-off, or for one that it was opened after': `
      select ${batch} as batch from ${attempts} a
      left join (${MIRRORED[kind]}) b using (account_id, ${kind}_id)
      where a.planned_at is not null
        and (a.called_at < a.planned_at or b.opened_at > a.planned_at)`,
    'attempted without a decision to settle': `
      select ${batch} as batch from ${attempts} a where not exists (
        select from ${decisions} d where d.${kind}_id = a.${kind}_id and d.verdict = 'settle'
          and d.mode = 'on' and d.first_at <= a.intended_at)`,
    'called while totals disagreed': `
      select ${batch} as batch from ${attempts} a join recon.mismatches m
        on m.account_id = a.account_id and m.subject_kind || ' ' || split_part(m.subject_id, ':', 1) = ${batch}
      where m.code in ('card_batch_total_differs', 'ach_batch_total_differs') and a.called_at >= m.first_seen_at
        and (m.resolved_at is null or a.called_at < m.resolved_at)`,
    'confirmed without a close': `
      select ${batch} as batch from ${attempts} a
      where state = 'confirmed' and (closed_at is null or closed_by is null)`,
  }
}
