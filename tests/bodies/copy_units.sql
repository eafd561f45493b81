/*
about: Stores the units of one kind again, and one more.
*/
create function public.copy_units(p_org uuid) returns void language sql as $$
  insert into public.run_queue (org_id, kind, state)
  select org_id, kind, 'new'::public.run_queue_state from public.run_queue where kind = 'search' and state = 'done'
  union all
  select p_org, 'search', 'new';
$$;
