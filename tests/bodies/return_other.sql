/*
about: Stores another row than the one that was given.
*/
create function public.return_other() returns trigger language plpgsql as $$
declare
  v_row public.run_queue;
begin
  select * into v_row from public.run_queue where id = new.id;
  return v_row;
end
$$;
