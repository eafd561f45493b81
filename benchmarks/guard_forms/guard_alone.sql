-- The guard as emitted, without what it writes into history.
call public.attach();
do $d$
declare
    v_guard text := pg_get_functiondef('private.run_request_guard_update()'::regprocedure);
begin
    execute regexp_replace(v_guard, 'insert into public.run_request_state_history[^;]*;', 'null;', 'g');
end
$d$;
