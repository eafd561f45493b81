/*
about: Looks at one unit; what goes wrong makes it invalid.
drives: {run_queue: {new: [valid, invalid]}}
*/
create function public.check_unit(p_id uuid) returns void language plpgsql as $$
begin
  begin
    perform 1 / length(kind) from public.run_queue where id = p_id and state = 'new';
    update public.run_queue set state = 'valid' where id = p_id and state = 'new';
  exception
    when division_by_zero then
      update public.run_queue set state = 'invalid', state_substate = 'json' where id = p_id and state = 'new';
    when others then
      raise;
  end;
end
$$;
