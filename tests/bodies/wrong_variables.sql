/*
about: Holds states that are none in variables.
*/
create function public.wrong_variables(p_state public.run_queue_state, p_row public.run_queue, p_text text)
returns void language plpgsql as $$
declare
  v_run public.run_request%rowtype;
  v_free record;
  v_state constant public.run_request.state%type := 'reddy';
  v_other public.run_queue_state default 'waitin';
begin
  select 'anything' as state into v_free;
  if v_run.state = 'readi' or p_state in ('dun', 'done') or v_free.state = 'anything' or p_text = 'all' then
    v_run.state := 'failt';
  end if;
  v_other := case when p_row.state = 'nu' then 'walid' else 'valid' end;
  p_text := 'anything';
end
$$;
