/*
about: Stores a unit as it stands in a document.
*/
create function public.store_row(p_row jsonb) returns void language plpgsql as $$
begin
  insert into public.run_queue
  select (jsonb_populate_record(null::public.run_queue, p_row)).*;
end
$$;
