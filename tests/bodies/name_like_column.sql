/*
about: Makes a unit ready; a parameter is called as the column is.
drives: {run_queue: {waiting: [ready]}}
*/
create function public.name_like_column(p_id uuid, state text) returns void language plpgsql as $$
#variable_conflict use_column
begin
  update public.run_queue set state = 'ready' where id = p_id and state = 'waiting';
end
$$;
