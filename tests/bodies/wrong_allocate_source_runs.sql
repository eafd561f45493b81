/*
about: Allocates units to runs as they were once allocated.
drives: {run_queue: {ready: [in_progress]}}
*/
create function public.wrong_allocate_source_runs() returns void language plpgsql as $$
declare
  v_run uuid;
begin
  insert into public.run_request (org_id, state)
  select org_id, 'new' from public.run_queue where state = 'waiting' limit 1
  returning id into v_run;
  update public.run_queue
  set state = 'in_progress',
      run_request_id = v_run
  where id = any (array(select q.id from public.run_queue q where q.state = 'waiting' limit 10 for update skip locked));
end
$$;
