/*
about: Opens a source again; its state is no machine's.
*/
create function public.open_source(p_id uuid) returns void language plpgsql as $$
begin
  update public.source as run_queue set state = 'open' where id = p_id and run_queue.state = 'closed';
  insert into public.source (name, state) select name, 'shut' from public.source where state = 'open';
  delete from public.source where state = 'shut';
end
$$;
