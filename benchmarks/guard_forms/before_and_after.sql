-- A BEFORE ROW trigger puts state_since and the substate right, so that RETURNING shows them; the emitted guard checks.
create function private.normalise() returns trigger
language plpgsql set search_path = ''
as $$
begin
    new.state_since := now();
    new.state_substate := nullif(new.state_substate, old.state_substate);
    return new;
end
$$;
create trigger normalise before update on public.run_request for each row
    when (old.state is distinct from new.state and old.state_since is not distinct from new.state_since)
    execute function private.normalise();
call public.attach();
