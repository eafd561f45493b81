-- The guard as emitted; history without its key.
call public.attach();
alter table public.run_request_state_history drop constraint run_request_state_history_pkey;
