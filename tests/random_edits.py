"""Random edits of a random project, as people make them between two releases, with what the specs then have to say.

An edit changes documents in place, or does not fit and says so. What becomes of the project is the compiler's to judge:
an edit that leads to findings is no edit.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

from projects_random import RandomProject
from random_columns import ABOUTS, quoted, random_column
from random_machines import STATES
from random_tables import WORDS, Document

Documents = list[Document]
Edit = Callable[[Documents, Random], bool]
WIDER = {
    "int": "bigint", "integer": "bigint", "smallint": "integer", "varchar": "text", "bigint": "numeric", "real": "double precision",
    "date": "text", "json": "jsonb", "uuid": "text", "boolean": "text", "text": "varchar", "jsonb": "json", "inet": "text",
}  # fmt: skip
"""Types that every value of another type has a text for."""


def edited(seed: int, edits: list[tuple[str, int]], folder: Any, judge: Callable[[Any], bool]) -> list[str]:
    """Write the project of a seed after the edits that `judge` takes, told by a folder; return these by name."""
    project = RandomProject(seed)
    documents, taken = deepcopy(project.documents), []
    for at, (name, number) in enumerate(edits):
        tried = deepcopy(documents)
        if not EDITS[name](tried, Random(number)):
            continue
        place = folder / f"{at}"
        project.files["specs/all.yaml"] = as_yaml(tried)
        project.write(place)
        if judge(place):
            documents = tried
            taken.append(name)
    project.files["specs/all.yaml"] = as_yaml(documents)
    project.write(folder / "edited")
    return taken


def as_yaml(documents: Documents) -> str:
    return "---\n".join(
        "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in one.items())
        for one in documents
    )


def _of(documents: Documents, kind: str) -> Documents:
    return [one for one in documents if kind in one]


def _table(documents: Documents, random: Random) -> Document:
    return random.choice(_of(documents, "table"))


def _column(documents: Documents, random: Random) -> tuple[Document, str] | None:
    table = _table(documents, random)
    names = list(table["columns"])
    return (table, random.choice(names)) if names else None


def _without(value: Any, name: str) -> Any:
    """Return a part of a document without a column in its lists of columns."""
    if isinstance(value, list):
        kept = [_without(one, name) for one in value if one != name]
        return [one for one in kept if one not in ([], {"columns": []})]
    if isinstance(value, dict):
        return {key: _without(one, name) for key, one in value.items()}
    return value


def _called(value: Any, was: str, now: str) -> Any:
    """Return a part of a document with another name for a column or a state, where it is one by the look of it."""
    if isinstance(value, list):
        return [_called(one, was, now) for one in value]
    if isinstance(value, dict):
        return {now if key == was else key: _called(one, was, now) for key, one in value.items()}
    if not isinstance(value, str):
        return value
    head, bracket, rest = value.partition(" (")
    if bracket and head in ("select", "insert", "update"):
        names = [now if one == was else one for one in rest.rstrip(")").split(", ")]
        return f"{head} ({', '.join(names)})"
    return now if value == was else value.replace(quoted(was), quoted(now)).replace(f"'{was}'", f"'{now}'")


def _in_sql(value: Any, was: str, now: str) -> Any:
    """Return a part of a document with another word in the literals of its SQL."""
    if isinstance(value, list):
        return [_in_sql(one, was, now) for one in value]
    if isinstance(value, dict):
        return {key: _in_sql(one, was, now) for key, one in value.items()}
    return value.replace(f"'{was}'", f"'{now}'") if isinstance(value, str) else value


def column_added(documents: Documents, random: Random) -> bool:
    table, name = _table(documents, random), random.choice(WORDS)
    if name in table["columns"] or "holds" in table:
        return False
    spec = random_column(random, name)
    words = spec["sql"].lower().split()
    if "null" not in words and "default" not in words:
        if "example" not in spec or random.random() < 0.3:
            spec["sql"] = f"{spec['sql'].replace('not null', '')} null"
        else:
            spec["using"] = spec["example"]
    table["columns"][name] = spec
    return True


def column_given_up(documents: Documents, random: Random) -> bool:
    found = _column(documents, random)
    if found is None:
        return False
    table, name = found
    del table["columns"][name]
    for key in ("unique", "indexes"):
        if key in table:
            table[key] = _without(table[key], name)
    is_kept = random.random() < 0.4
    table.setdefault("removed", {})[name] = {"reason": "Unread.", "keep": True} if is_kept else "Unread."
    return True


def column_renamed(documents: Documents, random: Random) -> bool:
    found, now = _column(documents, random), random.choice(WORDS)
    if found is None or now in found[0]["columns"] or "holds" in found[0]:
        return False
    table, was = found
    if "renamed_from" in table["columns"][was]:
        return False
    about = table.pop("about")
    changed = _called(table, was, now)
    table |= changed | {"about": about}
    table["columns"][now]["renamed_from"] = was
    for one in _of(documents, "access"):
        if table["table"] in one.get("tables", ()):
            one["allow"] = {role: _called(rules, was, now) for role, rules in one["allow"].items()}
    return True


def column_retyped(documents: Documents, random: Random) -> bool:
    found = _column(documents, random)
    if found is None:
        return False
    spec = found[0]["columns"][found[1]]
    word, _, rest = spec["sql"].partition(" ")
    if word.lower() not in WIDER or "references" in rest or "identity" in rest:
        return False
    spec["sql"] = f"{WIDER[word.lower()]} {rest}".strip()
    return True


def nulls_allowed_or_not(documents: Documents, random: Random) -> bool:
    found = _column(documents, random)
    if found is None:
        return False
    spec = found[0]["columns"][found[1]]
    words = spec["sql"].split(" ")
    if "null" in words and "not" not in words:
        words.remove("null")
    elif "not" not in words and "generated" not in words:
        words.insert(1, "null")
    spec["sql"] = " ".join(words)
    return True


def column_anew(documents: Documents, random: Random) -> bool:
    """Another default, check or key, and another expression of a computed column."""
    found = _column(documents, random)
    if found is None:
        return False
    spec = found[0]["columns"][found[1]]
    form = random.choice(("default", "check", "unique", "generated"))
    if form == "generated" and "stored" in spec["sql"]:
        spec["sql"] = spec["sql"].replace(" is not null)", " is null)").replace("'')", "'-')")
    elif form in spec["sql"]:
        spec["sql"] = spec["sql"].replace(" unique", "").partition(f" {form} ")[0]
    elif form == "check":
        spec["sql"] += f" check ({quoted(found[1])} is not null or 1 = 1)"
    elif form == "unique":
        spec["sql"] += " unique"
    elif form == "default" and spec["sql"].lower().startswith("text"):
        spec["sql"] += " default 'other'"
    return True


def index_changed(documents: Documents, random: Random) -> bool:
    found = _column(documents, random)
    if found is None:
        return False
    table, name = found
    if table.get("indexes") and random.random() < 0.4:
        del table["indexes"]
    else:
        where = {"where": f"{quoted(name)} is not null"} if random.random() < 0.5 else {}
        table.setdefault("indexes", []).append({"columns": [name], **where})
    return True


def check_changed(documents: Documents, random: Random) -> bool:
    found = _column(documents, random)
    if found is None:
        return False
    table, name = found
    checks = table.setdefault("checks", {})
    if checks and random.random() < 0.5:
        del checks[random.choice(list(checks))]
    else:
        checks["later"] = f"{quoted(name)} is not null or 2 > 1"
    if not checks:
        del table["checks"]
    return True


def reference_changed(documents: Documents, random: Random) -> bool:
    """A reference more, another target, or another action."""
    table, target, name = _table(documents, random), _table(documents, random), random.choice(WORDS)
    old = [
        key for key, one in table["columns"].items() if " references " in one["sql"] and "null" in one["sql"]
    ]
    if "holds" in table:
        return False
    if old and random.random() < 0.6:
        name = random.choice(old)
        spec = table["columns"][name]
        form = random.choice(
            ("on delete cascade", "on delete set null", "deferrable initially deferred", "target")
        )
        if form == "target":
            spec["sql"] = f"uuid null references {target['table']}"
        elif "on delete" not in spec["sql"] and "deferrable" not in spec["sql"]:
            spec["sql"] += f" {form}"
        return True
    if name in table["columns"]:
        return False
    table["columns"][name] = {"sql": f"uuid null references {target['table']}"}
    return True


def table_added(documents: Documents, random: Random) -> bool:
    roots = [one["table"] for one in _of(documents, "table") if one.get("tenant") == one["table"]]
    name = f"later_{random.randrange(9)}"
    if any(one["table"] == name for one in _of(documents, "table")):
        return False
    owner = {"tenant": random.choice(roots)} if roots and random.random() < 0.7 else {"shared": True}
    columns = {word: random_column(random, word) for word in random.sample(WORDS, 2)}
    documents.append({"table": name, "about": random.choice(ABOUTS), **owner, "columns": columns})
    documents.append({"access": f"of_{name}", "tables": [name], "allow": {}})
    return True


def table_given_up(documents: Documents, random: Random) -> bool:
    name = _table(documents, random)["table"]
    documents[:] = [one for one in documents if one.get("table") != name]
    for one in _of(documents, "access"):
        if name in one.get("tables", ()):
            one["tables"].remove(name)
    documents[:] = [one for one in documents if "access" not in one or one.get("tables") != []]
    documents[:] = [one for one in documents if one.get("machine") != name and one.get("rows_of") != name]
    kept = {"reason": "Unread.", "keep": True} if random.random() < 0.3 else "Unread."
    documents.append({"removals": f"of_{name.replace('.', '_')}", "tables": {name: kept}})
    return True


def table_renamed(documents: Documents, random: Random) -> bool:
    table, now = _table(documents, random), f"other_{random.randrange(9)}"
    was = table["table"]
    if "renamed_from" in table or "." in was or any(one["table"] == now for one in _of(documents, "table")):
        return False
    for one in documents:
        for key in ("tables", "tenant", "rows_of", "table"):
            if one.get(key) == was:
                one[key] = now
        if was in one.get("tables", ()) and isinstance(one["tables"], list):
            one["tables"] = [now if name == was else name for name in one["tables"]]
        for role in one.get("roles", {}).values():
            if role.get("through") == was:
                role["through"] = now
        for spec in one.get("columns", {}).values():
            spec["sql"] = f"{spec['sql']} ".replace(f" references {was} ", f" references {now} ").strip()
        if one.get("machine") == was and "rows_of" not in one:
            one["rows_of"] = now
    table["renamed_from"] = was
    return True


def _life(documents: Documents, random: Random) -> Document | None:
    lives = _of(documents, "lifecycle")
    return random.choice(lives) if lives else None


def _machines(documents: Documents, life: Document) -> Documents:
    return [one for one in _of(documents, "machine") if one["follows"] == life["lifecycle"]]


def state_added(documents: Documents, random: Random) -> bool:
    life = _life(documents, random)
    if life is None:
        return False
    states, moves = life["states"], life["transitions"]
    new = random.choice([one for one in STATES if one not in states])
    source = random.choice([one for one in moves if moves[one]] or [""])
    if not source:
        return False
    names = list(states)
    names.insert(random.randint(0, len(names)), new)
    life["states"] = {name: states.get(name, {}) for name in names}
    moves[new] = [moves[source][0]]
    moves[source].append(new)
    for one in _machines(documents, life):
        one["undriven"] |= {new: "By hand.", source: "By hand."}
    return True


def state_renamed(documents: Documents, random: Random) -> bool:
    life = _life(documents, random)
    if life is None:
        return False
    was = random.choice(list(life["states"]))
    now = random.choice([one for one in STATES if one not in life["states"]])
    if "renamed_from" in life["states"][was]:
        return False
    for one in (*_of(documents, "table"), *_of(documents, "access")):
        one |= _in_sql(one, was, now)
    for one in (life, *_machines(documents, life)):
        for key in one.keys() - {"lifecycle", "machine", "follows", "rows_of"}:
            one[key] = _called(one[key], was, now)
    life["states"][now]["renamed_from"] = was
    return True


def state_retired(documents: Documents, random: Random) -> bool:
    life = _life(documents, random)
    if life is None:
        return False
    inner = [name for name, one in life["states"].items() if not one.get("is")]
    if not inner:
        return False
    gone = random.choice(inner)
    del life["states"][gone]
    targets = life["transitions"].pop(gone, [])
    life["transitions"] = {
        one: [to for to in moves if to != gone] for one, moves in life["transitions"].items()
    }
    life.setdefault("retired", {})[gone] = random.choice(targets or list(life["states"]))
    if gone in life.get("recovery", {}):
        del life["recovery"][gone]
    for one in _machines(documents, life):
        one["undriven"].pop(gone, None)
        if "timeouts" in one:
            one["timeouts"] = {at: to for at, to in one["timeouts"].items() if at.partition("/")[0] != gone}
            one["timeouts"] = {at: to for at, to in one["timeouts"].items() if to["to"] != gone} or {}
            if not one["timeouts"]:
                del one["timeouts"]
    return True


def states_moved(documents: Documents, random: Random) -> bool:
    life = _life(documents, random)
    if life is None:
        return False
    names = random.sample(list(life["states"]), len(life["states"]))
    life["states"] = {name: life["states"][name] for name in names}
    return True


def move_changed(documents: Documents, random: Random) -> bool:
    life = _life(documents, random)
    if life is None:
        return False
    source = random.choice(list(life["transitions"]))
    targets = life["transitions"][source]
    others = [one for one in life["states"] if one not in (source, *targets)]
    if targets and random.random() < 0.5:
        targets.remove(random.choice(targets))
    elif others:
        targets.append(random.choice(others))
        for one in _machines(documents, life):
            one["undriven"][source] = "By hand."
    return True


def machine_changed(documents: Documents, random: Random) -> bool:
    machines = _of(documents, "machine")
    if not machines:
        return False
    machine = random.choice(machines)
    what = random.choice(("history", "writes", "attempts", "timeouts"))
    if what in ("attempts", "timeouts") and machine.get(what):
        machine.pop(what)
    elif what != "timeouts":
        machine[what] = {"history": "90 days", "writes": "bulk", "attempts": 5}[what]
    return True


def machine_given_up(documents: Documents, random: Random) -> bool:
    machines = _of(documents, "machine")
    if not machines:
        return False
    name = random.choice(machines)["machine"]
    documents[:] = [one for one in documents if one.get("machine") != name]
    used = {one["follows"] for one in _of(documents, "machine")}
    documents[:] = [one for one in documents if "lifecycle" not in one or one["lifecycle"] in used]
    documents.append({"removals": f"machine_{name}"[:63], "machines": {name: "Unused."}})
    return True


def machine_added(documents: Documents, random: Random) -> bool:
    table = _table(documents, random)
    name = f"life_of_{random.randrange(99)}"
    bound = {one.get("rows_of", one["machine"]) for one in _of(documents, "machine")}
    if table["table"] in bound or "holds" in table:
        return False
    documents.append({
        "lifecycle": name, "states": {"begun": {"is": "initial"}, "over": {"is": "terminal"}},
        "transitions": {"begun": ["over"]},
    })  # fmt: skip
    documents.append(
        {"machine": name, "follows": name, "rows_of": table["table"], "undriven": {"begun": "By hand."}}
    )
    return True


def tables_grow(documents: Documents, random: Random) -> bool:
    """Let tables be changed online from now on."""
    for one in _of(documents, "table"):
        if random.random() < 0.7 and "holds" not in one:
            one["large"] = True
    return True


def access_changed(documents: Documents, random: Random) -> bool:
    rules = [one for one in _of(documents, "access") if one.get("allow")]
    if not rules:
        return False
    allow = random.choice(rules)["allow"]
    role = random.choice(list(allow))
    command = random.choice(("select", "insert", "update", "delete"))
    rest = [one for one in allow[role] if not one.startswith(command)]
    allow[role] = rest if len(rest) < len(allow[role]) and random.random() < 0.7 else [*rest, command]
    return True


def about_changed(documents: Documents, random: Random) -> bool:
    random.choice(_of(documents, "table"))["about"] = random.choice(ABOUTS)
    return True


def reference_rows_changed(documents: Documents, random: Random) -> bool:
    types = _of(documents, "object_type")
    if not types:
        return False
    one = random.choice(types)
    what = random.choice(("label", "more", "less", "type"))
    if what == "label":
        one["label"] = random.choice(ABOUTS)
    elif what == "more":
        one["datapoints"]["later"] = {
            "label": "Later", "factor_type": "option", "value_type": "option", "options": ["a"],
        }  # fmt: skip
    elif what == "less" and len(one["datapoints"]) > 1:
        one["datapoints"].pop(random.choice(list(one["datapoints"])))
    else:
        documents.append(deepcopy(one) | {"object_type": f"thing_{random.randrange(10, 99)}"})
    return True


EDITS: dict[str, Edit] = {
    one.__name__: one
    for one in (
        column_added, column_given_up, column_renamed, column_retyped, nulls_allowed_or_not, column_anew, index_changed,
        check_changed, reference_changed, table_added, table_given_up, table_renamed, state_added, state_renamed,
        state_retired, states_moved, move_changed, machine_changed, machine_given_up, machine_added, tables_grow, access_changed,
        about_changed, reference_rows_changed,
    )
}  # fmt: skip
