-- What reverses of a batch voided, of which Helcim states the sum alone (src/db/movements/reverses.ts).
--
-- How often each of these amounts is in the sum, where it can be there from none to `most` times: null for one that is not
-- as often in every way to make it up. Null as a whole where there is no way, or too many sums to look at (32 MB of bits).
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
  if wanted < 0 or (wanted + 1) * (places + 1) > 268435456 then
    return null;
  end if;
  no_sums := repeat('0', wanted::integer + 1)::bit varying;
  after[places + 1] := set_bit(no_sums, wanted::integer, 1);
  for place in reverse places..1 loop
    reached := after[place + 1];
    for n in 1..most[place] loop
      exit when n * amounts[place] > wanted;
      reached := reached | (after[place + 1] << (n * amounts[place])::integer);
    end loop;
    after[place] := reached;
  end loop;
  if get_bit(after[1], 0) = 0 then
    return null;
  end if;
  before := set_bit(no_sums, 0, 1);
  for place in 1..places loop
    reached := no_sums;
    agreed := null;
    for n in 0..most[place] loop
      exit when n * amounts[place] > wanted;
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
