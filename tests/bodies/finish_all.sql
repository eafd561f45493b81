/*
about: Ends a run and its units in one statement.
drives:
  run_request: {in_progress: [done]}
  run_queue: {in_progress: [done]}
*/
create function public.finish_all() returns void language sql as $$
  with ended as (
    update public.run_request set state = 'done' where state = 'in_progress' returning id
  )
  update public.run_queue as q set state = 'done'
  from ended where q.run_request_id = ended.id and q.state = 'in_progress';
$$;
