"""Expressions and query trees: equality keys, variables, substitution, properties.

Everything that treats subqueries counts levels: a ``Var`` belongs to the query in which
``varlevelsup`` equals the number of Query nodes between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.nodes.base import Node, mutate, walk
from pgtool.nodes.enums import BoolExprType, SubLinkType
from pgtool.nodes.exprs import (
    Aggref,
    BoolExpr,
    Const,
    GroupingFunc,
    Param,
    SubLink,
    SubPlan,
    Var,
    WindowFunc,
)
from pgtool.nodes.query import Query, RangeTblRef

Change = Callable[[Any, int], Any]

_SKIP = {"Location", "CoercionForm"}


def key(node: Any) -> Any:
    """A hashable that is equal for equal expressions (locations and nulling do not count)."""
    if isinstance(node, Var):
        return ("v", node.varno, node.varattno, node.varlevelsup, int(node.varreturningtype))
    if isinstance(node, Param):
        return ("p", node.paramkind, node.paramid)
    if isinstance(node, list):
        return tuple(key(item) for item in node)
    if not isinstance(node, Node):
        return node
    cached = node.__dict__.get("_key")
    if cached is not None:
        return cached
    ignore = node.EQUAL_IGNORE
    made = (
        type(node).__name__,
        *(key(getattr(node, name)) for name, kind in node.FIELDS.items()
          if kind not in _SKIP and name not in ignore),
    )  # fmt: skip
    return made


def same(a: Any, b: Any) -> bool:
    """Whether two expressions are equal."""
    return a is b or key(a) == key(b)


def transform(node: Any, fn: Change, depth: int = 0) -> Any:
    """Replace nodes: ``fn(node, depth)`` gives a replacement or None to look inside."""

    def change(inner: Any) -> Any:
        made = fn(inner, depth)
        if made is not None:
            return made
        if isinstance(inner, Query):
            return mutate(inner, lambda child: _deeper(child, fn, depth + 1))
        return mutate(inner, change)

    if isinstance(node, list):
        return type(node)(change(item) if isinstance(item, Node) else
                          transform(item, fn, depth) if isinstance(item, list) else item
                          for item in node)  # fmt: skip
    return change(node) if isinstance(node, Node) else node


def _deeper(node: Any, fn: Change, depth: int) -> Any:
    return transform(node, fn, depth)


def inside(query: Query, fn: Change) -> Query:
    """Transform what a query holds, counting the query itself as depth 0."""
    return mutate(query, lambda child: transform(child, fn, 0))


def deep_copy(node: Any) -> Any:
    """A copy that shares no node."""
    if isinstance(node, list):
        return type(node)(deep_copy(item) for item in node)
    if not isinstance(node, Node):
        return node
    new = object.__new__(type(node))
    for name, value in node.__dict__.items():
        new.__dict__[name] = deep_copy(value) if isinstance(value, (list, Node)) else value
    return new


def visit(node: Any, fn: Callable[[Any, int], bool | None], depth: int = 0) -> None:
    """Call ``fn(node, depth)`` on every node; True stops the descent there."""
    if isinstance(node, list):
        for item in node:
            visit(item, fn, depth)
    elif isinstance(node, Node) and not fn(node, depth):
        below = depth + 1 if isinstance(node, Query) else depth
        for child in node.children():
            visit(child, fn, below)


def varnos(node: Any, level: int = 0) -> frozenset[int]:
    """Range table indexes of the Vars of this level."""
    found: set[int] = set()

    def look(inner: Any, depth: int) -> None:
        if isinstance(inner, Var):
            if inner.varlevelsup == depth + level:
                found.add(inner.varno)
        elif isinstance(inner, Query):
            return

    visit(node, look)
    return frozenset(found)


def vars_of(node: Any) -> list[Var]:
    """The distinct Vars of this level, in order of appearance."""
    out: dict[Any, Var] = {}

    def look(inner: Any, depth: int) -> None:
        if isinstance(inner, Var) and inner.varlevelsup == depth:
            out.setdefault((inner.varno, inner.varattno), inner)

    visit(node, look)
    return list(out.values())


def upper_vars(node: Any, level: int = 1) -> bool:
    """Whether something inside refers to the query ``level`` or more levels out."""
    hit = False

    def look(inner: Any, depth: int) -> bool:
        nonlocal hit
        if isinstance(inner, Var):
            hit = hit or inner.varlevelsup >= depth + level
        elif isinstance(inner, (Aggref, GroupingFunc)):
            hit = hit or inner.agglevelsup >= depth + level
        elif type(inner).__name__ == "RangeTblEntry" and inner.ctename and inner.rtekind == 6:
            hit = hit or inner.ctelevelsup >= depth + level
        return hit

    visit(node, look)
    return hit


def query_upper_vars(query: Query, level: int = 1) -> bool:
    """The same for what a query holds, levels counted from inside the query."""
    return any(upper_vars(child, level) for child in query.children())


def shift_levels(node: Any, delta: int, least: int = 0) -> Any:
    """Add to the levels of Vars and kin that point at least ``least`` levels out."""
    if not delta:
        return node

    def change(inner: Any, depth: int) -> Any:
        low = depth + least
        if isinstance(inner, Var):
            if inner.varlevelsup >= low:
                return inner.copy(varlevelsup=inner.varlevelsup + delta)
            return inner
        if isinstance(inner, (Aggref, GroupingFunc)) and inner.agglevelsup >= low:
            made = mutate(inner, lambda child: transform(child, change, depth))
            return made.copy(agglevelsup=inner.agglevelsup + delta)
        if type(inner).__name__ == "RangeTblEntry" and inner.rtekind == 6:
            if inner.ctelevelsup >= low:
                return inner.copy(ctelevelsup=inner.ctelevelsup + delta)
            return inner
        return None

    return transform(node, change)


def shift_varnos(node: Any, offset: int) -> Any:
    """Add to the range table indexes of this level (Vars, RangeTblRefs, JoinExprs)."""

    def change(inner: Any, depth: int) -> Any:
        if isinstance(inner, Var):
            if inner.varlevelsup == depth:
                syn = inner.varnosyn + offset if inner.varnosyn else 0
                return inner.copy(varno=inner.varno + offset, varnosyn=syn)
            return inner
        if depth == 0:
            if isinstance(inner, RangeTblRef):
                return RangeTblRef(rtindex=inner.rtindex + offset)
            if type(inner).__name__ == "JoinExpr" and inner.rtindex:
                made = mutate(inner, lambda child: transform(child, change, depth))
                return made.copy(rtindex=inner.rtindex + offset)
        return None

    return transform(node, change)


def replace_vars(node: Any, varno: int, give: Callable[[Var], Any], level: int = 0) -> Any:
    """Replace the Vars of one range table entry; replacements move down with the depth."""

    def change(inner: Any, depth: int) -> Any:
        if not isinstance(inner, Var):
            return None
        if inner.varlevelsup != depth + level or inner.varno != varno:
            return inner
        return shift_levels(give(inner), depth + level)

    return transform(node, change)


# -- boolean structure ----


def conjuncts(node: Any) -> list[Any]:
    """An expression as a list of AND-ed clauses."""
    if node is None:
        return []
    if isinstance(node, list):
        return [part for item in node for part in conjuncts(item)]
    if isinstance(node, BoolExpr) and node.boolop == BoolExprType.AND_EXPR:
        return [part for item in node.args for part in conjuncts(item)]
    if is_true(node):
        return []
    return [node]


def and_of(clauses: list[Any]) -> Any:
    """The reverse: None, the only clause, or an AND."""
    if not clauses:
        return None
    if len(clauses) == 1:
        return clauses[0]
    return BoolExpr(boolop=BoolExprType.AND_EXPR, args=list(clauses))


def is_true(node: Any) -> bool:
    """Whether a node is the constant true."""
    return isinstance(node, Const) and node.consttype == t.BOOLOID and not node.constisnull \
        and bool(node.constvalue and node.constvalue[0])  # fmt: skip


def is_false(node: Any) -> bool:
    """Whether a node is the constant false or NULL of type boolean."""
    return isinstance(node, Const) and node.consttype == t.BOOLOID and (
        node.constisnull or not node.constvalue or not node.constvalue[0])  # fmt: skip


def bool_const(value: bool | None) -> Const:
    """A boolean constant."""
    datum = None if value is None else bytes([value]) + bytes(7)
    return Const(consttype=t.BOOLOID, consttypmod=-1, constlen=1, constvalue=datum,
                 constisnull=value is None, constbyval=True)  # fmt: skip


def strip_relabel(node: Any) -> Any:
    """Without binary-compatible relabelling on top."""
    while type(node).__name__ == "RelabelType":
        node = node.arg
    return node


# -- properties ----


def function_oids(node: Any, cache: Any) -> Iterable[int]:
    """OIDs of the functions that evaluating a node itself calls."""
    name = type(node).__name__
    if name == "FuncExpr":
        return (node.funcid,)
    if name in ("OpExpr", "DistinctExpr", "NullIfExpr", "ScalarArrayOpExpr"):
        return (node.opfuncid or op_function(cache, node.opno),)
    if name == "Aggref":
        return (node.aggfnoid,)
    if name == "WindowFunc":
        return (node.winfnoid,)
    if name == "RowCompareExpr":
        return [op_function(cache, opno) for opno in node.opnos]
    return ()


def op_function(cache: Any, opno: int) -> int:
    """The function under an operator."""
    row = cache.operator(opno)
    return int(row.oprcode) if row else 0


_NEXTVAL = 1574  # its OID


def volatility(node: Any, cache: Any, *, nextval: str = "v") -> str:
    """'i', 's' or 'v': the worst of all functions called; ``nextval`` is that one's."""
    worst = "i"
    for inner in walk(node):
        name = type(inner).__name__
        if name in ("SQLValueFunction", "CoerceViaIO"):
            worst = max(worst, "s")
        elif name == "NextValueExpr":
            worst = max(worst, nextval)
        for oid in function_oids(inner, cache):
            if oid == _NEXTVAL:
                worst = max(worst, nextval)
                continue
            proc = cache.proc(oid)
            if proc is not None and "isv".index(proc.provolatile) > "isv".index(worst):
                worst = proc.provolatile
        if worst == "v":
            return worst
    return worst


def contains(node: Any, *kinds: type) -> bool:
    """Whether a node of a kind occurs, not looking into subqueries' queries."""
    hit = False

    def look(inner: Any, _depth: int) -> bool:
        nonlocal hit
        if isinstance(inner, Query):
            return True
        hit = hit or isinstance(inner, kinds)
        return hit

    visit(node, look)
    return hit


def has_aggregate(node: Any) -> bool:
    """Whether an aggregate of this level occurs."""
    hit = False

    def look(inner: Any, depth: int) -> bool:
        nonlocal hit
        if isinstance(inner, (Aggref, GroupingFunc)) and inner.agglevelsup == depth:
            hit = True
        return hit

    visit(node, look)
    return hit


def has_subplan(node: Any) -> bool:
    """Whether a subplan or sublink occurs."""
    return contains(node, SubPlan, SubLink)


def has_window(node: Any) -> bool:
    """Whether a window function occurs."""
    return contains(node, WindowFunc)


def returns_set(node: Any) -> bool:
    """Whether a set-returning function occurs outside of subqueries."""
    hit = False

    def look(inner: Any, _depth: int) -> bool:
        nonlocal hit
        if isinstance(inner, Query):
            return True
        if getattr(inner, "funcretset", False) or getattr(inner, "opretset", False):
            hit = True
        return hit

    visit(node, look)
    return hit


_LEAKY = {SubLinkType.EXISTS_SUBLINK, SubLinkType.ARRAY_SUBLINK}


def nonnullable_rels(node: Any, cache: Any, top: bool = True) -> frozenset[int]:
    """Relations whose being all NULL makes a clause not true (or, inside, NULL)."""
    name = type(node).__name__
    if node is None:
        return frozenset()
    if isinstance(node, list):
        return frozenset().union(*(nonnullable_rels(i, cache, top) for i in node))
    if isinstance(node, Var):
        return frozenset((node.varno,)) if node.varlevelsup == 0 else frozenset()
    if name in ("FuncExpr", "OpExpr"):
        if all(_strict(cache, oid) for oid in function_oids(node, cache)):
            return nonnullable_rels(node.args, cache, False)
        return frozenset()
    if name == "ScalarArrayOpExpr":
        if all(_strict(cache, oid) for oid in function_oids(node, cache)) and (
            (node.useOr and top and _nonempty_array(node.args[1]))
            or (node.useOr and top)
        ):
            return nonnullable_rels(node.args[0], cache, False)
        return frozenset()
    if isinstance(node, BoolExpr):
        return _nonnullable_bool(node, cache, top)
    if name in ("RelabelType", "CoerceViaIO", "ArrayCoerceExpr", "CollateExpr", "CoerceToDomain"):
        return nonnullable_rels(node.arg, cache, top)
    if name == "NullTest":
        if top and node.nulltesttype == 1 and not node.argisrow:
            return nonnullable_rels(node.arg, cache, False)
        return frozenset()
    if name == "BooleanTest":
        if top and node.booltesttype in (0, 2, 5):
            return nonnullable_rels(node.arg, cache, False)
        return frozenset()
    if name == "SubPlan" and top and node.subLinkType == SubLinkType.ANY_SUBLINK:
        return nonnullable_rels(node.testexpr, cache, top)
    return frozenset()


def _nonnullable_bool(node: Any, cache: Any, top: bool) -> frozenset[int]:
    if node.boolop == BoolExprType.NOT_EXPR:
        return nonnullable_rels(node.args, cache, False)
    if node.boolop == BoolExprType.AND_EXPR and top:
        return nonnullable_rels(node.args, cache, top)
    parts = [nonnullable_rels(arg, cache, top) for arg in node.args]
    return frozenset.intersection(*parts) if parts else frozenset()


def _nonempty_array(node: Any) -> bool:
    return type(node).__name__ == "ArrayExpr" and bool(node.elements)


def _strict(cache: Any, oid: int) -> bool:
    proc = cache.proc(oid)
    return bool(proc is not None and proc.proisstrict)


def strict_expr(node: Any, cache: Any) -> bool:
    """Whether every call in an expression is strict and nothing else could make a non-NULL."""
    for inner in walk(node):
        name = type(inner).__name__
        if name in ("Var", "Const", "RelabelType", "Param"):
            continue
        if name in ("FuncExpr", "OpExpr"):
            if not all(_strict(cache, oid) for oid in function_oids(inner, cache)):
                return False
            continue
        return False
    return True
