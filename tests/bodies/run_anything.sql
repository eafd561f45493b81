/*
about: Moves the rows of whichever table it is given.
drives: {run_queue: {waiting: [ready]}}
*/
create function public.run_anything(p_table text) returns void language plpgsql as $$
begin
  execute format('update public.%I set state = %L where state = %L', p_table, 'ready', 'waiting');
end
$$;
