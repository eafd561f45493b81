/*
about: Claims units that are ready by way of a list that is locked first.
drives: {run_queue: {ready: [in_progress]}}
*/
create function public.claim_units(p_run uuid) returns void language plpgsql as $$
begin
  with picked as (
    select * from public.run_queue where state = 'ready' for update skip locked
  ), some_of_them as (
    select p.id from picked as p order by p.id limit 10
  )
  update public.run_queue as q
  set state = 'in_progress', run_request_id = p_run
  from some_of_them as s
  where s.id = q.id;
end
$$;
