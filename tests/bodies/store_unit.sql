/*
about: Stores a unit of work for a source.
*/
create function public.store_unit(p_org uuid, p_kind text) returns uuid language plpgsql as $$
declare
  v_id uuid;
begin
  insert into public.run_queue (org_id, kind, state) values (p_org, p_kind, default), (p_org, p_kind, default);
  insert into public.run_queue (org_id, kind, state) values (p_org, p_kind, 'new') returning id into v_id;
  return v_id;
end
$$;
