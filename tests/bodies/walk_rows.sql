/*
about: Claims units one by one; nothing in the UPDATE says where they come from.
drives: {run_queue: {ready: [in_progress]}}
*/
create function public.walk_rows() returns void language plpgsql as $$
declare
  r public.run_queue;
begin
  for r in select * from public.run_queue where state = 'ready' order by id for update loop
    update public.run_queue set state = 'in_progress' where id = r.id;
  end loop;
end
$$;
