/*
about: Ends the units that have results, and stores those that nobody asked for.
drives: {run_queue: {in_progress: [done, failed], waiting: [invalid]}}
*/
create function public.merge_results(p_org uuid, p_results jsonb) returns void language plpgsql as $$
begin
  merge into public.run_queue as q
  using jsonb_to_recordset(p_results) as s (id uuid, ok boolean) on s.id = q.id
  when matched and q.state = 'waiting' then update set state = 'invalid'
  when matched and q.state <> 'in_progress' then do nothing
  when matched and s.ok then update set state = 'done'
  when matched then update set state = 'failed'
  when not matched then insert (id, org_id, state) values (s.id, p_org, 'new');
end
$$;
