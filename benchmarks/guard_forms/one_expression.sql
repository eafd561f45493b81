-- The emitted conditions as one expression: a move evaluates one instead of two, an update that moves nothing pays for all.
create function private.guard() returns trigger
language plpgsql security definer set search_path = ''
as $$
begin
    if (
        new.state_substate is null and new.attempt = old.attempt and (
            new.state = old.state
            or (new.state_since = now() and new.state_since <> old.state_since and ('{{f,t,t,f,f,f,f,f,f,f},{f,f,f,t,t,f,f,f,f,f},{f,f,f,f,f,f,f,f,f,f},{f,f,t,f,t,f,t,f,f,f},{f,f,f,f,f,t,f,f,f,f},{f,f,f,f,f,f,t,t,t,f},{f,f,f,f,f,f,f,f,f,f},{f,f,f,f,f,f,f,f,f,f},{f,f,f,f,f,f,f,f,f,t},{f,f,f,f,f,f,f,f,f,f}}'::boolean[])
                [array_position('{new,valid,invalid,waiting,ready,in_progress,timedout,failed,done,delivered}'::public.run_request_state[], old.state)]
                [array_position('{new,valid,invalid,waiting,ready,in_progress,timedout,failed,done,delivered}'::public.run_request_state[], new.state)])
        )
    ) then
        return new;
    end if;
    raise exception 'refused' using errcode = 'PT409';
end
$$;
create trigger guard after update on public.run_request for each row execute function private.guard();
