/*
about: Claims the runs of sources that are active.
drives: {run_request: {ready: [in_progress]}}
*/
create function public.claim_of_active() returns bigint language sql as $$
  with claimed as (
    update public.run_request set state = 'in_progress'
    where id in (
      select r.id from public.run_request r
      join public.source s on s.id = r.source_id and r.state = 'ready'
      where s.state = 'active'
      for no key update of r
    )
    returning id
  )
  select count(*) from claimed
$$;
