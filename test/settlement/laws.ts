import type { Sandbox } from '../../src/sandbox/sandbox.ts'

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
  const attempts = await query(`select card_batch_id, count(*) filter (where called_at is not null) as called
    from recon.settlement_attempts group by 1`)
  const calledOf = new Map(attempts.map((row) => [String(row.card_batch_id), Number(row.called)]))
  const calls = sandbox.calls()
  const countByBatch = new Map<string, number>()
  for (const { method, path, number } of calls) {
    const [, batch] = /^\/card-batches\/(\d+)\/settle$/.exec(path) ?? []
    if (method !== 'POST' || batch === undefined) continue
    const before = countByBatch.get(batch) ?? 0
    countByBatch.set(batch, before + 1)
    if (before === 0) continue
    const earlier = calls.filter((one) => one.path === path && one.number < number).at(-1)
    const isReadBetween = calls.some(
      (one) => one.path === `/card-batches/${batch}` && one.number > (earlier?.number ?? 0) && one.number < number,
    )
    if (!isReadBetween) broken.push(`batch ${batch} was called twice without being read`)
  }
  for (const [batch, count] of countByBatch) {
    if (count > (calledOf.get(batch) ?? 0)) broken.push(`batch ${batch} was called more often than attempts say`)
  }
  for (const [law, statement] of Object.entries(LAWS)) {
    for (const { card_batch_id } of await query(statement)) broken.push(`batch ${card_batch_id}: ${law}`)
  }
  return broken
}

const LAWS: Readonly<Record<string, string>> = {
  'settled twice': `select card_batch_id from recon.settlement_attempts where state = 'confirmed'
    group by 1 having count(*) > 1`,
  'an attempt began while what the one before it sent could still be under way': `
    select next.card_batch_id from recon.settlement_attempts next join recon.settlement_attempts former
      on former.card_batch_id = next.card_batch_id and former.attempt_id < next.attempt_id
    where former.outcome is distinct from 'unsent' and former.quiet_at > next.created_at`,
  'an attempt began before the one before it ended': `
    select next.card_batch_id from recon.settlement_attempts next join recon.settlement_attempts former
      on former.card_batch_id = next.card_batch_id and former.attempt_id < next.attempt_id
    where former.finished_at is null or former.finished_at > next.intended_at`,
  'called before its cut-off, or for one that it was opened after': `
    select a.card_batch_id from recon.settlement_attempts a join helcim.card_batches b using (account_id, card_batch_id)
    where a.planned_at is not null and (a.called_at < a.planned_at or b.created_at > a.planned_at)`,
  'attempted without a decision to settle': `
    select a.card_batch_id from recon.settlement_attempts a where not exists (
      select from recon.settlement_decisions d where d.card_batch_id = a.card_batch_id and d.verdict = 'settle'
        and d.mode = 'on' and d.first_at <= a.intended_at)`,
  'called while totals disagreed': `
    select a.card_batch_id from recon.settlement_attempts a join recon.mismatches m
      on m.account_id = a.account_id and split_part(m.subject_id, ':', 1) = a.card_batch_id::text
    where m.code = 'card_batch_total_differs' and a.called_at >= m.first_seen_at
      and (m.resolved_at is null or a.called_at < m.resolved_at)`,
  'confirmed without a close': `
    select card_batch_id from recon.settlement_attempts where state = 'confirmed' and (closed_at is null or closed_by is null)`,
}
