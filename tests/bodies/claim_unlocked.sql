/*
about: Claims runs without a lock; another session may change them in between.
drives: {run_request: {ready: [in_progress]}}
*/
create function public.claim_unlocked() returns void language sql as $$
  update public.run_request set state = 'in_progress'
  where id in (select id from public.run_request where state = 'ready' limit 1);
$$;
