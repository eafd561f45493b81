/*
about: Claims runs that are ready, in turn, so that two executors never hold the same one.
drives: {run_request: {ready: [in_progress]}}
*/
create function public.claim_runs(p_limit integer) returns setof uuid language plpgsql as $$
begin
  return query
  update public.run_request
  set state = 'in_progress'
  where id = any (array(
    select r.id from public.run_request as r
    where r.state = 'ready'
    order by r.id
    limit p_limit
    for update skip locked
  ))
  returning run_request.id;
end
$$;
