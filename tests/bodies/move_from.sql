/*
about: Makes a run ready that is in the state it is told.
drives: {run_request: {valid: [ready], waiting: [ready]}}
*/
create function public.move_from(p_id uuid, p_from public.run_request_state) returns void language plpgsql as $$
begin
  update public.run_request set state = 'ready' where id = p_id and state = p_from;
end
$$;
