/*
about: Releases units that wait, or that were found to be in order.
drives: {run_queue: {waiting: [ready], valid: [ready]}}
*/
create function public.release_units() returns void language plpgsql as $$
begin
  update public.run_queue set state = coalesce(null, 'ready'::public.run_queue_state)
  where state = any (array['waiting', 'valid']::public.run_queue_state[]);
end
$$;
