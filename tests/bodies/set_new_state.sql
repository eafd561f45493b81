/*
about: Makes each new row valid at once, on whichever table it is.
*/
create function public.set_new_state() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and new.state = 'new' and old.state is distinct from 'waiting' then
    NEW."state" := 'valid';
  end if;
  return new;
end
$$;
