-- What reverses of a batch voided, of which Helcim states the sums alone (src/db/movements/reverses.ts).
--
-- How often each of these amounts is in the sum, where it can be there from none to `most` times: null for one that is not
-- as often in every way to make it up. Null as a whole where there is no way, or too much to look at (some 32 MB of bits).
--
-- Bit s of a string stands for the sum s, the leftmost for 0. `after[i]`: the sums from which the amounts from i on lead to
-- the wanted one; `before`: the sums that those before i lead to. A count is possible where both meet.
create function recon.agreed_counts(amounts bigint[], most integer[], wanted bigint) returns integer[]
language plpgsql immutable strict parallel safe as $$
declare
  places constant integer := cardinality(amounts);
  no_sums bit varying;
  before bit varying;
  after bit varying[];
  reached bit varying;
  counts integer[] := '{}';
  agreed integer;
begin
  if wanted < 0 or wanted >= 268435456 / (places + (select sum(n) from unnest(most) n) + 1) then
    return null;
  end if;
  no_sums := repeat('0', wanted::integer + 1)::bit varying;
  after[places + 1] := set_bit(no_sums, wanted::integer, 1);
  for place in reverse places..1 loop
    reached := after[place + 1];
    for n in 1..most[place] loop
      exit when amounts[place] > wanted / n;
      reached := reached | (after[place + 1] << (n * amounts[place])::integer);
    end loop;
    after[place] := reached;
  end loop;
  if get_bit(after[1], 0) = 0 then
    return null;
  end if;
  before := set_bit(no_sums, 0, 1);
  for place in 1..places loop
    reached := before;
    agreed := case when (before & after[place + 1]) <> no_sums then 0 end;
    for n in 1..most[place] loop
      exit when amounts[place] > wanted / n;
      reached := reached | (before >> (n * amounts[place])::integer);
      if ((before >> (n * amounts[place])::integer) & after[place + 1]) <> no_sums then
        -- A second one: no way is left to tell.
        agreed := case when agreed is null then n else -1 end;
      end if;
    end loop;
    counts := counts || nullif(agreed, -1);
    before := reached;
  end loop;
  return counts;
end
$$;
--> statement-breakpoint
-- The same of two sums that go over the same amounts: of each, some are in the one, some in the other, and both together
-- are not fewer than `least_both` nor more than `most_both`. Amounts that can be in both tie the sums together: up to 64 ways to
-- divide these are gone through. Of more, that is not seen: less is in common then, never more.
create function recon.agreed_splits(
  amounts bigint[], most_one integer[], most_other integer[], least_both integer[], most_both integer[], wanted_one bigint,
  wanted_other bigint, out one integer[], out other integer[])
-- Compiling the small query within took a hundred times as long as running it.
language plpgsql immutable strict parallel safe set jit = off as $$
declare
  shared constant integer[] := array(
    select place from generate_subscripts(amounts, 1) place where most_one[place] > 0 and most_other[place] > 0);
  count_ways_ln constant float8 := (
    select coalesce(sum(ln((most_one[place] + 1) * (most_other[place] + 1))), 0) from unnest(shared) place);
  way record;
  counts_one integer[];
  counts_other integer[];
  is_first boolean := true;
begin
  one := recon.agreed_counts(amounts, most_one, wanted_one);
  other := recon.agreed_counts(amounts, most_other, wanted_other);
  if cardinality(shared) = 0 or count_ways_ln > ln(64.5) or one is null or other is null then
    return;
  end if;
  for way in
    with recursive ways as (
      select 0 as step, most_one as free_one, most_other as free_other, '{}'::integer[] as in_one, '{}'::integer[] as in_other,
        wanted_one as left_one, wanted_other as left_other
      union all
      select step + 1, free_one[:p.place - 1] || 0 || free_one[p.place + 1:],
        free_other[:p.place - 1] || 0 || free_other[p.place + 1:], in_one || x, in_other || y,
        left_one - x * amounts[p.place], left_other - y * amounts[p.place]
      from ways cross join lateral (select shared[step + 1] as place) p
      cross join lateral generate_series(0, most_one[p.place]) x
      cross join lateral generate_series(greatest(0, least_both[p.place] - x), least(most_other[p.place], most_both[p.place] - x)) y
    )
    select * from ways where step = cardinality(shared)
  loop
    counts_one := recon.agreed_counts(amounts, way.free_one, way.left_one);
    counts_other := recon.agreed_counts(amounts, way.free_other, way.left_other);
    continue when counts_one is null or counts_other is null;
    for step in 1..cardinality(shared) loop
      counts_one[shared[step]] := way.in_one[step];
      counts_other[shared[step]] := way.in_other[step];
    end loop;
    for place in 1..cardinality(amounts) loop
      if is_first then
        one[place] := counts_one[place];
        other[place] := counts_other[place];
      else
        one[place] := case when one[place] = counts_one[place] then one[place] end;
        other[place] := case when other[place] = counts_other[place] then other[place] end;
      end if;
    end loop;
    is_first := false;
  end loop;
  if is_first then
    one := null;
    other := null;
  end if;
end
$$;
--> statement-breakpoint
-- What was told of them may be told otherwise now: such batches are judged and posted again.
insert into recon.marks (account_id, subject_kind, subject_id)
select distinct r.account_id, k.kind, r.card_batch_id::text
from helcim.card_transactions r cross join (values ('card_batch'), ('books_batch')) k(kind)
where r.type = 'reverse' and r.outcome = 'approved' and r.vanished_at is null and r.card_batch_id is not null
  and exists (
    select from helcim.card_transactions o
    where o.account_id = r.account_id and o.card_batch_id = r.card_batch_id and o.vanished_at is null
      and o.type in ('refund', 'preauth') and o.outcome = 'approved')
on conflict do nothing;
