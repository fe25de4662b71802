"""Functions that SQL calls with words instead of commas: EXTRACT, TRIM, AT TIME ZONE …

A table from the function's name to a template. ``{0}`` is an argument, ``{0:p}`` an
operand (in parentheses where pretty printing needs them), ``{0:w}`` a bare word; further
templates are for more arguments.
"""

from __future__ import annotations

import re
from typing import Any

from pgtool.functions.ruleutils.deparser import Deparser
from pgtool.functions.ruleutils.exprs import const_text, paren

__all__ = ["sql_syntax"]

#: Function name → {number of arguments: template}.
_TEMPLATES: dict[str, dict[int, str]] = {
    "timezone": {1: "({0:p} AT LOCAL)", 2: "({1:p} AT TIME ZONE {0:p})"},
    "overlaps": {4: "(({0}, {1}) OVERLAPS ({2}, {3}))"},
    "extract": {2: "EXTRACT({0:i} FROM {1})"},
    "is_normalized": {1: "({0:p} IS NORMALIZED)", 2: "({0:p} IS {1:w} NORMALIZED)"},
    "pg_collation_for": {1: "COLLATION FOR ({0})"},
    "normalize": {1: "NORMALIZE({0})", 2: "NORMALIZE({0}, {1:w})"},
    "overlay": {
        3: "OVERLAY({0} PLACING {1} FROM {2})", 4: "OVERLAY({0} PLACING {1} FROM {2} FOR {3})",
    },
    "position": {2: "POSITION(({1}) IN ({0}))"},
    "substring": {2: "SUBSTRING({0} FROM {1})", 3: "SUBSTRING({0} FROM {1} FOR {2})"},
    "btrim": {1: "TRIM(BOTH FROM {0})", 2: "TRIM(BOTH {1} FROM {0})"},
    "ltrim": {1: "TRIM(LEADING FROM {0})", 2: "TRIM(LEADING {1} FROM {0})"},
    "rtrim": {1: "TRIM(TRAILING FROM {0})", 2: "TRIM(TRAILING {1} FROM {0})"},
    "system_user": {0: "SYSTEM_USER"},
    "xmlexists": {2: "XMLEXISTS(({0}) PASSING ({1}))"},
}  # fmt: skip
#: SUBSTRING of three texts is the one with a pattern; of two texts it is a plain call.
_PATTERN = "SUBSTRING({0} SIMILAR {1} ESCAPE {2})"
_TEXT, _PG_CATALOG = 25, 11
_PLACE = re.compile(r"\{(\d)(?::(\w))?\}")


def _template(row: Any, count: int) -> str | None:
    if row.pronamespace != _PG_CATALOG:
        return None
    if row.proname == "substring" and row.proargtypes[1:2] == (_TEXT,):
        return _PATTERN if count == 3 else None
    return _TEMPLATES.get(row.proname, {}).get(count)


def sql_syntax(d: Deparser, node: Any) -> bool:
    """Write a call in SQL's own syntax; False where there is none for it."""
    template = _template(d.names.cache.proc(node.funcid), len(node.args))
    if template is None:
        return False
    at = 0
    for place in _PLACE.finditer(template):
        d.put(template[at : place.start()])
        at = place.end()
        arg = node.args[int(place[1])]
        if place[2] == "p":
            paren(d, arg, False, node)
        elif place[2]:
            word = const_text(d, arg)
            d.put(d.names.quote(word) if place[2] == "i" else word)
        else:
            d.expr(arg)
    d.put(template[at:])
    return True
