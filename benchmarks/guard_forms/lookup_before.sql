-- The usual hand-written design: BEFORE ROW, legal pairs in a table. A later BEFORE trigger slips past it.
create table private.legal (old public.run_request_state, new public.run_request_state, primary key (old, new));
insert into private.legal values
    ('new', 'valid'), ('new', 'invalid'), ('valid', 'ready'), ('valid', 'waiting'), ('ready', 'in_progress'),
    ('in_progress', 'done'), ('in_progress', 'failed'), ('in_progress', 'timedout'), ('waiting', 'ready'),
    ('waiting', 'invalid'), ('waiting', 'timedout'), ('done', 'delivered');
create function private.guard() returns trigger
language plpgsql set search_path = ''
as $$
begin
    if new.state is distinct from old.state then
        if not exists (select from private.legal as l where l.old = old.state and l.new = new.state) then
            raise exception 'refused' using errcode = 'PT409';
        end if;
        new.state_since := now();
    end if;
    return new;
end
$$;
create trigger guard before update on public.run_request for each row execute function private.guard();
