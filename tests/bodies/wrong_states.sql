/*
about: Names states that are none.
drives: {run_queue: {waiting: [ready]}}
*/
create function public.wrong_states(p_id uuid) returns void language plpgsql as $$
begin
  if exists (select 1 from public.run_queue where state = 'redy') then
    update public.run_queue set state = 'finished' where id = p_id and state in ('ready', 'runing');
  end if;
  perform case q.state when 'don''t' then 1 end from public.run_queue q where q.state = any ('{witing}');
  perform 'wating'::public.run_queue_state, 'é', state = 'faild' from public.run_queue;
  execute 'select 1 from public.run_request where state = ''reddy''';
  insert into public.run_queue (kind, state) select kind, 'knew' from public.run_queue where state < 'endd';
end
$$;
