"""Virtual generated columns: references become the generation expression."""

from __future__ import annotations

from typing import Any

from pgtool.nodes.query import Query
from pgtool.nodes.text import text_to_node
from pgtool.sql.planner import trees
from pgtool.sql.planner.base import Glob

_VIRTUAL = "v"


def expand_virtual(glob: Glob, query: Query, rti: int, rte: Any) -> None:
    """Replace the virtual columns of one table everywhere in the query."""
    relation = glob.cache.database.relation(rte.relid)
    numbers = [a.attnum for a in relation.attributes if a.attgenerated == _VIRTUAL]
    if not numbers:
        return
    exprs: dict[int, Any] = {}
    for number in numbers:
        row = glob.cache.one("pg_attrdef", ("adrelid", "adnum"), (rte.relid, number))
        if row is not None:
            found = text_to_node(row.adbin, glob.cache.major)
            exprs[number] = trees.shift_varnos(found, rti - 1) if rti > 1 else found

    def give(var: Any) -> Any:
        return exprs.get(var.varattno, var)

    for name in ("targetList", "havingQual", "jointree", "limitOffset", "limitCount"):
        value = getattr(query, name)
        if value is not None:
            setattr(query, name, trees.replace_vars(value, rti, give))
    for i, other in enumerate(query.rtable):
        if i + 1 != rti:
            query.rtable[i] = trees.mutate(other, lambda child: _below(child, rti, give))


def _below(child: Any, rti: int, give: Any) -> Any:
    if isinstance(child, Query):
        return trees.mutate(child, lambda c: trees.replace_vars(c, rti, give, 1))
    return trees.replace_vars(child, rti, give)
