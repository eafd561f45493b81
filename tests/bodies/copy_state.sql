/*
about: Stores the units of one kind again, in the state they are in.
*/
create function public.copy_state() returns void language sql as $$
  insert into public.run_queue (org_id, kind, state)
  select org_id, kind, state from public.run_queue where kind = 'search';
$$;
