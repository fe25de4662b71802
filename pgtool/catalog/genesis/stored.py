"""What initdb stores as analyzed queries: rules of the system views, bodies and defaults.

``trees.bin`` holds the node trees that analysis made of ``views.sql``, ``functions.sql`` and
``function_defaults.txt`` (see ``tests/make_initdb_trees.py``): a server reads such a tree as
it would read one of its own.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from pgtool.catalog.genesis.declared import View, read_bytes, views
from pgtool.catalog.genesis.rows import Rows

#: ev_type of rules on SELECT and on UPDATE.
ON_SELECT, ON_UPDATE = ord("1"), ord("2")
RETURN = "_RETURN"


def read_trees() -> dict[str, Any]:
    """The file's contents by section."""
    found: dict[str, Any] = json.loads(zlib.decompress(read_bytes("trees.bin")))
    return found


def add_views(rows: Rows, trees: dict[str, Any]) -> None:
    """All system views with their rules and what these depend on."""
    for view in views():
        tree = trees["views"][view.name]
        rows.describe_view(view)
        rows.depend(("pg_type", view.rowtype, 0), ("pg_class", view.oid, 0), "i")
        rows.depend(("pg_type", view.array, 0), ("pg_type", view.rowtype, 0), "i")
        _rule(rows, view, view.rule, {"name": RETURN, "instead": True, "qual": "<>", **tree})
    owner = next(view for view in views() if view.name == "pg_settings")
    for rule in trees["settings"]:
        _rule(rows, owner, rows.oid(), rule)


def _rule(rows: Rows, view: View, oid: int, rule: dict[str, Any]) -> None:
    reading = rule["name"] == RETURN
    rows.add(
        "pg_rewrite", oid=oid, rulename=rule["name"].encode(), ev_class=view.oid,
        ev_type=ON_SELECT if reading else ON_UPDATE, ev_enabled=ord("O"),
        is_instead=rule["instead"], ev_qual=rule["qual"].encode(),
        ev_action=rule["action"].encode(),
    )  # fmt: skip
    rows.depend(("pg_rewrite", oid, 0), ("pg_class", view.oid, 0), "i" if reading else "a")
    for other, column in rule["needs"]:
        rows.depend(("pg_rewrite", oid, 0), ("pg_class", other, column), "n")


def complete_functions(rows: Rows, trees: dict[str, Any]) -> None:
    """Bodies of the functions in SQL, and default values of arguments."""
    names = ("oid", "prosrc", "prosqlbody", "pronargdefaults", "proargdefaults")
    oid, source, body, count, defaults = (rows.place("pg_proc", name) for name in names)
    for row in rows.of["pg_proc"]:
        key = str(row[oid])
        row[count] = 0
        made = trees["bodies"].get(key)
        if made is not None:
            row[source] = made.get("source", "").encode()
            row[body] = made["body"].encode() if "body" in made else None
        given = trees["defaults"].get(key)
        if given is not None:
            row[count], row[defaults] = given["count"], given["defaults"].encode()
