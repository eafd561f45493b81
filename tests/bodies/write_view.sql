/*
about: Writes a state through a view.
drives: {run_queue: {waiting: [ready]}}
*/
create function public.write_view(p_id uuid) returns void language plpgsql as $$
begin
  update public.run_queue_status set state = 'ready' where id = p_id;
end
$$;
