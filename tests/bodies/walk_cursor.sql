/*
about: Claims units one by one, where a cursor stands.
drives: {run_queue: {ready: [in_progress]}}
*/
create function public.walk_cursor() returns void language plpgsql as $$
declare
  v_units cursor (p_kind text) for
    select id from public.run_queue where state = 'ready' and kind = p_kind for update;
begin
  for r in v_units (p_kind := 'search') loop
    update public.run_queue set state = 'in_progress' where current of v_units;
  end loop;
end
$$;
