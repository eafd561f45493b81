/*
about: Says other moves than it makes.
drives: {run_queue: {waiting: [invalid, ready], in_progress: [done, failed]}, run_request: {done: [delivered]}}
*/
create function public.wrong_header(p_id uuid) returns void language plpgsql as $$
begin
  update public.run_queue set state = 'ready' where id = p_id;
  update public.run_queue set state = case when kind = 'x' then 'failed' else 'timedout' end
  where id = p_id and state = 'in_progress';
end
$$;
