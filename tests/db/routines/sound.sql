-- Functions as people write them, each after its name. PostgreSQL 15 and later accept them all.

-- sample: enum variable
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare s app.order_state := 'new';
begin s := 'ready'; end
$$

-- sample: row variable
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare r app.run_request;
begin
  select * into r from app.run_request where id = p_id;
  r.state := 'ready'; r.tags[1] := 'x';
end
$$

-- sample: rowtype
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare r app.run_request%rowtype;
begin r.attempt := r.attempt + 1; end
$$

-- sample: column type
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare s app.run_request.state%type; n s%type;
begin s := 'new'; n := s; end
$$

-- sample: array of enums
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare s app.order_state[] := '{new,ready}'; o app.order_state; t app.order_state array[4];
begin
  s[1] := 'done';
  foreach o in array s loop raise notice '%', o; end loop;
end
$$

-- sample: array of rows
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare rs app.run_request[]; r app.run_request;
begin
  foreach r in array rs loop
    r.note := 'x';
  end loop;
end
$$

-- sample: domain
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare l app.label not null := 'x'; m constant app.label := 'y';
begin l := m; end
$$

-- sample: several targets
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare s app.order_state; n int; l app.label;
begin
  select state, attempt, note into strict s, n, l from app.run_request where id = p_id;
end
$$

-- sample: record
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare r record;
begin
  for r in select * from app.run_request for update skip locked loop
    raise notice '%', r.id;
  end loop;
end
$$

-- sample: two scalars in a loop
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare a uuid; b app.order_state;
begin
  for a, b in select id, state from app.run_request loop null; end loop;
end
$$

-- sample: row in an update
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare r app.run_request;
begin
  update app.run_request set state = 'ready' where id = p_id returning * into r;
  if not found then raise exception using errcode = 'PT404', message = 'no ' || p_id, hint = 'look'; end if;
end
$$

-- sample: nested blocks
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
<<whole>>
declare
  n int = 1;
begin
  for i in reverse 10..1 by 2 loop
    declare
      s app.order_state;
      r app.run_request;
    begin
      r.state := s; whole.n := n + i;
    end;
  end loop;
end whole
$$

-- sample: loops and labels
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  <<rounds>>
  loop
    exit rounds when random() > 0.1;
    while true loop continue rounds; end loop;
  end loop;
end
$$

-- sample: handlers
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare d text; c text;
begin
  begin
    perform 1 / 0;
  exception
    when division_by_zero or sqlstate 'PT409' then
      get stacked diagnostics d = pg_exception_detail, c = returned_sqlstate;
    when others then raise;
  end;
end
$$

-- sample: cursors
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare
  c cursor (k uuid, s app.order_state) for select * from app.run_request where id = k and state = s;
  d no scroll cursor for select 1;
  e refcursor;
  r record;
begin
  open c(p_id, 'new'); fetch c into r;
  update app.run_request set note = 'x' where current of c; close c;
  for r in c(p_id, 'done') loop null; end loop;
  open e for execute 'select 1' using p_id; move forward 2 from e; close e;
  open d; close d;
end
$$

-- sample: cases
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare s app.order_state := 'new';
begin
  case s when 'new', 'ready' then null; else raise notice 'x'; end case;
  case when s = 'new' then null; end case;
  if s = 'new' then null; elsif s = 'done' then null; else null; end if;
end
$$

-- sample: dynamic
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare n bigint;
begin
  execute format($q$ select count(*) from %I.%I where id = $1 $q$, 'app', 'run_request') into n using p_id;
  get diagnostics n = row_count;
  assert n >= 0, 'never';
end
$$

-- sample: writes
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare ids uuid[];
begin
  with moved as (
    update app.run_request set state = 'in_progress', attempt = attempt + 1
    where id = any(array(select id from app.run_request where state = 'ready' order by id limit 5 for update skip locked))
    returning id)
  select array_agg(id) into ids from moved;
  insert into app.event (body) select jsonb_build_object('id', x) from unnest(ids) as x on conflict do nothing;
  merge into app.run_request t using (select p_id as id) s on t.id = s.id
    when matched then update set note = 'x' when not matched then insert (id, state) values (s.id, 'new');
  delete from app.event where at < now() - interval '1 day';
end
$$

-- sample: calls and commands
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  perform pg_notify('run', p_id::text);
  call app.step(1);
  perform set_config('specc.reason', 'x', true);
  set local lock_timeout = '1s';
  create temporary table t on commit drop as select 1 as a;
end
$$

-- sample: json subscripts
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare j jsonb := '{}';
begin j['a'] := to_jsonb(p_id); j['b']['c'] := '1'; end
$$

-- sample: aliases and positions
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare me alias for p_id; first alias for $1;
begin me := first; end
$$

-- sample: variable conflict
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
#variable_conflict use_column
declare id uuid;
begin perform id from app.run_request; end
$$

-- sample: comments
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
-- declare x app.nothing;
/* begin /* nested */ */
declare -- here
  s /* it */ app.order_state -- too
  := 'new';
begin
  null; -- end
end
$$

-- sample: quoted names
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare "Wanted" app.order_state; "a b" app.run_request;
begin "Wanted" := 'new'; "a b".note := 'x'; end
$$

-- sample: types of many words
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare a timestamp (3) with time zone; b double precision; c character varying (10) collate "C"; d numeric(10, 2)[];
  e interval day to second; f bit varying(3); g time without time zone; h pg_catalog.int4 := 1; k regclass; l oid;
begin select now(), 1 into a, b; end
$$

-- sample: catalogue rows
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare c pg_class; d pg_catalog.pg_class%rowtype; e pg_class.relname%type;
begin c.relname := 'x'; end
$$

-- sample: empty text
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin end
$$

-- sample: row argument
create function app.f(p app.run_request) returns void language plpgsql set search_path = '' as $$
begin p.state := 'done'; perform p.id; end
$$

-- sample: unnamed arguments
create function app.f(int, text default 'x') returns int language plpgsql set search_path = '' as $$ begin return $1; end $$

-- sample: variadic
create function app.f(variadic s app.order_state[]) returns void language plpgsql set search_path = '' as $$
begin perform s[1]; end
$$

-- sample: out arguments
create function app.f(in a int, out b app.run_request, inout c app.order_state) language plpgsql set search_path = ''
as $$ begin b.state := c; c := 'done'; return; end $$

-- sample: one out argument
create function app.f(out b app.order_state) language plpgsql set search_path = '' as $$ begin b := 'new'; end $$

-- sample: table
create function app.f(p_limit int = 10) returns table (id uuid, state app.order_state, n numeric(5, 2)) language plpgsql stable
set search_path = '' as $$ begin return query select r.id, r.state, 1.5 from app.run_request r limit p_limit; id := null; return next; end $$

-- sample: set of rows
create function app.f() returns setof app.run_request language plpgsql stable set search_path = ''
as $$ declare r app.run_request; begin for r in select * from app.run_request loop return next r; end loop; return; end $$

-- sample: set of a type
create or replace function app.f(p_id uuid) returns setof uuid language plpgsql security definer set search_path to ''
set lock_timeout = '3s' parallel restricted called on null input
as $body$ begin return next p_id; return query execute 'select $1' using p_id; end $body$;

-- sample: a row
create function app.f(p_id uuid) returns app.run_request language plpgsql strict set search_path = pg_catalog, pg_temp
as $$ declare r app.run_request; begin select * into r from app.run_request where id = p_id; return r; end $$

-- sample: polymorphic
create function app.f(a anyelement, b anyarray, c anycompatible default null) returns anyelement language plpgsql immutable
set search_path = '' as $$ declare x a%type; begin x := b[1]; return coalesce(x, a); end $$

-- sample: trigger
create function app.f() returns trigger language plpgsql set search_path = '' as $$
declare o app.run_request; n app.run_request;
begin
  if tg_op = 'DELETE' then return old; end if;
  n := new; o := old;
  new.state := 'ready'; new.attempt = old.attempt + 1;
  if tg_argv[0] = 'x' then raise 'no'; end if;
  return new;
end $$

-- sample: event trigger
create function app.f() returns event_trigger language plpgsql set search_path = '' as $$ begin raise notice '%', tg_tag; end $$

-- sample: procedure
create procedure app.f(p_n int, inout p_done boolean default false) language plpgsql security definer set search_path = '' as $$
begin p_done := true; if p_n > 100 then rollback; end if; end $$

-- sample: body in quotes
create function app.f() returns text language plpgsql set search_path = '' as 'begin return ''x''; end'

-- sample: sql
create function app.f(p_id uuid, p_state app.order_state default 'new') returns setof app.run_request language sql stable
set search_path = '' as $$ select * from app.run_request where id = p_id and state = p_state $$

-- sample: sql with writes
create function app.f(int4, bool, varchar(3), decimal(3), timestamptz, "char", char(3), float(3), time, app.order_state[])
returns void language sql set search_path = '' as $$
  insert into app.event (body) values ('{}');
  select pg_notify('a', 'b');
$$
