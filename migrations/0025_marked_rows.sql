-- Which rows of a batch or a day are to be looked at again; null for all of them.
ALTER TABLE "recon"."marks" ADD COLUMN "row_ids" bigint[];--> statement-breakpoint
-- What is marked without rows is marked as a whole beside it. A mark that is there already would else hide it: an older
-- version that marks after a newer one leaves the rows of that one standing.
CREATE FUNCTION recon.mark_as_whole() RETURNS trigger LANGUAGE plpgsql AS $$
begin
  insert into recon.marks (account_id, subject_kind, subject_id, moved_at)
  values (new.account_id, new.subject_kind || '_whole', new.subject_id, new.moved_at)
  -- One that is there is held until we commit, so that nobody takes it before.
  on conflict (account_id, subject_kind, subject_id) do update set moved_at = excluded.moved_at where false;
  return new;
end $$;--> statement-breakpoint
CREATE TRIGGER mark_as_whole BEFORE INSERT ON "recon"."marks" FOR EACH ROW
  WHEN (new.subject_kind IN ('card_batch', 'books_day') AND new.row_ids IS NULL) EXECUTE FUNCTION recon.mark_as_whole();
