-- The guard as emitted, without its setting of search_path: what that setting costs.
alter function private.run_request_guard_update() reset search_path;
call public.attach();
