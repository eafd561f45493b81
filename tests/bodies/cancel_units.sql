/*
about: Cancels units that have not begun.
drives: {run_queue: {new: [invalid], waiting: [invalid], in_progress: [failed]}}
*/
create function public.cancel_units(p_run uuid) returns void language plpgsql as $$
begin
  update public.run_queue set state = 'invalid', state_substate = 'cancelled'
  where run_request_id = p_run and (state = 'new' or not (state <> 'waiting'));
  update public.run_queue set state = 'failed'
  where run_request_id = p_run and not (state <> 'in_progress' or kind is null);
end
$$;
