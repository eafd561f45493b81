/*
about: Ends a run as it is told.
drives: {run_request: {in_progress: [done, failed, timedout]}}
*/
create function public.move_run(p_id uuid, p_state public.run_request_state) returns void language plpgsql as $$
begin
  update public.run_request set state = p_state where id = p_id and state = 'in_progress';
end
$$;
