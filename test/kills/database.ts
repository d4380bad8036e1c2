import type { TestDatabase } from '../support/database.ts'

/** What was pulled and judged, without the instants at which that happened: two histories of work can be compared. */
export async function outcomeOf(database: TestDatabase): Promise<Record<string, unknown>> {
  const [totals] = await database.rows(`
    select count(*) as rows, count(distinct transaction_id) as ids, coalesce(sum(amount_minor), 0) as minor,
      md5(string_agg(transaction_id || ' ' || content_hash, ',' order by transaction_id)) as contents
    from helcim.card_transactions`)
  return {
    totals,
    batches: await database.rows(
      'select card_batch_id, content_hash::text as content from helcim.card_batches order by 1',
    ),
    undecoded: await database.rows('select resource, record_key from helcim.undecoded_records order by 1, 2'),
    versions: await database.rows('select resource, record_id from helcim.record_versions order by 1, 2'),
    // Days of other resources have rhythms of their own, which not every history of work comes to.
    covered: await database.rows(`
      select resource, day::text from recon.covered_days where resource = 'card_transaction' order by 1, 2`),
    checks: await database.rows('select card_batch_id, state, is_final from recon.batch_checks order by 1'),
    mismatches: await database.rows(`
      select code, subject_kind, subject_id, period, state, expected_minor, actual_minor, expected_text, actual_text
      from recon.mismatches order by 1, 2, 3, 4`),
  }
}

/** Work that is not at its end: pulls that run, what waits to be judged, and judgements that wait for another read. */
export async function countUnfinished(database: TestDatabase): Promise<number> {
  const [row] = await database.rows(`
    select (select count(*) from recon.pulls where state = 'running') + (select count(*) from recon.marks)
      + (select count(*) from recon.batch_checks where state = 'waiting') as unfinished`)
  return Number(row?.unfinished)
}
