/*
about: Delivers a run; what the state is compared with comes out of a document.
drives: {run_request: {done: [delivered]}}
*/
create procedure public.deliver_run(p_id uuid, p_document jsonb) language plpgsql as $$
declare
  c cursor for select id from public.run_request where state = 'done' and id = p_id for update;
begin
  for v in c loop
    update public.run_request set (response, state) = row (p_document, 'delivered')
    where id = v.id and state = 'done';
  end loop;
  perform from public.run_request where state = (p_document ->> 'state')::public.run_request_state;
end
$$;
