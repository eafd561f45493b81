-- Test functions that print TAP, with the names, arguments and lines of pgTAP's public documentation (1.2 and
-- later), for servers on which pgTAP is not installed. Only what generated tests call is here; every overload
-- of a name is, so that untyped literals resolve to the same function under both. The schema is written
-- `extensions` throughout; specc.pg.tap.install() replaces it.

-- Counting ----------------------------------------------------------------------------------------
-- The state lives in a temporary table and a temporary sequence made by plan(). Functions that touch it run
-- as their owner, because tests switch roles. The number comes from a sequence because a test that ran stays
-- printed even when a savepoint takes back what it did.

create or replace function extensions._tap_plan(planned integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if to_regclass('pg_temp.tap_state') is not null then
    raise exception 'You tried to plan twice!';
  end if;
  create temporary table tap_state (
    planned integer not null, failed integer not null,
    todo_left integer not null, todo_why text, blocks text[] not null
  );
  create temporary sequence tap_number;
  insert into pg_temp.tap_state values (planned, 0, 0, null, '{}');
end $$;

create or replace function extensions._tap_count(passed boolean, out number bigint, out todo text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  state record;
begin
  if to_regclass('pg_temp.tap_state') is null then
    raise exception 'You tried to run a test without a plan! Gotta have a plan';
  end if;
  number := nextval('pg_temp.tap_number');
  select * into strict state from pg_temp.tap_state;
  if state.todo_left > 0 then
    todo := coalesce(state.todo_why, '');
    update pg_temp.tap_state set todo_left = todo_left - 1;
  elsif cardinality(state.blocks) > 0 then
    todo := coalesce(state.blocks[cardinality(state.blocks)], '');
  elsif not passed then
    update pg_temp.tap_state set failed = failed + 1;
  end if;
end $$;

create or replace function extensions._tap_totals(out planned integer, out ran bigint, out failed integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if to_regclass('pg_temp.tap_state') is null then
    raise exception 'You tried to finish without a plan! Gotta have a plan';
  end if;
  select s.planned, case when n.is_called then n.last_value else 0 end, s.failed
    into strict planned, ran, failed from pg_temp.tap_state s, pg_temp.tap_number n;
end $$;

create or replace function extensions._tap_todo(why text, how_many integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update pg_temp.tap_state set todo_why = why, todo_left = coalesce(how_many, 1);
end $$;

create or replace function extensions._tap_todo_block(why text, opening boolean) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not opening and not exists (select from pg_temp.tap_state where cardinality(blocks) > 0) then
    raise exception 'todo_end() called without todo_start()';
  end if;
  update pg_temp.tap_state
    set blocks =
      case when opening then blocks || coalesce(why, '') else blocks[1:cardinality(blocks) - 1] end;
end $$;

create or replace function extensions.in_todo() returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  return exists (select from pg_temp.tap_state where todo_left > 0 or cardinality(blocks) > 0);
end $$;

-- Printing ----------------------------------------------------------------------------------------

create or replace function extensions.diag(msg text) returns text
return '# ' || regexp_replace(msg, E'\r\n|\r|\n', E'\n# ', 'g');

create or replace function extensions.diag(msg anyelement) returns text
language sql as $$ select extensions.diag($1::text) $$;

create or replace function extensions.diag(variadic msg text[]) returns text
return extensions.diag(array_to_string(msg, ''));

create or replace function extensions.diag(variadic msg anyarray) returns text
language sql as $$ select extensions.diag(array_to_string($1, '')) $$;

create or replace function extensions.collect_tap(variadic lines text[]) returns text
return array_to_string(lines, E'\n');
create or replace function extensions.collect_tap(character varying[]) returns text
return array_to_string($1, E'\n');

create or replace function extensions._tap_line(passed boolean, description text, note text) returns text
language plpgsql as $$
declare
  counted record;
  said text := nullif(description, '');
begin
  select * into counted from extensions._tap_count(coalesce(passed, false));
  return concat(
    case when passed then 'ok ' else 'not ok ' end, counted.number,
    ' - ' || substr(extensions.diag(said), 3), ' # TODO ' || counted.todo, note,
    case when passed is not true then concat(
      E'\n', extensions.diag(concat('Failed ', case when counted.todo is not null then '(TODO) ' end, 'test ',
        counted.number, ': "' || said || '"',
        case when passed is null then E'\n    (test result was NULL)' end)))
    end);
end $$;

create or replace function extensions._tap_have_want(have text, want text) returns text
return concat('        have: ', coalesce(have, 'NULL'), E'\n        want: ', coalesce(want, 'NULL'));

-- Plan and end ------------------------------------------------------------------------------------

create or replace function extensions.plan(integer) returns text
language plpgsql as $$
begin
  if $1 is null then
    return null;
  end if;
  perform extensions._tap_plan($1);
  return '1..' || $1;
end $$;

create or replace function extensions.no_plan() returns setof boolean
language plpgsql as $$
begin
  perform extensions._tap_plan(0);
end $$;

create or replace function extensions.finish(exception_on_failure boolean default null) returns setof text
language plpgsql as $$
declare
  total record;
  planned bigint;
  plural text;
begin
  select * into total from extensions._tap_totals();
  if total.ran = 0 then
    raise exception '# No tests run!';
  end if;
  if total.planned = 0 then
    return next '1..' || total.ran;
  end if;
  planned := case when total.planned = 0 then total.ran else total.planned end;
  plural := case when planned = 1 then '' else 's' end;
  if planned <> total.ran then
    return next format('# Looks like you planned %s test%s but ran %s', planned, plural, total.ran);
  elsif total.failed > 0 and exception_on_failure then
    raise exception '% test% failed of %',
      total.failed, case when total.failed = 1 then '' else 's' end, planned;
  elsif total.failed > 0 then
    return next format('# Looks like you failed %s test%s of %s',
      total.failed, case when total.failed = 1 then '' else 's' end, planned);
  end if;
end $$;

-- Values ------------------------------------------------------------------------------------------

create or replace function extensions.ok(boolean, text) returns text
return extensions._tap_line($1, $2, '');

create or replace function extensions.ok(boolean) returns text return extensions.ok($1, null);

-- A verdict with what explains a failure; `why` is printed only when the test failed.
create or replace function extensions._tap_verdict(passed boolean, description text, why text) returns text
return extensions.ok(passed, description)
  || case when passed then '' else coalesce(E'\n' || extensions.diag(why), '') end;

create or replace function extensions.pass(text) returns text return extensions.ok(true, $1);
create or replace function extensions.pass() returns text return extensions.ok(true, null);
create or replace function extensions.fail(text) returns text return extensions.ok(false, $1);
create or replace function extensions.fail() returns text return extensions.ok(false, null);

create or replace function extensions."is"(anyelement, anyelement, text) returns text
language plpgsql as $$
begin
  return extensions._tap_verdict(
    not ($1 is distinct from $2), $3, extensions._tap_have_want($1::text, $2::text));
end $$;

create or replace function extensions."is"(anyelement, anyelement) returns text
language sql as $$ select extensions."is"($1, $2, null) $$;

create or replace function extensions.isnt(anyelement, anyelement, text) returns text
language plpgsql as $$
begin
  return extensions._tap_verdict(
    $1 is distinct from $2, $3, extensions._tap_have_want($1::text, 'anything else'));
end $$;

create or replace function extensions.isnt(anyelement, anyelement) returns text
language sql as $$ select extensions.isnt($1, $2, null) $$;

create or replace function extensions.matches(anyelement, text, text) returns text
language plpgsql as $$
begin
  return extensions._tap_verdict($1 ~ $2, $3, format(
    E'                  %s\n   doesn''t match: %s', quote_nullable($1::text), quote_nullable($2)));
end $$;

create or replace function extensions.matches(anyelement, text) returns text
language sql as $$ select extensions.matches($1, $2, null) $$;

-- To do and skipped -------------------------------------------------------------------------------

create or replace function extensions.todo(why text, how_many integer) returns setof boolean
language plpgsql as $$ begin perform extensions._tap_todo(why, how_many); end $$;
create or replace function extensions.todo(how_many integer, why text) returns setof boolean
language plpgsql as $$ begin perform extensions._tap_todo(why, how_many); end $$;
create or replace function extensions.todo(why text) returns setof boolean
language plpgsql as $$ begin perform extensions._tap_todo(why, 1); end $$;
create or replace function extensions.todo(how_many integer) returns setof boolean
language plpgsql as $$ begin perform extensions._tap_todo('', how_many); end $$;

create or replace function extensions.todo_start(text) returns setof boolean
language plpgsql as $$ begin perform extensions._tap_todo_block($1, true); end $$;
create or replace function extensions.todo_start() returns setof boolean
language plpgsql as $$ begin perform extensions._tap_todo_block('', true); end $$;
create or replace function extensions.todo_end() returns setof boolean
language plpgsql as $$ begin perform extensions._tap_todo_block('', false); end $$;

create or replace function extensions.skip(why text, how_many integer) returns text
language plpgsql as $$
begin
  return coalesce((
    select string_agg(extensions._tap_line(true, null, coalesce(' # SKIP ' || why, ' # SKIP')), E'\n')
      from generate_series(1, how_many)), '');
end $$;

create or replace function extensions.skip(integer, text) returns text return extensions.skip($2, $1);
create or replace function extensions.skip(text) returns text return extensions.skip($1, 1);
create or replace function extensions.skip(integer) returns text return extensions.skip(null::text, $1);

-- Statements --------------------------------------------------------------------------------------

-- Text without a space, or that opens with a quoted name, is a prepared statement's name and arguments.
create or replace function extensions._tap_query(text) returns text
immutable return case when $1 ~ '^"' or $1 !~ '\s' then 'execute ' || $1 else $1 end;

create or replace function extensions.throws_ok(text, character, text, text) returns text
language plpgsql as $$
declare
  message text;
begin
  execute extensions._tap_query($1);
  return extensions._tap_verdict(false, $4, concat(
    E'      caught: no exception\n      wanted: ', coalesce($2::text, 'an exception')));
exception when others or assert_failure then
  message := sqlerrm;
  return extensions._tap_verdict(
    ($2 is null or sqlstate = $2::text) and ($3 is null or message = $3), $4,
    concat('      caught: ', sqlstate, ': ', message,
      E'\n      wanted: ', coalesce($2::text, 'an exception'), ': ' || $3));
end $$;

create or replace function extensions.throws_ok(text, text, text) returns text
return case when octet_length($2) = 5
  then extensions.throws_ok($1, $2::character(5), $3, concat('threw ', $2, ': ' || $3))
  else extensions.throws_ok($1, null::character(5), $2, $3) end;

create or replace function extensions.throws_ok(text, text) returns text
return case when octet_length($2) = 5
  then extensions.throws_ok($1, $2::character(5), null, 'threw ' || $2)
  else extensions.throws_ok($1, null::character(5), $2, coalesce('threw ' || $2, 'threw an exception')) end;

create or replace function extensions.throws_ok(text) returns text
return extensions.throws_ok($1, null::character(5), null, 'threw an exception');

create or replace function extensions.throws_ok(text, integer, text, text) returns text
return extensions.throws_ok($1, $2::character(5), $3, $4);
create or replace function extensions.throws_ok(text, integer, text) returns text
return extensions.throws_ok($1, $2::text, $3);
create or replace function extensions.throws_ok(text, integer) returns text
return extensions.throws_ok($1, $2::text);

create or replace function extensions.lives_ok(text, text) returns text
language plpgsql as $$
declare
  detail text;
  hint text;
  place text;
begin
  execute extensions._tap_query($1);
  return extensions.ok(true, $2);
exception when others or assert_failure then
  get stacked diagnostics
    detail = pg_exception_detail, hint = pg_exception_hint, place = pg_exception_context;
  return extensions._tap_verdict(false, $2, concat('    died: ', sqlstate, ': ', sqlerrm,
    E'\n        DETAIL:     ' || nullif(detail, ''), E'\n        HINT:       ' || nullif(hint, ''),
    E'\n        CONTEXT:\n            ' || replace(nullif(place, ''), E'\n', E'\n            ')));
end $$;

create or replace function extensions.lives_ok(text) returns text return extensions.lives_ok($1, null);

-- Rows in order -----------------------------------------------------------------------------------

create or replace function extensions._tap_open(query text) returns refcursor
language plpgsql as $$
declare
  rows_of refcursor;
begin
  open rows_of for execute extensions._tap_query(query);
  return rows_of;
end $$;

create or replace function extensions._tap_open(elements anyarray) returns refcursor
language plpgsql as $$
declare
  rows_of refcursor;
begin
  open rows_of for select unnest(elements);
  return rows_of;
end $$;

create or replace function extensions.results_eq(refcursor, refcursor, text) returns text
language plpgsql as $$
declare
  have record;
  want record;
  more_have boolean;
  more_want boolean;
  number integer := 0;
begin
  loop
    number := number + 1;
    fetch $1 into have;
    more_have := found;
    fetch $2 into want;
    more_want := found;
    if not more_have and not more_want then
      return extensions.ok(true, $3);
    elsif more_have <> more_want or have is distinct from want then
      return extensions._tap_verdict(false, $3, concat('    Results differ beginning at row ', number, E':\n',
        extensions._tap_have_want(
          case when more_have then have::text end, case when more_want then want::text end)));
    end if;
  end loop;
exception when datatype_mismatch then
  return extensions._tap_verdict(false, $3, concat(
    '    Number of columns or their types differ between the queries',
    case when have::text <> want::text then E':\n' || extensions._tap_have_want(have::text, want::text) end,
    E'\n        ERROR: ', sqlerrm));
end $$;

create or replace function extensions._tap_results_eq(
  have refcursor, want refcursor, description text, opened refcursor[]) returns text
language plpgsql as $$
declare
  verdict text := extensions.results_eq(have, want, description);
  rows_of refcursor;
begin
  foreach rows_of in array opened loop
    close rows_of;
  end loop;
  return verdict;
end $$;

create or replace function extensions.results_eq(text, text, text) returns text
language plpgsql as $$
declare
  have refcursor := extensions._tap_open($1);
  want refcursor := extensions._tap_open($2);
begin
  return extensions._tap_results_eq(have, want, $3, array[have, want]);
end $$;

create or replace function extensions.results_eq(text, anyarray, text) returns text
language plpgsql as $$
declare
  have refcursor := extensions._tap_open($1);
  want refcursor := extensions._tap_open($2);
begin
  return extensions._tap_results_eq(have, want, $3, array[have, want]);
end $$;

create or replace function extensions.results_eq(text, refcursor, text) returns text
language plpgsql as $$
declare
  have refcursor := extensions._tap_open($1);
begin
  return extensions._tap_results_eq(have, $2, $3, array[have]);
end $$;

create or replace function extensions.results_eq(refcursor, text, text) returns text
language plpgsql as $$
declare
  want refcursor := extensions._tap_open($2);
begin
  return extensions._tap_results_eq($1, want, $3, array[want]);
end $$;

create or replace function extensions.results_eq(refcursor, anyarray, text) returns text
language plpgsql as $$
declare
  want refcursor := extensions._tap_open($2);
begin
  return extensions._tap_results_eq($1, want, $3, array[want]);
end $$;

create or replace function extensions.results_eq(text, text) returns text
return extensions.results_eq($1, $2, null::text);
create or replace function extensions.results_eq(text, anyarray) returns text
language sql as $$ select extensions.results_eq($1, $2, null::text) $$;
create or replace function extensions.results_eq(text, refcursor) returns text
return extensions.results_eq($1, $2, null::text);
create or replace function extensions.results_eq(refcursor, text) returns text
return extensions.results_eq($1, $2, null::text);
create or replace function extensions.results_eq(refcursor, anyarray) returns text
language sql as $$ select extensions.results_eq($1, $2, null::text) $$;
create or replace function extensions.results_eq(refcursor, refcursor) returns text
return extensions.results_eq($1, $2, null::text);

-- Rows without order ------------------------------------------------------------------------------

create or replace function extensions._tap_rows(query text, most integer) returns text
language plpgsql as $$
declare
  rows_of refcursor := extensions._tap_open(query);
  one record;
  lines text;
begin
  for number in 1..most loop
    fetch rows_of into one;
    exit when not found;
    lines := concat(lines, E'\n        ', one::text);
  end loop;
  close rows_of;
  return lines;
end $$;

create or replace function extensions.is_empty(text, text) returns text
language plpgsql as $$
declare
  lines text := extensions._tap_rows($1, 2147483647);
begin
  return extensions._tap_verdict(lines is null, $2, '    Unexpected records:' || lines);
end $$;

create or replace function extensions.is_empty(text) returns text return extensions.is_empty($1, null);

create or replace function extensions.isnt_empty(text, text) returns text
return extensions.ok(extensions._tap_rows($1, 1) is not null, $2);
create or replace function extensions.isnt_empty(text) returns text return extensions.isnt_empty($1, null);

create or replace function extensions._tap_columns(relation text) returns text
return (select concat('(', string_agg(format_type(atttypid, atttypmod), ',' order by attnum), ')')
          from pg_attribute where attrelid = to_regclass(relation) and attnum > 0);

-- Compares the temporary tables tap_have and tap_want, which belong to the role of the test, and drops them.
create or replace function extensions._tap_compare(every text, description text) returns text
language plpgsql as $$
declare
  extra text;
  missing text;
  why text;
  list constant text := $q$select E'\n        ' || string_agg(one::text, E'\n        ')
                             from (select * from pg_temp.%I except %s select * from pg_temp.%I) one$q$;
begin
  begin
    execute format(list, 'tap_have', every, 'tap_want') into extra;
    execute format(list, 'tap_want', every, 'tap_have') into missing;
    why := nullif(concat_ws(E'\n', '    Extra records:' || extra, '    Missing records:' || missing), '');
  exception when datatype_mismatch or syntax_error then
    why := E'    Columns differ between queries:\n' || extensions._tap_have_want(
      extensions._tap_columns('pg_temp.tap_have'), extensions._tap_columns('pg_temp.tap_want'));
  end;
  drop table pg_temp.tap_have, pg_temp.tap_want;
  return extensions._tap_verdict(why is null, description, why);
end $$;

create or replace function extensions._tap_same(have text, want text, every text, description text)
returns text language plpgsql as $$
begin
  execute 'create temporary table tap_have as ' || extensions._tap_query(have);
  execute 'create temporary table tap_want as ' || extensions._tap_query(want);
  return extensions._tap_compare(every, description);
end $$;

create or replace function extensions._tap_same(have text, want anyarray, every text, description text)
returns text language plpgsql as $$
begin
  execute 'create temporary table tap_have as ' || extensions._tap_query(have);
  create temporary table tap_want as select unnest(want);
  return extensions._tap_compare(every, description);
end $$;

create or replace function extensions.set_eq(text, text, text) returns text
return extensions._tap_same($1, $2, '', $3);
create or replace function extensions.set_eq(text, text) returns text return extensions.set_eq($1, $2, null);
create or replace function extensions.set_eq(text, anyarray, text) returns text
language sql as $$ select extensions._tap_same($1, $2, '', $3) $$;
create or replace function extensions.set_eq(text, anyarray) returns text
language sql as $$ select extensions.set_eq($1, $2, null) $$;

create or replace function extensions.bag_eq(text, text, text) returns text
return extensions._tap_same($1, $2, 'all', $3);
create or replace function extensions.bag_eq(text, text) returns text return extensions.bag_eq($1, $2, null);
create or replace function extensions.bag_eq(text, anyarray, text) returns text
language sql as $$ select extensions._tap_same($1, $2, 'all', $3) $$;
create or replace function extensions.bag_eq(text, anyarray) returns text
language sql as $$ select extensions.bag_eq($1, $2, null) $$;

-- Catalogue ---------------------------------------------------------------------------------------
-- Names are compared exactly. A null schema means: visible on the search path.

create or replace function extensions._tap_relation(schema_name name, relation name, kinds text) returns oid
language sql stable as $$
  select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where c.relname = relation and strpos(kinds, c.relkind::text) > 0
     and case when schema_name is null then pg_catalog.pg_table_is_visible(c.oid)
              else n.nspname = schema_name end
$$;

create or replace function extensions._tap_name(variadic parts name[]) returns text
immutable return (select string_agg(quote_ident(part), '.' order by place)
                    from unnest(parts) with ordinality as named (part, place) where part is not null);

create or replace function extensions.has_table(name, name, text) returns text
return extensions.ok(extensions._tap_relation($1, $2, 'rp') is not null, $3);
create or replace function extensions.has_table(name, name) returns text
return extensions.has_table($1, $2, concat('Table ', extensions._tap_name($1, $2), ' should exist'));
create or replace function extensions.has_table(name, text) returns text
return extensions.has_table(null::name, $1, $2);
create or replace function extensions.has_table(name) returns text
return extensions.has_table($1, concat('Table ', extensions._tap_name($1), ' should exist'));

create or replace function extensions._tap_column(
  schema_name name, relation name, wanted name, out found_it boolean, out required boolean)
language sql stable as $$
  select count(*) > 0, coalesce(bool_or(attnotnull), false) from pg_catalog.pg_attribute
   where attrelid = extensions._tap_relation(schema_name, relation, 'rpvmfc') and attname = wanted
     and attnum > 0 and not attisdropped
$$;

create or replace function extensions.has_column(name, name, name, text) returns text
return extensions.ok((extensions._tap_column($1, $2, $3)).found_it, $4);
create or replace function extensions.has_column(name, name, text) returns text
return extensions.has_column(null, $1, $2, $3);
create or replace function extensions.has_column(name, name) returns text
return extensions.has_column($1, $2, concat('Column ', extensions._tap_name($1, $2), ' should exist'));

create or replace function extensions.col_not_null(
  schema_name name, table_name name, column_name name, description text default null) returns text
language plpgsql as $$
declare
  about record := extensions._tap_column(schema_name, table_name, column_name);
  label text := extensions._tap_name(schema_name, table_name, column_name);
begin
  return extensions._tap_verdict(
    about.required, coalesce(description, concat('Column ', label, ' should be NOT NULL')),
    case when not about.found_it then concat('    Column ', label, ' does not exist') end);
end $$;

create or replace function extensions.col_not_null(
  table_name name, column_name name, description text default null) returns text
return extensions.col_not_null(null, table_name, column_name, description);

create or replace function extensions._tap_has_function(schema_name name, routine name, args name[])
returns boolean language sql stable as $$
  select exists (
    select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
     where p.proname = routine
       and case when schema_name is null then pg_catalog.pg_function_is_visible(p.oid)
                else n.nspname = schema_name end
       and (args is null or array(select t from unnest(p.proargtypes) t)
         = array(select pg_catalog.to_regtype(arg)::oid
                   from unnest(args::text[]) with ordinality as spelled (arg, place) order by place)))
$$;

create or replace function extensions._tap_function_text(schema_name name, routine name, args name[])
returns text return concat(
  'Function ', extensions._tap_name(schema_name, routine), '(', array_to_string(args, ', '),
  ') should exist');

create or replace function extensions.has_function(name, name, name[], text) returns text
return extensions.ok(extensions._tap_has_function($1, $2, $3), $4);
create or replace function extensions.has_function(name, name, name[]) returns text
return extensions.has_function($1, $2, $3, extensions._tap_function_text($1, $2, $3));
create or replace function extensions.has_function(name, name, text) returns text
return extensions.has_function($1, $2, null::name[], $3);
create or replace function extensions.has_function(name, name) returns text
return extensions.has_function($1, $2, null::name[]);
create or replace function extensions.has_function(name, name[], text) returns text
return extensions.has_function(null::name, $1, $2, $3);
create or replace function extensions.has_function(name, name[]) returns text
return extensions.has_function(null::name, $1, $2);
create or replace function extensions.has_function(name, text) returns text
return extensions.has_function(null::name, $1, null::name[], $2);
create or replace function extensions.has_function(name) returns text
return extensions.has_function(null::name, $1, null::name[]);

create or replace function extensions.has_trigger(name, name, name, text) returns text
return extensions.ok(exists (
  select from pg_catalog.pg_trigger
   where tgrelid = extensions._tap_relation($1, $2, 'rpvf') and tgname = $3 and not tgisinternal), $4);
create or replace function extensions.has_trigger(name, name, name) returns text
return extensions.has_trigger($1, $2, $3,
  concat('Table ', extensions._tap_name($1, $2), ' should have trigger ', quote_ident($3)));
create or replace function extensions.has_trigger(name, name, text) returns text
return extensions.has_trigger(null, $1, $2, $3);
create or replace function extensions.has_trigger(name, name) returns text
return extensions.has_trigger(null::name, $1, $2);

create or replace function extensions.col_is_pk(name, name, name[], text) returns text
language plpgsql as $$
declare
  have text := (
    select array_agg(a.attname order by key.place)::text
      from pg_catalog.pg_constraint c cross join unnest(c.conkey) with ordinality as key (number, place)
      join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = key.number
     where c.contype = 'p' and c.conrelid = extensions._tap_relation($1, $2, 'rp'));
begin
  return extensions._tap_verdict(
    have is not null and have = $3::text, $4, extensions._tap_have_want(have, $3::text));
end $$;

create or replace function extensions._tap_key_text(relation name, columns name[]) returns text
return concat(
  'Column', case when cardinality(columns) = 1 then ' ' else 's ' end, extensions._tap_name(relation), '(',
  (select string_agg(quote_ident(part), ', ' order by place)
     from unnest(columns) with ordinality as named (part, place)),
  ') should be a primary key');

create or replace function extensions.col_is_pk(name, name, name, text) returns text
return extensions.col_is_pk($1, $2, array[$3], $4);
create or replace function extensions.col_is_pk(name, name[], text) returns text
return extensions.col_is_pk(null::name, $1, $2, $3);
create or replace function extensions.col_is_pk(name, name, text) returns text
return extensions.col_is_pk(null::name, $1, array[$2], $3);
create or replace function extensions.col_is_pk(name, name[]) returns text
return extensions.col_is_pk($1, $2, extensions._tap_key_text($1, $2));
create or replace function extensions.col_is_pk(name, name) returns text
return extensions.col_is_pk($1, array[$2]);

-- Row level security ------------------------------------------------------------------------------

create or replace function extensions._tap_names_less(these name[], others name[]) returns text
immutable return (select E'\n        ' || string_agg(quote_ident(one), E'\n        ')
                    from (select unnest(these) except select unnest(others)) left_over (one));

create or replace function extensions.policies_are(name, name, name[], text) returns text
language plpgsql as $$
declare
  have name[] := array(
    select polname from pg_catalog.pg_policy
     where polrelid = extensions._tap_relation($1, $2, 'rp') order by 1);
  why text := nullif(concat_ws(E'\n', '    Extra policies:' || extensions._tap_names_less(have, $3),
    '    Missing policies:' || extensions._tap_names_less($3, have)), '');
begin
  return extensions._tap_verdict(why is null, $4, why);
end $$;

create or replace function extensions.policies_are(name, name, name[]) returns text
return extensions.policies_are($1, $2, $3,
  concat('Table ', extensions._tap_name($1, $2), ' should have the correct policies'));
create or replace function extensions.policies_are(name, name[], text) returns text
return extensions.policies_are(null, $1, $2, $3);
create or replace function extensions.policies_are(name, name[]) returns text
return extensions.policies_are($1, $2,
  concat('Table ', extensions._tap_name($1), ' should have the correct policies'));

create or replace function extensions.policy_cmd_is(name, name, name, text, text) returns text
language plpgsql as $$
declare
  have text := (
    select case polcmd when 'r' then 'SELECT' when 'a' then 'INSERT' when 'w' then 'UPDATE'
                       when 'd' then 'DELETE' else 'ALL' end
      from pg_catalog.pg_policy where polrelid = extensions._tap_relation($1, $2, 'rp') and polname = $3);
begin
  return extensions._tap_verdict(
    not (have is distinct from upper($4)), $5, extensions._tap_have_want(have, upper($4)));
end $$;

create or replace function extensions._tap_policy_text(policy name, relation text, command text) returns text
return concat(
  'Policy ', quote_ident(policy), ' for table ', relation, ' should apply to ', upper(command), ' command');

create or replace function extensions.policy_cmd_is(name, name, name, text) returns text
return extensions.policy_cmd_is(
  $1, $2, $3, $4, extensions._tap_policy_text($3, extensions._tap_name($1, $2), $4));
create or replace function extensions.policy_cmd_is(name, name, text, text) returns text
return extensions.policy_cmd_is(null, $1, $2, $3, $4);
create or replace function extensions.policy_cmd_is(name, name, text) returns text
return extensions.policy_cmd_is($1, $2, $3, extensions._tap_policy_text($2, extensions._tap_name($1), $3));
