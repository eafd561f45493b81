/*
about: Releases units; what stands in texts and comments is none of it.
drives: {run_queue: {valid: [ready]}}
*/
create function public.quote_names() returns text language plpgsql as $$
declare
  v_text text := 'update public.run_queue set state = ''lost'' where state = ''found''';
begin
  /* update public.run_queue set state = 'lost' where state = 'found'; */ -- set state = 'lost'
  /* once more:
  update "public"."run_queue" set "state" = 'ready' where "state" = 'valid'; */ update "public"."run_queue" set "state" = 'ready' where "state" = 'valid';
  raise notice 'state = %', 'update public.run_queue set state = ''lost''';
  return v_text;
end
$$;
