/*
about: Releases units that wait; the states stand in one text.
drives: {run_queue: {waiting: [ready], valid: [ready]}}
*/
create function public.release_by_text() returns void language sql as $$
  update public.run_queue set state = cast('ready' as "public"."run_queue_state")
  where state = any ('{waiting, valid}') and 'failed' <> state;
$$;
