/**
 * Tables and conditions that all that tells of money shares: reports, views and books. `t` is the card transaction, `b`
 * its batch and `r` what it voided, if it is a reverse. Rows that Helcim no longer returns count nowhere; each is a
 * mismatch.
 */
export const movementTables = `from helcim.card_transactions t
  left join helcim.card_batches b on b.account_id = t.account_id and b.card_batch_id = t.card_batch_id
  left join reverse_kinds r on r.account_id = t.account_id and r.transaction_id = t.transaction_id`

/** Without the batch, which costs a look-up for each row. */
export const transactionTables = `from helcim.card_transactions t
  left join reverse_kinds r on r.account_id = t.account_id and r.transaction_id = t.transaction_id`

export const isReturned = 't.vanished_at is null'

/** Moved money, or may have: an approved sale or refund, or the reverse of anything but a preauth. */
export const isMovement = `t.outcome = 'approved' and (t.type in ('purchase', 'capture', 'refund')
    or (t.type = 'reverse' and r.kind is distinct from 'preauth'))`

/**
 * The amount with its sign: positive towards the merchant. Zero where no money moved (declines, preauths and their
 * reverses, verifications), null where that cannot be told.
 */
export const signedMinor = `case t.outcome
    when 'approved' then case t.type
      when 'purchase' then t.amount_minor
      when 'capture' then t.amount_minor
      when 'refund' then -t.amount_minor
      when 'reverse' then case r.kind when 'sale' then -t.amount_minor when 'refund' then t.amount_minor when 'preauth' then 0 end
      when 'preauth' then 0
      when 'verify' then 0 end
    when 'declined' then 0 end`

/** The instant at which the row's batch closed, and null while it is open or not known. */
export const settledAt = `case when b.is_closed then b.closed_at end`
