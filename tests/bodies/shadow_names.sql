/*
about: Releases units; a query bears the name of a table.
drives: {run_queue: {waiting: [ready]}}
*/
create function public.shadow_names() returns void language sql as $$
  with run_request as (
    select id, state from public.source where state = 'busy'
  )
  update public.run_queue as q set state = 'ready'
  from run_request
  where q.source_id = run_request.id and run_request.state = 'busy' and q.state = 'waiting'
    and exists (select 1 from public.source where state = 'busy' and id = q.source_id);
$$;
