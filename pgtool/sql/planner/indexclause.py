"""Matching clauses to index columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pgtool.catalog import typeoids as t
from pgtool.nodes.enums import BoolExprType
from pgtool.nodes.exprs import ArrayExpr, OpExpr, ScalarArrayOpExpr, Var
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.planner import operators as ops
from pgtool.sql.planner import patterns, trees
from pgtool.sql.planner.base import IndexInfo, Rinfo, Root
from pgtool.sql.planner.fold import fold

_TEXT_FAMILIES = {1994, 426}
_PATTERN_FAMILIES = {2095: (2314, 2315, 2317, 2318), 2097: (2326, 2327, 2329, 2330)}
_C_COLLATIONS = {950, 951}


@dataclass(eq=False)
class IndexClause:
    """Clauses (usually one) that an index column serves, as the index gets them."""

    column: int
    rinfos: list[Rinfo]
    quals: list[Any]
    lossy: bool = False


def column_expr(index: IndexInfo, column: int) -> Any:
    """What an index column holds, as an expression of its relation."""
    attnum = index.keys[column]
    if attnum == 0:
        return index.exprs[sum(1 for k in index.keys[:column] if k == 0)]
    if attnum < 0:
        return Var(varno=index.rel.rti, varattno=attnum, vartype=27)
    a = index.rel.relation.attributes[attnum - 1]
    return Var(varno=index.rel.rti, varattno=attnum, vartype=a.atttypid, vartypmod=a.atttypmod,
               varcollid=a.attcollation, varnosyn=index.rel.rti, varattnosyn=attnum)  # fmt: skip


def _is_column(index: IndexInfo, column: int, node: Any) -> bool:
    node = trees.strip_relabel(node)
    attnum = index.keys[column]
    if attnum:
        return type(node) is Var and node.varno == index.rel.rti and node.varattno == attnum \
            and node.varlevelsup == 0  # fmt: skip
    return trees.key(node) == trees.key(trees.strip_relabel(column_expr(index, column)))


def match(root: Root, index: IndexInfo, column: int, rinfo: Rinfo) -> IndexClause | None:
    """A clause as a condition on an index column; None where it is none."""
    clause = rinfo.clause
    name = type(clause).__name__
    if rinfo.pseudo:
        return None
    if name == "NullTest":
        if not clause.argisrow and _is_column(index, column, clause.arg):
            return IndexClause(column, [rinfo], [clause])
        return None
    if name == "OpExpr" and len(clause.args) == 2:
        return _operator(root, index, column, rinfo)
    if name == "ScalarArrayOpExpr" and clause.useOr:
        return _array(root, index, column, rinfo)
    if name == "BoolExpr" and clause.boolop == BoolExprType.OR_EXPR:
        found = _alternatives(root, index, column, rinfo)
        if found is not None:
            return found
    return _boolean(root, index, column, rinfo)


def _foreign(root: Root, index: IndexInfo, node: Any) -> bool:
    """Whether an expression can be computed before the scan."""
    return index.rel.rti not in trees.varnos(node) and \
        trees.volatility(node, root.glob.cache) != "v"  # fmt: skip


def _collates(index: IndexInfo, column: int, collation: int) -> bool:
    return not index.collations[column] or index.collations[column] == collation


def _operator(root: Root, index: IndexInfo, column: int, rinfo: Rinfo) -> IndexClause | None:
    cache = root.glob.cache
    clause = rinfo.clause
    left, right = clause.args
    family = index.opfamilies[column]
    if not _collates(index, column, clause.inputcollid):
        return _pattern(root, index, column, rinfo)
    if _is_column(index, column, left) and _foreign(root, index, right):
        if ops.in_family(cache, clause.opno, family) is not None:
            return IndexClause(column, [rinfo], [clause])
        return _pattern(root, index, column, rinfo)
    if _is_column(index, column, right) and _foreign(root, index, left):
        opno = ops.commutator(cache, clause.opno)
        if opno and ops.in_family(cache, opno, family) is not None:
            made = clause.copy(opno=opno, opfuncid=trees.op_function(cache, opno),
                               args=[right, left])  # fmt: skip
            return IndexClause(column, [rinfo], [made])
    return None


def _array(root: Root, index: IndexInfo, column: int, rinfo: Rinfo) -> IndexClause | None:
    clause = rinfo.clause
    if not _is_column(index, column, clause.args[0]) or not _foreign(root, index, clause.args[1]):
        return None
    if not _collates(index, column, clause.inputcollid):
        return None
    if ops.in_family(root.glob.cache, clause.opno, index.opfamilies[column]) is None:
        return None
    return IndexClause(column, [rinfo], [clause])


def _alternatives(root: Root, index: IndexInfo, column: int, rinfo: Rinfo) -> IndexClause | None:
    """``x = a OR x = b`` as ``x = ANY (array)``: one operator, one type, one column."""
    cache = root.glob.cache
    found: set[tuple[int, int, int]] = set()
    values: list[Any] = []
    for arm in rinfo.clause.args:
        if type(arm) is not OpExpr or len(arm.args) != 2:
            return None
        opno, (column_side, value) = arm.opno, arm.args
        if not _is_column(index, column, column_side):
            opno, column_side, value = ops.commutator(cache, opno), value, column_side
        if not opno or not _is_column(index, column, column_side) \
                or not _foreign(root, index, value):  # fmt: skip
            return None
        found.add((opno, expr_type(value), arm.inputcollid))
        values.append(value)
    if len(found) != 1:
        return None
    ((opno, typid, collation),) = found
    row = cache.type(typid)
    if not row.typarray or not _collates(index, column, collation) \
            or ops.in_family(cache, opno, index.opfamilies[column]) is None:  # fmt: skip
        return None
    array = fold(root.glob, ArrayExpr(
        array_typeid=row.typarray, array_collid=collation, element_typeid=typid, elements=values))
    made = ScalarArrayOpExpr(
        opno=opno, opfuncid=trees.op_function(cache, opno), useOr=True, inputcollid=collation,
        args=[column_side, array])  # fmt: skip
    return IndexClause(column, [rinfo], [made])


_BOOL_EQ = 91


def _boolean(root: Root, index: IndexInfo, column: int, rinfo: Rinfo) -> IndexClause | None:
    """A boolean column as a condition, or its negation."""
    if index.opcintypes[column] != t.BOOLOID:
        return None
    node, value = rinfo.clause, True
    if type(node).__name__ == "BoolExpr" and node.boolop == 2:
        node, value = node.args[0], False
    elif type(node).__name__ == "BooleanTest" and int(node.booltesttype) in (0, 2):
        node, value = node.arg, int(node.booltesttype) == 0
    if not _is_column(index, column, node):
        return None
    made = OpExpr(opno=_BOOL_EQ, opfuncid=trees.op_function(root.glob.cache, _BOOL_EQ),
                  opresulttype=t.BOOLOID, args=[node, trees.bool_const(value)])  # fmt: skip
    return IndexClause(column, [rinfo], [made])


def _pattern(root: Root, index: IndexInfo, column: int, rinfo: Rinfo) -> IndexClause | None:
    """LIKE and kin with a fixed prefix, as a range of the index."""
    from pgtool.sql.planner.fold import const_of
    from pgtool.sql.planner.selfuncs import _PATTERN, constant, restriction

    clause = rinfo.clause
    cache = root.glob.cache
    kind, negated = _PATTERN.get(restriction(cache, clause.opno), ("", False))
    if not kind or negated or kind.startswith("i") or not _is_column(index, column,
                                                                   clause.args[0]):  # fmt: skip
        return None
    const = constant(root, clause.args[1])
    if const is None or const.constisnull or trees.varnos(clause.args[1]):
        return None
    family = index.opfamilies[column]
    if family in _TEXT_FAMILIES:
        if not _is_c(root, index.collations[column]):
            return None
        typid = t.TEXTOID if family == 1994 else t.BPCHAROID
        equal, least, below = (
            ops.member(cache, family, typid, typid, s)
            for s in (ops.EQUAL, ops.GREATER_EQUAL, ops.LESS)
        )
    elif family in _PATTERN_FAMILIES:
        typid = t.TEXTOID if family == 2095 else t.BPCHAROID
        equal, least, below = (
            ops.member(cache, family, typid, typid, s)
            for s in (ops.EQUAL, ops.GREATER_EQUAL, ops.LESS)
        )
    else:
        return None
    datum = root.glob.types.datum_of_const(const)
    prefix, _rest, exact = patterns.prefix_of(kind, const, bytes(datum or b""))
    if not prefix:
        return None

    def test(opno: int, text: bytes) -> OpExpr:
        value = const_of(root.glob, typid, text, index.collations[column])
        return OpExpr(opno=opno, opfuncid=trees.op_function(cache, opno),
                      opresulttype=t.BOOLOID, inputcollid=index.collations[column],
                      args=[clause.args[0], value])  # fmt: skip

    if exact:
        return IndexClause(column, [rinfo], [test(equal, prefix)], True)
    quals = [test(least, prefix)]
    above = patterns.greater_string(prefix)
    if above is not None:
        quals.append(test(below, above))
    return IndexClause(column, [rinfo], quals, True)


def _is_c(root: Root, collation: int) -> bool:
    """Whether a collation orders by bytes."""
    if collation in _C_COLLATIONS:
        return True
    if collation == t.DEFAULT_COLLATION_OID:
        row = root.glob.cache.database.row
        return row.get("datcollate") in ("C", "POSIX") and row.get("datlocprovider", "c") == "c"
    row = root.glob.cache.one("pg_collation", "oid", collation)
    return row is not None and getattr(row, "collcollate", None) in ("C", "POSIX")
