"""What a database holds, read back from its catalogue: each object's name with its definition as PostgreSQL prints it.

Two databases are the same if what is read of them is. Owners, object ids, the order of columns and statistics are left
out; so are partitions, which come and go with time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psycopg

_ACL = """(
    select coalesce(string_agg(who || '=' || what, ', ' order by who, what), '')
    from (
        select coalesce(r.rolname, 'public') as who, string_agg(lower(a.privilege_type), '+' order by a.privilege_type) as what
        from pg_catalog.aclexplode(coalesce({acl}, pg_catalog.acldefault({kind}, {owner}))) as a
        left join pg_catalog.pg_roles as r on r.oid = a.grantee
        where a.grantee <> {owner}
        group by 1
    ) as granted
)"""


def _acl(acl: str, kind: str, owner: str) -> str:
    return _ACL.format(acl=acl, kind=f"'{kind}'::\"char\"", owner=owner)


_QUERIES = (
    f"""select 'schema ' || n.nspname, concat_ws(' | ', {_acl("n.nspacl", "n", "n.nspowner")},
            pg_catalog.obj_description(n.oid, 'pg_namespace'))
        from pg_catalog.pg_namespace as n where n.nspname = any (%(schemas)s)""",
    """select 'type ' || n.nspname || '.' || t.typname, concat_ws(' | ',
            coalesce((select string_agg(e.enumlabel, ', ' order by e.enumsortorder) from pg_catalog.pg_enum as e
            where e.enumtypid = t.oid), t.typtype::text), pg_catalog.obj_description(t.oid, 'pg_type'))
        from pg_catalog.pg_type as t join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
        where n.nspname = any (%(schemas)s) and (
            t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and exists (
                select from pg_catalog.pg_class as c where c.oid = t.typrelid and c.relkind = 'c'
            ))
        )""",
    f"""select case c.relkind when 'v' then 'view ' when 'm' then 'materialized view ' when 'S' then 'sequence '
                when 'f' then 'foreign table ' else 'table ' end || n.nspname || '.' || c.relname,
            concat_ws(' | ', case when c.relrowsecurity then 'row security' end,
                case when c.relforcerowsecurity then 'forced' end, pg_catalog.pg_get_partkeydef(c.oid),
                array_to_string(c.reloptions, ', '),
                case when c.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(c.oid) end,
                (select format('%%s %%s %%s %%s %%s %%s', s.seqincrement, s.seqstart, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
                    from pg_catalog.pg_sequence as s where s.seqrelid = c.oid),
                case when c.relkind = 'S' then {_acl("c.relacl", "S", "c.relowner")}
                    else {_acl("c.relacl", "r", "c.relowner")} end,
                pg_catalog.obj_description(c.oid, 'pg_class'))
        from here as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')""",
    """select 'column ' || n.nspname || '.' || c.relname || '.' || a.attname, concat_ws(' | ',
            pg_catalog.format_type(a.atttypid, a.atttypmod),
            case when a.attcollation <> t.typcollation then 'collate ' || a.attcollation::regcollation::text end,
            case when a.attnotnull then 'not null' end, nullif(a.attidentity, ''), nullif(a.attgenerated, ''),
            pg_catalog.pg_get_expr(d.adbin, d.adrelid),
            (select string_agg(granted, ', ' order by granted) from (
                select coalesce(r.rolname, 'public') || '=' || lower(x.privilege_type) as granted
                from pg_catalog.aclexplode(a.attacl) as x left join pg_catalog.pg_roles as r on r.oid = x.grantee
                where x.grantee <> c.relowner) as g),
            pg_catalog.col_description(c.oid, a.attnum))
        from here as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        join pg_catalog.pg_type as t on t.oid = a.atttypid
        left join pg_catalog.pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relkind in ('r', 'p')""",
    """select 'constraint ' || o.conname || ' on ' || n.nspname || '.' || c.relname,
            concat_ws(' | ', pg_catalog.pg_get_constraintdef(o.oid), case when not o.convalidated then 'not valid' end)
        from here as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        join pg_catalog.pg_constraint as o on o.conrelid = c.oid
        where o.contype <> 'n' and o.conparentid = 0""",
    """select 'index ' || n.nspname || '.' || x.relname, concat_ws(' | ', pg_catalog.pg_get_indexdef(i.indexrelid),
            case when not i.indisvalid then 'invalid' end)
        from here as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        join pg_catalog.pg_index as i on i.indrelid = c.oid join pg_catalog.pg_class as x on x.oid = i.indexrelid""",
    f"""select 'function ' || n.nspname || '.' || p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')',
            concat_ws(' | ', case when p.prokind in ('f', 'p') then pg_catalog.pg_get_functiondef(p.oid) else p.prokind::text end,
                {_acl("p.proacl", "f", "p.proowner")}, pg_catalog.obj_description(p.oid, 'pg_proc'))
        from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        where n.nspname = any (%(schemas)s) and not exists (
            select from pg_catalog.pg_depend as d
            where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')""",
    """select 'trigger ' || t.tgname || ' on ' || n.nspname || '.' || c.relname,
            concat_ws(' | ', pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled)
        from here as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        join pg_catalog.pg_trigger as t on t.tgrelid = c.oid where not t.tgisinternal""",
    """select 'policy ' || p.polname || ' on ' || n.nspname || '.' || c.relname, concat_ws(' | ', p.polcmd,
            case when p.polpermissive then 'permissive' else 'restrictive' end,
            (select string_agg(coalesce(r.rolname, 'public'), ', ' order by r.rolname)
                from unnest(p.polroles) as role left join pg_catalog.pg_roles as r on r.oid = role),
            pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
        from here as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        join pg_catalog.pg_policy as p on p.polrelid = c.oid""",
    """select 'publication ' || p.pubname || ' of ' || n.nspname || '.' || c.relname,
            pg_catalog.pg_get_expr(o.prqual, o.prrelid)
        from here as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        join pg_catalog.pg_publication_rel as o on o.prrelid = c.oid
        join pg_catalog.pg_publication as p on p.oid = o.prpubid""",
)
_HERE = """with here as (
    select c.* from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = any (%(schemas)s) and not c.relispartition and not exists (
        select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
)
"""
"""What an extension brought is its own affair."""


def read_catalogue(
    connection: psycopg.Connection[tuple[object, ...]], schemas: Iterable[str]
) -> Mapping[str, str]:
    """Return the definition of each object in some schemas, by its kind and name: `column public.shop.name`."""
    # Names are printed with their schemas when none is on the path.
    connection.execute("select pg_catalog.set_config('search_path', '', true)")
    query = _HERE + "\nunion all\n".join(_QUERIES)
    rows = connection.execute(query.encode(), {"schemas": list(schemas)}).fetchall()
    return {str(name): str(text or "") for name, text in rows}
