/*
about: Takes new units through validation, one after the other.
drives: {run_queue: {new: [valid], valid: [ready, waiting]}}
*/
create function public.validate_units() returns integer language plpgsql as $$
declare
  r record;
  v_count integer := 0;
begin
  for r in
    update public.run_queue set state = 'valid' where state = 'new' returning id, kind
  loop
    if r.kind = 'search' then
      update public.run_queue set state = 'waiting', state_substate = 'capacity' where id = r.id and state = 'valid';
    else
      update public.run_queue set state = 'ready' where id = r.id and state = 'valid';
    end if;
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
