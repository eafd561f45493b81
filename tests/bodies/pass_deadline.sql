/*
about: Ends what its deadline has passed; each state has an end of its own.
drives:
  run_request: {waiting: [timedout], in_progress: [failed]}
  run_queue: {waiting: [invalid]}
*/
create function public.pass_deadline() returns void language sql as $$
  update public.run_request
  set state = case state
    when 'waiting' then 'timedout'
    when 'in_progress' then 'failed'
  end::public.run_request_state
  where state in ('waiting', 'in_progress');

  update public.run_queue as q
  set state = case when q.state = 'waiting' and kind <> 'search' then 'invalid' else q.state end;
$$;
