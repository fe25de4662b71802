"""Proofs: does a set of true clauses imply (or contradict) another clause?

Enough for partial indexes and constraint exclusion: equal clauses, AND and OR, IS NOT NULL
by strictness, and comparisons with constants of one expression.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pgtool.nodes.enums import BoolExprType
from pgtool.nodes.exprs import BoolExpr, Const
from pgtool.sql.planner import operators as ops
from pgtool.sql.planner import stats, trees
from pgtool.sql.planner.base import Glob

_LT, _LE, _EQ, _GE, _GT = 1, 2, 3, 4, 5
#: (known strategy, wanted strategy) → how known's constant must compare with wanted's.
_IMPLIES: dict[tuple[int, int], str] = {
    (_LT, _LT): "<=", (_LT, _LE): "<=", (_LE, _LE): "<=", (_LE, _LT): "<",
    (_EQ, _LT): "<", (_EQ, _LE): "<=", (_EQ, _EQ): "=", (_EQ, _GE): ">=", (_EQ, _GT): ">",
    (_GE, _GE): ">=", (_GE, _GT): ">", (_GT, _GT): ">=", (_GT, _GE): ">=",
}  # fmt: skip
_TESTS: dict[str, Any] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, "=": lambda a, b: a == b,
    ">=": lambda a, b: a >= b, ">": lambda a, b: a > b,
}  # fmt: skip


def implied(glob: Glob, wanted: list[Any], known: list[Any]) -> bool:
    """Whether every wanted clause is true where all known ones are."""
    facts = [c for k in known for c in trees.conjuncts(k)]
    return all(_proved(glob, c, facts) for w in wanted for c in trees.conjuncts(w))


def _proved(glob: Glob, wanted: Any, facts: list[Any]) -> bool:
    if trees.is_true(wanted):
        return True
    if isinstance(wanted, BoolExpr) and wanted.boolop == BoolExprType.OR_EXPR \
            and any(implied(glob, [arm], facts) for arm in wanted.args):  # fmt: skip
        return True
    return any(_one(glob, wanted, fact) for fact in facts)


def _one(glob: Glob, wanted: Any, fact: Any) -> bool:
    if trees.same(wanted, fact):
        return True
    if isinstance(fact, BoolExpr) and fact.boolop == BoolExprType.OR_EXPR:
        return all(implied(glob, [wanted], [arm]) for arm in fact.args)
    if type(fact).__name__ == "ScalarArrayOpExpr" and fact.useOr:
        return _array(glob, wanted, fact)
    if type(wanted).__name__ == "NullTest" and wanted.nulltesttype == 1 and not wanted.argisrow:
        return _not_null(glob, wanted.arg, fact)
    return _comparison(glob, wanted, fact)


def _array(glob: Glob, wanted: Any, fact: Any) -> bool:
    from pgtool.nodes.exprs import OpExpr
    from pgtool.sql.planner.fold import array_elements

    elements = array_elements(glob, fact.args[1])
    if not elements or len(elements) > 100:
        return False
    return all(
        _one(glob, wanted, OpExpr(opno=fact.opno, opfuncid=fact.opfuncid, opresulttype=16,
                                  inputcollid=fact.inputcollid, args=[fact.args[0], e]))
        for e in elements
    )  # fmt: skip


def _not_null(glob: Glob, arg: Any, fact: Any) -> bool:
    """Whether a true fact shows that an expression is not NULL."""
    name = type(fact).__name__
    if name not in ("OpExpr", "FuncExpr", "ScalarArrayOpExpr"):
        return False
    for oid in trees.function_oids(fact, glob.cache):
        proc = glob.cache.proc(oid)
        if proc is None or not proc.proisstrict:
            return False
    args = fact.args[:1] if name == "ScalarArrayOpExpr" else fact.args
    return any(trees.same(trees.strip_relabel(a), trees.strip_relabel(arg)) for a in args)


def split(glob: Glob, node: Any) -> tuple[Any, int, Const] | None:
    """(expression, operator with the expression on the left, constant) of a comparison."""
    if type(node).__name__ != "OpExpr" or len(node.args) != 2:
        return None
    left, right = node.args
    if isinstance(right, Const):
        return left, node.opno, right
    if isinstance(left, Const):
        opno = ops.commutator(glob.cache, node.opno)
        return (right, opno, left) if opno else None
    return None


def _comparison(glob: Glob, wanted: Any, fact: Any) -> bool:
    one, two = split(glob, wanted), split(glob, fact)
    if one is None or two is None:
        return False
    if not trees.same(trees.strip_relabel(one[0]), trees.strip_relabel(two[0])):
        return False
    if wanted.inputcollid != fact.inputcollid or one[2].constisnull or two[2].constisnull:
        return False
    for row in ops.amops(glob.cache, one[1]):
        other = ops.in_family(glob.cache, two[1], row.amopfamily)
        if other is None:
            continue
        test = _IMPLIES.get((other.amopstrategy, row.amopstrategy))
        if test is None:
            continue
        return _compare(glob, two[2], one[2], test)
    return _unequal(glob, one, two)


def _unequal(glob: Glob, one: Any, two: Any) -> bool:
    """``x = 5`` implies ``x <> 6``."""
    negated = ops.negator(glob.cache, one[1])
    if not negated or not any(r.amopstrategy == _EQ for r in ops.amops(glob.cache, negated)):
        return False
    for row in ops.amops(glob.cache, two[1]):
        if row.amopstrategy == _EQ:
            return not _compare(glob, two[2], one[2], "=") and _compare(
                glob, two[2], one[2], "=", unknown=True)  # fmt: skip
        if row.amopstrategy in (_LT, _GT):
            return _compare(glob, two[2], one[2], "<=" if row.amopstrategy == _LT else ">=")
    return False


def _compare(glob: Glob, a: Const, b: Const, test: str, unknown: bool = False) -> bool:
    types = [glob.types.base_type(c.consttype) for c in (a, b)]
    if not all(stats.ordered(typid) for typid in types):
        same = a.constvalue == b.constvalue and types[0] == types[1]
        return unknown or (same and test in ("=", "<=", ">="))
    one, two = (stats.comparable(typid, glob.types.datum_of_const(c))
                for typid, c in zip(types, (a, b)))  # fmt: skip
    if any(isinstance(v, (Decimal, float)) and v != v for v in (one, two)):
        one, two = int(one != one), int(two != two)  # NaN is equal to itself, above all others
    try:
        return unknown or bool(_TESTS[test](one, two))
    except TypeError:
        return False


def refuted(glob: Glob, constraint: list[Any], known: list[Any]) -> bool:
    """Whether the known clauses contradict a constraint."""
    facts = [c for k in known for c in trees.conjuncts(k)]
    return any(
        _contradict(glob, c, f) for k in constraint for c in trees.conjuncts(k) for f in facts
    )


def _contradict(glob: Glob, one: Any, two: Any) -> bool:
    negated = _negated(glob, one)
    return negated is not None and _one(glob, negated, two)


def _negated(glob: Glob, node: Any) -> Any:
    if type(node).__name__ != "OpExpr":
        return None
    opno = ops.negator(glob.cache, node.opno)
    if not opno:
        return None
    return node.copy(opno=opno, opfuncid=trees.op_function(glob.cache, opno))
