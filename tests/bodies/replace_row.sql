/*
about: Replaces a row by what a document says of it.
*/
create function public.replace_row() returns trigger language plpgsql as $$
begin
  new := jsonb_populate_record(new, new.result);
  return new;
end
$$;
