-- The rule in the trigger's WHEN: nothing is queued for a legal row, but each statement compiles the expression.
create function private.guard() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
    raise exception 'refused' using errcode = 'PT409';
end
$$;
create trigger guard after update on public.run_request for each row
    when ((
        new.state_substate is null and new.attempt = old.attempt and (
            new.state = old.state
            or (new.state_since = now() and new.state_since <> old.state_since and case old.state
            when 'new' then new.state in ('valid', 'invalid')
            when 'valid' then new.state in ('ready', 'waiting')
            when 'ready' then new.state = 'in_progress'
            when 'in_progress' then new.state in ('done', 'failed', 'timedout')
            when 'waiting' then new.state in ('ready', 'invalid', 'timedout')
            when 'done' then new.state = 'delivered'
            else false
        end)
        )
    ) is not true)
    execute function private.guard();
