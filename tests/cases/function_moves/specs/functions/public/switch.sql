/*
about: Switches a lamp on or off.
drives: {lamp: {dark: [lit], lit: [dark]}}
callable_by: [server]
errors: {PT404: There is no such lamp.}
*/
create function public.switch(p_lamp uuid) returns void
language plpgsql security definer as $$
begin
    update public.lamp set state = 'lit' where id = p_lamp and state = 'dark';
    if not found then
        update public.lamp set state = 'dark' where id = p_lamp and state = 'lit';
    end if;
    if not found then
        raise exception 'no lamp %', p_lamp using errcode = 'PT404';
    end if;
end
$$;
