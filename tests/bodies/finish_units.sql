/*
about: Ends the units of runs that are done.
drives: {run_queue: {in_progress: [done]}}
*/
create function public.finish_units() returns void language plpgsql as $$
begin
  update public.run_queue as q
  set state = 'done', result = r.response
  from public.run_request as r
  join public.source as s on s.id = r.source_id
  where r.id = q.run_request_id and r.state = 'done' and s.state <> 'closed' and q.state = 'in_progress';
end
$$;
