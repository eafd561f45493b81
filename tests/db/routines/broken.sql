-- Functions with a mistake that PostgreSQL refuses for what they say, not for what is missing on the server.

-- sample: misspelt word
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  retrun;
end
$$

-- sample: misspelt statement
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare n int;
begin
  n := 1;
  selec 1 into n;
end
$$

-- sample: misspelt in a statement
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  insert into app.event (at, body) valeus (now(), '{}');
end
$$

-- sample: bad condition
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare n int := 1;
begin
  n := n = 1;
  if n = = 3 then null; end if;
end
$$

-- sample: bad bound
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  for i in 1..3 3 loop null; end loop;
end
$$

-- sample: unfinished expression
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare n int;
begin
  n := 1;
  n := 2 +;
  n := 3;
end
$$

-- sample: unfinished statement
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  update app.event set;
  return;
end
$$

-- sample: missing semicolon
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare n int;
begin
  n := 1
  n := 2;
end
$$

-- sample: missing end if
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  if p_id is null then
    return;
end
$$

-- sample: missing end
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  return;
$$

-- sample: else if
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  if p_id is null then return;
  else if true then return;
  end if;
end
$$

-- sample: trailing comma
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  insert into app.event (at, body,) values (now(), '{}');
end
$$

-- sample: unfinished text
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  perform 'abc;
end
$$

-- sample: unknown variable
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare n int;
begin
  n := 1;
  m := 2;
end
$$

-- sample: unknown target
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  select 1 into m;
end
$$

-- sample: field of a scalar
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare s app.order_state;
begin
  s.label := 'x';
end
$$

-- sample: constant
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare n constant int := 1; m int;
begin
  m := 1;
  n := 2;
end
$$

-- sample: declared twice
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare n int;
  n text;
begin
  null;
end
$$

-- sample: null without default
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare n int not null;
begin
  null;
end
$$

-- sample: bad type
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare
  t timestmp with time zone;
  n int;
begin
  null;
end
$$

-- sample: no type
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare
  n := 1;
begin
  null;
end
$$

-- sample: value from void
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  return 1;
end
$$

-- sample: no value
create function app.f() returns int language plpgsql set search_path = '' as $$
begin
  return;
end $$

-- sample: next without set
create function app.f() returns int language plpgsql set search_path = '' as $$
begin
  return next 1;
end $$

-- sample: query without set
create function app.f() returns int language plpgsql set search_path = '' as $$
begin
  return query select 1;
end $$

-- sample: too few values to raise
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  raise notice 'a %', p_id;
  raise notice 'b %';
end
$$

-- sample: unknown option of raise
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  raise 'x' using errcod = 'PT404';
end
$$

-- sample: unknown condition
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  null;
exception when unique_violatio then
  null;
end
$$

-- sample: unknown label
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  loop
    exit rounds;
  end loop;
end
$$

-- sample: exit outside
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
begin
  exit;
end
$$

-- sample: wrong end label
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
<<a>>
begin
  null;
end b
$$

-- sample: loop over scalars
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare n int;
begin
  for x in select 1 loop null; end loop;
end
$$

-- sample: record among targets
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare r record; n int;
begin
  select 1, 2 into r, n;
end
$$

-- sample: row among targets
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare r app.run_request; n int;
begin
  select 1, 2 into r, n;
end
$$

-- sample: not a cursor
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$
declare n int;
begin
  open n;
end
$$

-- sample: empty
create function app.f(p_id uuid) returns void language plpgsql set search_path = '' as $$

$$

-- sample: sql
create function app.f() returns int language sql set search_path = '' as $$
  selec 1
$$

-- sample: sql in the middle
create function app.f() returns int language sql set search_path = '' as $$
  select 1;
  select 2 frm x y z;
$$
