-- The guard as the compiler emits it.
call public.attach();
