/*
about: Gives one run that ended badly another attempt.
drives: {run_request: {failed: [ready], timedout: [ready]}}
*/
create function public.retry_run(p_id uuid) returns void language plpgsql as $$
begin
  update public.run_request as r set attempt = 1 + r.attempt, state = 'ready'
  where r.id = p_id and r.attempt < 3
    and r.state not in ('new', 'valid', 'invalid', 'waiting', 'ready', 'in_progress', 'done', 'delivered');
end
$$;
