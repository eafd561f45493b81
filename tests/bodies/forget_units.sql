/*
about: Deletes units that nobody needs, and says how many were left.
*/
create function public.forget_units() returns bigint language plpgsql as $$
declare
  v_left bigint;
begin
  delete from only public.run_queue as q
  using public.run_request r
  where r.id = q.run_request_id and q.state in ('done', 'failed') and r.state = 'delivered';
  select count(*) into strict v_left from only public.run_queue where state <> all ('{done,failed}');
  if exists (select from public.run_queue where state > 'ready') then
    return v_left;
  end if;
  return 0;
end
$$;
