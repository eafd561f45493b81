/*
about: Closes a ticket and says why.
drives: {ticket: {open: [closed], in_progress: [closed], waiting: [closed]}}
callable_by: [server]
errors: {PT404: There is no such ticket that is not closed yet.}
*/
create function public.close_ticket(p_ticket uuid, p_why text) returns void
language plpgsql security definer as $$
begin
    update public.ticket
    set state = 'closed', state_substate = p_why
    where id = p_ticket and state in ('open', 'in_progress', 'waiting');
    if not found then
        raise exception 'ticket % is closed or not there', p_ticket using errcode = 'PT404';
    end if;
end
$$;
