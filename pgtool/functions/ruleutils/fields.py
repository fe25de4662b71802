"""The name of a field of a row-valued expression.

For a composite type the catalogs say it; for an anonymous record one must find where the
row was made: in a subquery, a CTE, a join or a function's column definitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pgtool.errors import SqlError
from pgtool.functions.nodetypes import expr_type
from pgtool.functions.ruleutils.columns import Namespace
from pgtool.nodes.enums import RTEKind
from pgtool.nodes.exprs import FuncExpr, RowExpr, Var

if TYPE_CHECKING:
    from pgtool.functions.ruleutils.deparser import Deparser

__all__ = ["field_name"]

RECORDOID = 2249
_OUT_MODES = "obt"


def field_name(d: Deparser, node: Any, number: int) -> str:
    """The name of field ``number`` of a row."""
    return _find(d, d.namespaces, node, number, 0)


def _find(d: Deparser, spaces: list[Namespace], node: Any, number: int, up: int) -> str:
    if isinstance(node, RowExpr) and 0 < number <= len(node.colnames):
        return str(node.colnames[number - 1].sval)
    if not isinstance(node, Var) or node.vartype != RECORDOID or not spaces:
        return _of_type(d, node, number)
    level = node.varlevelsup + up
    space = spaces[level]
    varno, attnum = (
        (node.varnosyn, node.varattnosyn) if node.varnosyn > 0 else (node.varno, node.varattno)
    )
    rte = space.rtable[varno - 1]
    if attnum == 0:
        return str(space.columns[varno - 1].names[number - 1])
    if rte.rtekind == RTEKind.RTE_JOIN:
        return _find(d, spaces, rte.joinaliasvars[attnum - 1], number, level)
    if rte.rtekind == RTEKind.RTE_SUBQUERY:
        return _inside(d, spaces[level:], rte.subquery, attnum, number)
    if rte.rtekind == RTEKind.RTE_CTE:
        outer = spaces[level + rte.ctelevelsup :]
        for cte in outer[0].ctes if outer else ():
            if cte.ctename == rte.ctename:
                return _inside(d, outer, cte.ctequery, attnum, number)
    return _of_type(d, node, number)


def _inside(d: Deparser, outer: list[Namespace], query: Any, attnum: int, number: int) -> str:
    entry = next(e for e in query.targetList if e.resno == attnum)
    return _find(d, [Namespace(d.names, query, outer), *outer], entry.expr, number, 0)


def _of_type(d: Deparser, node: Any, number: int) -> str:
    typid = expr_type(node)
    info = d.names.session.types.info(typid)
    while info.typtype == "d":
        typid = info.typbasetype
        info = d.names.session.types.info(typid)
    attributes = d.names.session.types.lookups.attributes(typid, -1)
    if attributes is not None and 0 < number <= len(attributes):
        return attributes[number - 1].attname
    if isinstance(node, FuncExpr):
        row = d.names.cache.proc(node.funcid)
        modes = row.proargmodes or ()
        names = [n for n, mode in zip(row.proargnames or (), modes) if mode in _OUT_MODES]
        if 0 < number <= len(names):
            return str(names[number - 1]) or f"column{number}"
    raise SqlError("record type has not been registered", "42809")
