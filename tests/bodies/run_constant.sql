/*
about: Releases a unit with SQL that is planned anew each time.
drives: {run_queue: {waiting: [ready], valid: [ready]}}
*/
create function public.run_constant(p_id uuid) returns void language plpgsql as $$
begin
  execute 'update public.run_queue set state = ''ready'' where id = $1 and state = ''waiting''' using p_id;
  execute $q$update public.run_queue set state = 'ready' where id = $1 and state = 'valid'$q$ using p_id;
end
$$;
