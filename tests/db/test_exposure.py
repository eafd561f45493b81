"""What the catalogue says of the flagship's safety: rules that hold for every object, typed by hand.

Row security, privileges, policies, functions, views and the indexes that policies and keys need.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.pg

API = "('anon', 'authenticated', 'service_role')"
OURS = "('public', 'etl_api', 'utils', 'private', 'monitor')"


@pytest.fixture(scope="module")
def catalogue(shared_flagship: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(shared_flagship, autocommit=True) as connection:
        connection.execute("set search_path = ''")
        yield connection


# Each query returns what breaks the rule.
BROKEN = {
    "a table without row security": f"""
        select c.oid::regclass from pg_class c
        where c.relnamespace::regnamespace::text in {OURS} and c.relkind in ('r', 'p') and not c.relrowsecurity""",
    "row security that policies never open": """
        select c.oid::regclass from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
          and not exists (select from pg_policy p where p.polrelid = c.oid)""",
    "a foreign or materialised relation where the API looks": """
        select c.oid::regclass from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('f', 'm')""",
    "a view with its owner's rights": f"""
        select c.oid::regclass from pg_class c
        where c.relnamespace::regnamespace::text in {OURS} and c.relkind = 'v'
          and not coalesce(c.reloptions @> '{{security_invoker=true}}', false)""",
    "a view that shows users": """
        select distinct r.ev_class::regclass from pg_depend d join pg_rewrite r on r.oid = d.objid
        where d.classid = 'pg_rewrite'::regclass and d.refobjid = 'auth.users'::regclass""",
    "a policy for everybody": """
        select polname, polrelid::regclass from pg_policy
        where 0 = any (polroles) and polrelid <> 'auth.users'::regclass""",
    "a policy for all commands": """
        select polname, polrelid::regclass from pg_policy
        where polcmd = '*' and polrelid <> 'auth.users'::regclass""",
    "a policy that restricts instead of allowing": "select polname from pg_policy where not polpermissive",
    "two policies for one command and role": """
        select polrelid::regclass, polcmd, role from pg_policy, unnest(polroles) as role
        group by 1, 2, 3 having count(*) > 1""",
    "a policy that lets everything pass": """
        select polname, polrelid::regclass from pg_policy
        where pg_get_expr(polqual, polrelid) = 'true' or pg_get_expr(polwithcheck, polrelid) = 'true'""",
    "an update without both conditions": """
        select polname, polrelid::regclass from pg_policy
        where polcmd = 'w' and (polqual is null or polwithcheck is null)""",
    "a policy to change without one to see": """
        select p.polname, p.polrelid::regclass from pg_policy p
        where p.polcmd in ('w', 'd') and not exists (
            select from pg_policy s where s.polrelid = p.polrelid and s.polcmd = 'r' and s.polroles @> p.polroles)""",
    "a policy that trusts what users can write": """
        select polname, polrelid::regclass from pg_policy
        where concat(pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) ~ 'user_metadata|auth\\.role'""",
    "a call in a policy that is made for each row": """
        select polname, polrelid::regclass, text from pg_policy,
            unnest(array[pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)]) as text
        where regexp_replace(text, '\\( ?SELECT (private|auth)\\.\\w+\\(\\)', '', 'g') ~ '(private|auth)\\.\\w+\\('""",
    "a policy's column that no index begins with": """
        select p.polname, a.attrelid::regclass, a.attname
        from pg_policy p
        join pg_depend d on d.classid = 'pg_policy'::regclass and d.objid = p.oid
            and d.refclassid = 'pg_class'::regclass and d.refobjid = p.polrelid and d.refobjsubid > 0
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where not exists (
            select from pg_index i where i.indrelid = a.attrelid and i.indkey[0] = a.attnum
                and i.indpred is null and i.indisvalid)""",
    "a foreign key that no index covers": """
        select c.conname from pg_constraint c
        where c.contype = 'f' and not exists (
            select from pg_index i where i.indrelid = c.conrelid and i.indpred is null and i.indisvalid
                and c.conkey <@ (i.indkey::smallint[])[0:cardinality(c.conkey) - 1])""",
    "a key across tenants without the tenant": """
        select c.conname from pg_constraint c
        where c.contype = 'f' and c.connamespace = 'public'::regnamespace
          and exists (select from pg_attribute a where a.attrelid = c.conrelid and a.attname = 'org_id')
          and exists (select from pg_attribute a where a.attrelid = c.confrelid and a.attname = 'org_id')
          and not exists (
              select from unnest(c.conkey, c.confkey) as k (here, there)
              join pg_attribute h on h.attrelid = c.conrelid and h.attnum = k.here and h.attname = 'org_id'
              join pg_attribute t on t.attrelid = c.confrelid and t.attnum = k.there and t.attname = 'org_id')""",
    "a deletion that clears the tenant": """
        select c.conname from pg_constraint c
        where c.contype = 'f' and c.confdeltype = 'n' and (
            c.confdelsetcols is null or exists (
                select from pg_attribute a
                where a.attrelid = c.conrelid and a.attnum = any (c.confdelsetcols) and a.attnotnull))""",
    "a tenant that may be unknown": """
        select attrelid::regclass from pg_attribute join pg_class c on c.oid = attrelid
        where attname = 'org_id' and c.relkind in ('r', 'p') and not attnotnull""",
    "a key over all tenants that users can try": """
        select i.indexrelid::regclass from pg_index i
        where i.indisunique
          and exists (select from pg_attribute a where a.attrelid = i.indrelid and a.attname = 'org_id')
          and not exists (
              select from pg_attribute a
              where a.attrelid = i.indrelid and a.attname = 'org_id' and a.attnum = any (i.indkey))
          and not exists (
              select from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any (i.indkey)
                and not has_column_privilege('authenticated', a.attrelid, a.attnum, 'insert, update'))""",
    "a table without a primary key": f"""
        select c.oid::regclass from pg_class c
        where c.relnamespace::regnamespace::text in {OURS} and c.relkind in ('r', 'p')
          and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'p')""",
    "two indexes with the same columns": f"""
        select indrelid::regclass, indkey from pg_index join pg_class c on c.oid = indrelid
        where c.relnamespace::regnamespace::text in {OURS}
        group by 1, indkey::text, indkey, pg_get_expr(indpred, indrelid), indexprs::text having count(*) > 1""",
    "a function whose search path a caller sets": f"""
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace::regnamespace::text in {OURS}
          and not coalesce('search_path=""' = any (p.proconfig), false)""",
    "a function for everybody": f"""
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace::regnamespace::text in {OURS} and has_function_privilege('public', p.oid, 'execute')""",
    "a function with its owner's rights that the API can call": f"""
        select p.oid::regprocedure, r.rolname from pg_proc p, pg_roles r
        where p.prosecdef and p.pronamespace = 'public'::regnamespace and r.rolname in {API}
          and has_function_privilege(r.oid, p.oid, 'execute')
          and has_schema_privilege(r.oid, p.pronamespace, 'usage') and r.rolname <> 'service_role'""",
    "a function that those not signed in can call": f"""
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace::regnamespace::text in {OURS} and has_function_privilege('anon', p.oid, 'execute')
          and has_schema_privilege('anon', p.pronamespace, 'usage')""",
    "a trigger function where the API looks that it may call": f"""
        select p.oid::regprocedure, r.rolname from pg_proc p, pg_roles r
        where p.prorettype = 'trigger'::regtype and r.rolname in {API}
          and p.pronamespace::regnamespace::text in {OURS} and has_function_privilege(r.oid, p.oid, 'execute')""",
    "an inner schema that the API may use": f"""
        select n.nspname, r.rolname from pg_namespace n, pg_roles r
        where n.nspname in {OURS} and n.nspname <> 'public' and r.rolname in {API}
          and (n.nspname, r.rolname) not in (('monitor', 'service_role'), ('private', 'service_role'))
          and has_schema_privilege(r.oid, n.oid, 'usage')""",
    "a right on a private table": """
        select c.oid::regclass, a.grantee::regrole, a.privilege_type
        from pg_class c, aclexplode(c.relacl) a
        where c.relnamespace = 'private'::regnamespace and a.grantee <> c.relowner""",
    "a right on what operators look at but the server's to look": """
        select c.oid::regclass, a.grantee::regrole, a.privilege_type
        from pg_class c, aclexplode(c.relacl) a
        where c.relnamespace::regnamespace::text = 'monitor' and c.relkind = 'v' and a.grantee <> c.relowner
          and (a.grantee <> 'service_role'::regrole or a.privilege_type <> 'SELECT')""",
    "a schema in which the API may make things": f"""
        select n.nspname, r.rolname from pg_namespace n, pg_roles r
        where r.rolname in {API} and n.nspname !~ '^pg_(toast_)?temp' and has_schema_privilege(r.oid, n.oid, 'create')""",
    "a table that the API may empty, point at or put triggers on": f"""
        select c.oid::regclass, r.rolname from pg_class c, pg_roles r
        where c.relnamespace::regnamespace::text in {OURS} and c.relkind in ('r', 'p', 'v') and r.rolname in {API}
          and has_table_privilege(r.oid, c.oid, 'truncate, references, trigger')""",
    "a right of the API that it may hand on": f"""
        select c.oid::regclass, a.grantee::regrole from pg_class c, aclexplode(c.relacl) a
        where c.relnamespace::regnamespace::text in {OURS} and a.grantee <> c.relowner
          and (a.is_grantable or a.grantee = 0)""",
    "a state, its moment or an attempt that users may write": """
        select a.attrelid::regclass, a.attname, r.rolname from pg_attribute a, pg_roles r
        where a.attname in ('state', 'state_substate', 'state_since', 'attempt') and r.rolname in ('anon', 'authenticated')
          and exists (select from pg_trigger t where t.tgrelid = a.attrelid)
          and has_column_privilege(r.oid, a.attrelid, a.attnum, 'insert, update')""",
    "an attempt that any role of the API may write": f"""
        select a.attrelid::regclass, r.rolname from pg_attribute a, pg_roles r
        where a.attname = 'attempt' and r.rolname in {API}
          and has_column_privilege(r.oid, a.attrelid, a.attnum, 'insert, update')""",
    "a machine's table without both guards": """
        select c.oid::regclass from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'attempt'
        where c.relkind in ('r', 'p') and (
            select count(distinct t.tgtype) from pg_trigger t join pg_proc p on p.oid = t.tgfoid
            where t.tgrelid = c.oid and t.tgenabled in ('O', 'A') and p.proname like '%guard%'
              -- after (no bit 2), for each row (bit 1) or statement, on every update or insert: no columns, no condition
              and t.tgtype in (4, 5, 16, 17) and t.tgattr = '' and t.tgqual is null
        ) <> 2""",
    "something that a superuser owns": f"""
        select c.oid::regclass::text from pg_class c join pg_roles r on r.oid = c.relowner
        where c.relnamespace::regnamespace::text in {OURS} and r.rolsuper
        union all
        select p.oid::regprocedure::text from pg_proc p join pg_roles r on r.oid = p.proowner
        where p.pronamespace::regnamespace::text in {OURS} and r.rolsuper""",
}


@pytest.mark.parametrize("rule", BROKEN)
def test_there_is_not(catalogue: psycopg.Connection[tuple[Any, ...]], rule: str) -> None:
    assert catalogue.execute(BROKEN[rule].encode()).fetchall() == []


@pytest.mark.parametrize(
    ("rule", "breach"),
    [
        ("a table without row security", "create table public.x (id int primary key)"),
        ("a view with its owner's rights", "create view public.x as select 1 as one"),
        ("a policy for everybody", "create policy x on public.org for select using (id is null)"),
        ("two policies for one command and role", "create policy x on public.org for select to authenticated using (slug = '')"),
        ("a policy's column that no index begins with", "create policy x on public.org for insert to authenticated with check (name = '')"),
        ("a policy that lets everything pass", "create policy x on public.org for insert to authenticated with check (true)"),
        (
            "a call in a policy that is made for each row",
            "create policy x on public.org for insert to authenticated with check (id = auth.uid())",
        ),
        ("a foreign key that no index covers", "drop index public.value_source_id_idx"),
        ("a function whose search path a caller sets", "alter function private.now() reset search_path"),
        ("a function for everybody", "grant execute on function private.now() to public"),
        (
            "a function with its owner's rights that the API can call",
            "alter function public.run_request_may_move security definer",
        ),
        ("an inner schema that the API may use", "grant usage on schema private to anon"),
        ("an inner schema that the API may use", "grant usage on schema monitor to authenticated"),
        ("a right on a private table", "grant select on private.run_request_run_queue_count to service_role"),
        (
            "a right on what operators look at but the server's to look",
            "grant select on monitor.machines to authenticated",
        ),
        ("a machine's table without both guards", 'drop trigger "00_run_queue_guard_insert" on public.run_queue'),
        ("a deletion that clears the tenant", """
            alter table public.value drop constraint value_run_request_id_fkey,
            add constraint x foreign key (org_id, run_request_id) references public.run_request (org_id, id)
                on delete set null"""),
        ("a key across tenants without the tenant", """
            alter table public.value add constraint x foreign key (object_id) references public.object (id)"""),
        ("a key over all tenants that users can try", "create unique index x on public.workflow (name)"),
    ],
)  # fmt: skip
def test_a_breach_is_seen(catalogue: psycopg.Connection[tuple[Any, ...]], rule: str, breach: str) -> None:
    """The rules above find what they are there to find."""
    with catalogue.transaction(force_rollback=True):
        catalogue.execute(breach.encode())
        assert catalogue.execute(BROKEN[rule].encode()).fetchall() != []
