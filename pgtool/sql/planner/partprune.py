"""Partition pruning: which partitions the restrictions leave.

Bounds are read from pg_class.relpartbound. A restriction on the partition key with a known
constant excludes list, range and hash partitions that cannot hold a matching row; what is
not understood excludes nothing.
"""

from __future__ import annotations

from typing import Any

from pgtool.nodes.enums import BoolExprType
from pgtool.nodes.exprs import BoolExpr, Const, Var
from pgtool.nodes.text import text_to_node
from pgtool.sql.planner import fold, stats, trees
from pgtool.sql.planner import operators as ops
from pgtool.sql.planner.base import Glob


class Key:
    """A partitioned table's key: strategy, columns, families."""

    def __init__(self, glob: Glob, relation: Any, rti: int) -> None:
        row = glob.cache.one("pg_partitioned_table", "partrelid", relation.oid)
        self.strategy = row.partstrat if row is not None else ""
        self.exprs: list[Any] = []
        self.families: list[int] = []
        self.types: list[int] = []
        if row is None:
            return
        stored = text_to_node(row.partexprs, glob.cache.major) if row.partexprs else []
        stored = list(stored)
        for attnum, opclass in zip(row.partattrs, row.partclass):
            if attnum:
                a = relation.attributes[attnum - 1]
                self.exprs.append(Var(varno=rti, varattno=attnum, vartype=a.atttypid,
                                      vartypmod=a.atttypmod, varcollid=a.attcollation))  # fmt: skip
                self.types.append(glob.types.base_type(a.atttypid))
            else:
                node = stored.pop(0)
                self.exprs.append(trees.shift_varnos(node, rti - 1) if rti > 1 else node)
                from pgtool.sql.analyze.nodetypes import expr_type

                self.types.append(glob.types.base_type(expr_type(node)))
            found = glob.cache.one("pg_opclass", "oid", opclass)
            self.families.append(found.opcfamily if found is not None else 0)


def surviving(glob: Glob, relation: Any, quals: list[Any], rti: int) -> list[int]:
    """OIDs of the partitions to read, in the order of their bounds."""
    database = glob.cache.database
    key = Key(glob, relation, rti)
    parts = []
    for oid in database.children.get(relation.oid, []):
        row = glob.cache.one("pg_class", "oid", oid)
        bound = text_to_node(row.relpartbound, glob.cache.major) if row.relpartbound else None
        parts.append((oid, bound))
    parts.sort(key=lambda part: _order(glob, part[1], key, part[0]))
    if not glob.costs.enable_partition_pruning:
        return [oid for oid, _ in parts]
    facts = [c for q in quals for c in trees.conjuncts(q)]
    others = [b for _, b in parts if b is not None and not b.is_default]
    return [
        oid for oid, bound in parts
        if bound is None or _possible(glob, key, bound, facts, others)
    ]  # fmt: skip


def _value(glob: Glob, node: Any) -> Any:
    """A bound's constant as a comparable value."""
    if type(node).__name__ == "Const":
        base = glob.types.base_type(node.consttype)
        return stats.comparable(base, glob.types.datum_of_const(node))
    return None


def _range_side(glob: Glob, datums: list[Any], first: bool) -> tuple[Any, ...]:
    out = []
    for d in datums[:1] if first else datums:
        kind = int(d.kind)
        out.append((kind, _value(glob, d.value) if kind == 0 else 0))
    return tuple(out)


class _Sortable:
    """Wraps bound values so that different kinds still order somehow."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Sortable) -> bool:
        try:
            return bool(self.value < other.value)
        except TypeError:
            return str(self.value) < str(other.value)


def _order(glob: Glob, bound: Any, key: Key, oid: int) -> Any:
    if bound is None or bound.is_default:
        return (2, _Sortable(0), oid)
    if bound.strategy == "h":
        return (0, _Sortable((bound.modulus, bound.remainder)), oid)
    if bound.strategy == "l":
        values = [_value(glob, d) for d in bound.listdatums]
        known = sorted(_Sortable(v) for v in values if v is not None)
        return (0, known[0], oid) if known else (1, _Sortable(0), oid)
    return (0, _Sortable(_range_side(glob, bound.lowerdatums, False)), oid)


# -- what a clause says about the first key column ----


def _possible(glob: Glob, key: Key, bound: Any, facts: list[Any], others: list[Any]) -> bool:
    """Whether a partition may hold a row for which all clauses are true."""
    return all(_allows(glob, key, bound, fact, others) for fact in facts) \
        and _hash_possible(glob, key, bound, facts)  # fmt: skip


def _allows(glob: Glob, key: Key, bound: Any, fact: Any, others: list[Any]) -> bool:
    if isinstance(fact, BoolExpr) and fact.boolop == BoolExprType.OR_EXPR:
        return any(
            all(_allows(glob, key, bound, c, others) for c in trees.conjuncts(arm))
            for arm in fact.args
        )
    name = type(fact).__name__
    if name == "ScalarArrayOpExpr" and fact.useOr:
        elements = fold.array_elements(glob, fact.args[1])
        if elements is None or not all(isinstance(e, Const) for e in elements):
            return True
        return any(
            _test(glob, key, bound, fact.args[0], fact.opno, e, others) for e in elements
            if not e.constisnull
        )  # fmt: skip
    if name == "OpExpr" and len(fact.args) == 2:
        left, right = fact.args
        const = fold.estimate_value(glob, right) if not trees.varnos(right) else None
        if const is not None and not _stable(glob, right):
            return True if const is None else _test(glob, key, bound, left, fact.opno, const,
                                                    others)  # fmt: skip
        const = fold.estimate_value(glob, left) if not trees.varnos(left) else None
        if const is not None and not _stable(glob, left):
            opno = ops.commutator(glob.cache, fact.opno)
            return _test(glob, key, bound, right, opno, const, others) if opno else True
        return True
    if name == "NullTest" and not fact.argisrow:
        return _null_test(glob, key, bound, fact)
    return not trees.is_false(fact)


def _stable(glob: Glob, node: Any) -> bool:
    """Stable functions keep their value within our one statement: they may prune."""
    return trees.volatility(node, glob.cache) == "v"


def _column(key: Key, node: Any) -> int | None:
    wanted = trees.key(trees.strip_relabel(node))
    for i, expr in enumerate(key.exprs):
        if trees.key(trees.strip_relabel(expr)) == wanted:
            return i
    return None


def _test(
    glob: Glob, key: Key, bound: Any, expr: Any, opno: int, const: Const, others: list[Any]
) -> bool:
    column = _column(key, expr)
    if column is None or key.strategy == "h":
        return True
    if const.constisnull:
        row = glob.cache.operator(opno)
        proc = glob.cache.proc(row.oprcode) if row is not None else None
        return not (proc is not None and proc.proisstrict)
    row = ops.in_family(glob.cache, opno, key.families[column])
    if row is None:
        return _not_equal(glob, key, bound, opno, column, const)
    types = {glob.types.base_type(const.consttype), key.types[column]}
    if not all(stats.ordered(typid) for typid in types):
        return True
    value = _cross_value(glob, const, key.types[column])
    if value is None:
        return True
    try:
        if key.strategy == "l":
            return _list(glob, bound, row.amopstrategy, value, others)
        if column == 0:
            return _range(glob, bound, row.amopstrategy, value, others, len(key.exprs))
    except TypeError:
        return True
    return True


def _cross_value(glob: Glob, const: Const, keytype: int) -> Any:
    from pgtool.sql.planner.selfuncs import _cross

    base = glob.types.base_type(const.consttype)
    value = stats.comparable(base, glob.types.datum_of_const(const))
    if base != keytype and isinstance(value, bytes) and 1042 in (base, keytype):
        return None
    if {base, keytype} & {1184} and base != keytype:
        return None
    return _cross(keytype, base, value)


def _not_equal(
    glob: Glob, key: Key, bound: Any, opno: int, column: int, const: Const
) -> bool:
    """``key <> value`` excludes a list partition of that value alone."""
    negated = ops.negator(glob.cache, opno)
    if key.strategy != "l" or not negated or bound.is_default:
        return True
    if ops.in_family(glob.cache, negated, key.families[column]) is None:
        return True
    values = [_value(glob, d) for d in bound.listdatums]
    return values != [_cross_value(glob, const, key.types[column])]


def _compare(value: Any, strategy: int, wanted: Any) -> bool:
    if strategy == ops.LESS:
        return bool(value < wanted)
    if strategy == ops.LESS_EQUAL:
        return bool(value <= wanted)
    if strategy == ops.EQUAL:
        return bool(value == wanted)
    if strategy == ops.GREATER_EQUAL:
        return bool(value >= wanted)
    return bool(value > wanted)


def _list(glob: Glob, bound: Any, strategy: int, value: Any, others: list[Any]) -> bool:
    if bound.is_default:
        if strategy != ops.EQUAL:
            return True
        return not any(
            _value(glob, d) == value for b in others for d in b.listdatums
            if not d.constisnull
        )  # fmt: skip
    return any(
        _compare(_value(glob, d), strategy, value) for d in bound.listdatums if not d.constisnull
    )


def _edges(glob: Glob, bound: Any) -> tuple[tuple[int, Any], tuple[int, Any]]:
    return (_range_side(glob, bound.lowerdatums, True)[0],
            _range_side(glob, bound.upperdatums, True)[0])  # fmt: skip


def _range(
    glob: Glob, bound: Any, strategy: int, value: Any, others: list[Any], columns: int
) -> bool:
    if bound.is_default:
        if strategy != ops.EQUAL or columns > 1:
            return True
        return not any(
            _range(glob, b, ops.EQUAL, value, [], columns) for b in others
        )
    low, high = _edges(glob, bound)
    # With more columns the upper bound's first value itself may occur.
    inclusive = columns > 1
    if strategy in (ops.EQUAL, ops.LESS, ops.LESS_EQUAL) and low[0] == 0:
        if strategy == ops.LESS and not low[1] < value:
            return False
        if strategy != ops.LESS and not low[1] <= value:
            return False
    if strategy in (ops.EQUAL, ops.GREATER, ops.GREATER_EQUAL) and high[0] == 0:
        if inclusive and strategy != ops.GREATER:
            return bool(value <= high[1])
        if strategy == ops.GREATER and not inclusive and isinstance(value, int) \
                and isinstance(high[1], int) and not isinstance(value, bool):  # fmt: skip
            return value < high[1]
        return bool(value < high[1])
    return True


def _null_test(glob: Glob, key: Key, bound: Any, fact: Any) -> bool:
    column = _column(key, fact.arg)
    if column is None:
        return True
    if fact.nulltesttype == 0:
        if key.strategy == "l":
            return bound.is_default or any(d.constisnull for d in bound.listdatums)
        if key.strategy == "r":
            return bool(bound.is_default)
        return True
    if key.strategy == "l" and not bound.is_default:
        return any(not d.constisnull for d in bound.listdatums)
    return True


# -- hash partitions ----

_MASK = (1 << 64) - 1


def _hash_possible(glob: Glob, key: Key, bound: Any, facts: list[Any]) -> bool:
    """All columns fixed: the row's hash tells the one partition."""
    if key.strategy != "h" or bound.is_default:
        return True
    values: list[Const] = []
    for expr in key.exprs:
        found = None
        for fact in facts:
            if type(fact).__name__ != "OpExpr" or len(fact.args) != 2:
                continue
            for a, b in (fact.args, fact.args[::-1]):
                if trees.same(trees.strip_relabel(a), trees.strip_relabel(expr)):
                    row = glob.cache.operator(fact.opno)
                    if row is not None and row.oprcanhash:
                        found = fold.estimate_value(glob, b) if not trees.varnos(b) else None
        if found is None:
            return True
        values.append(found)
    total = _row_hash(glob, key, values)
    return total is None or total % bound.modulus == bound.remainder


def _row_hash(glob: Glob, key: Key, values: list[Const]) -> int | None:
    """The combined extended hash of a row's key; None where it cannot be computed."""
    from pgtool.functions.registry import BUILTINS, load

    load()
    seed = 0x7A5B22367996DCFD
    total = 0
    for family, typid, const in zip(key.families, key.types, values):
        if const.constisnull:
            continue
        row = next((r for r in glob.cache.lookup("pg_amproc", "amprocfamily", family)
                    if r.amprocnum == 2 and r.amproclefttype == typid), None)  # fmt: skip
        proc = glob.cache.proc(row.amproc) if row is not None else None
        if proc is None or proc.prosrc not in BUILTINS:
            return None
        if glob.types.base_type(const.consttype) != typid:
            return None
        from pgtool.functions.codec import codec_of
        from pgtool.functions.registry import Call

        value = codec_of(glob.session.types, typid).decode(
            glob.types.datum_of_const(const) or b"")
        builtin = BUILTINS[proc.prosrc]
        args: list[Any] = [value, _signed(seed)]
        if builtin.call:
            args.insert(0, Call((typid, 20), 20, const.constcollid, glob.session))
        hashed = int(builtin.scalar(*args)) & _MASK
        total ^= (hashed + 0x49A0F4DD15E5A8E3 + (total << 54) + (total >> 7)) & _MASK
    return total & _MASK


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value
