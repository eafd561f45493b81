/*
about: Stores a run, or makes it ready if it is there and valid.
drives: {run_request: {valid: [ready]}}
*/
create function public.store_run(p_id uuid, p_org uuid) returns void language sql as $$
  insert into public.run_request as r (id, org_id, state) values (p_id, p_org, 'new')
  on conflict (id) do update set state = 'ready'
  where r.state = 'valid' and excluded.state = 'new';
$$;
