/*
# A function file is SQL with this header in YAML. `drives` says which moves the function takes, and the body is
# checked against the tables and the lifecycle. Nobody but those under `callable_by` may call it. Roles of the API
# do not write `state`, so it runs as the owner of the tables: mind the tenant before users may call it.
about: Gives an open ticket to a member, who begins to work on it.
drives: {ticket: {open: [in_progress]}}
callable_by: [server]
errors: {PT404: There is no such ticket that is still open.}
*/
create function public.take_ticket(p_ticket uuid, p_member uuid) returns void
language plpgsql security definer as $$
begin
    update public.ticket
    set state = 'in_progress', assignee_id = p_member
    where id = p_ticket and state = 'open';
    if not found then
        raise exception 'ticket % is not open', p_ticket using errcode = 'PT404';
    end if;
end
$$;
