/*
about: The watts of all lamps that are lit.
*/
create function hidden.load() returns bigint
language sql stable as $$
    select coalesce(sum(watts), 0) from public.lamp where state = 'lit'
$$;
