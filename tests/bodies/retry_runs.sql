/*
about: Gives runs that ended badly another attempt.
drives: {run_request: {failed: [ready], timedout: [ready]}}
*/
create function public.retry_runs() returns void language sql as $$
  update public.run_request set (state, attempt) = ('ready', attempt + 1)
  where state in ('failed', 'timedout') and attempt < 3;
$$;
