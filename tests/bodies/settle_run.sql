/*
about: Ends a run well if it has a response, and badly otherwise; says how.
drives: {run_request: {in_progress: [done, failed]}}
*/
create function public.settle_run(p_id uuid) returns text language plpgsql as $$
declare
  v_state public.run_request_state;
begin
  update public.run_request
  set state = (case when response is not null then 'done' else 'failed' end)::public.run_request_state
  where id = p_id and state = 'in_progress'
  returning state into v_state;
  if not found then
    return 'nothing to do';
  end if;
  return v_state;
end
$$;
