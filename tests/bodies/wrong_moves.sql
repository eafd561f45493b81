/*
about: Moves rows where no move is.
drives: {run_queue: {valid: [ready]}, run_request: {failed: [ready], done: [delivered]}}
*/
create function public.wrong_moves(p_id uuid) returns void language plpgsql as $$
begin
  update public.run_queue set state = 'ready' where state in ('valid', 'done');
  update public.run_queue set state = case when kind = 'x' then 'done' else 'new' end where state = 'in_progress';
  update public.run_queue set state = 'ready', attempt = attempt + 1 where state = 'failed';
  update public.run_request set state = 'ready' where state = 'failed';
  update public.run_request set state = 'delivered', attempt = attempt + 1 where state = 'done';
  update public.run_request set state = 'delivered' where state <> 'delivered' and state <> 'failed';
  update public.run_request set state = 'new' where id = p_id;
  insert into public.run_queue as q (id, state) values (p_id, 'valid')
  on conflict (id) do update set state = excluded.state where q.state = 'waiting';
end
$$;
