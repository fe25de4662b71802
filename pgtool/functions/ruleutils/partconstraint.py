"""pg_get_partition_constraintdef: what the bounds of a partition and its ancestors say of a row.

The constraint is built as a tree over the parent's columns, by strategy, then deparsed over
the partition, whose columns may stand in another order. Values of bounds are compared by the
key's operator class, since a default partition lists those of all others in their order.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from pgtool.functions.codec import codec_of
from pgtool.functions.nodetypes import expr_collation, expr_type, expr_typmod
from pgtool.functions.opcache import opcache
from pgtool.functions.registry import Call, builtin
from pgtool.functions.ruleutils.entry import read_tree, relation_expr
from pgtool.functions.ruleutils.exprs import const_datum
from pgtool.nodes.base import mutate
from pgtool.nodes.enums import BoolExprType, CoercionForm, NullTestType
from pgtool.nodes.enums import PartitionRangeDatumKind as Datum
from pgtool.nodes.exprs import (
    ArrayExpr,
    BoolExpr,
    Const,
    FuncExpr,
    NullTest,
    OpExpr,
    RelabelType,
    ScalarArrayOpExpr,
    Var,
)

__all__ = ["partition_constraint"]

LESS, LESS_EQUAL, EQUAL, GREATER_EQUAL, GREATER = 1, 2, 3, 4, 5
BOOLOID, INT4OID, OIDOID = 16, 23, 26
INDEXES = "iI"
_SATISFIES_HASH = 5028
_POLYMORPHIC = {2276, 2277, 2283, 2776, 3500, 3831, 4537, 5077, 5078, 5079, 5080}
VALUE = Datum.PARTITION_RANGE_DATUM_VALUE
MIN, MAX = Datum.PARTITION_RANGE_DATUM_MINVALUE, Datum.PARTITION_RANGE_DATUM_MAXVALUE


@builtin("pg_get_partition_constraintdef", call=True)
def pg_get_partition_constraintdef(call: Call, oid: int) -> str | None:
    """What a row of the partition satisfies; NULL where that is nothing."""
    session = call.session
    row = session.cache.one("pg_class", "oid", oid)
    if row is None or not row.relispartition:
        return None
    tests = partition_constraint(session, oid)
    return relation_expr(session, _all_of(tests), oid) if tests else None


def partition_constraint(session: Any, oid: int) -> list[Any]:
    """Tests over the columns of a partition, those of its ancestors first."""
    row = session.cache.one("pg_class", "oid", oid)
    parents = session.cache.lookup("pg_inherits", "inhrelid", oid)
    if row is None or not row.relispartition or not parents:
        return []
    parent = parents[0].inhparent
    if row.relkind in INDEXES:
        return []
    bound = read_tree(session, row.relpartbound)
    tests = [*partition_constraint(session, parent), *_Key(session, parent).tests(bound)]
    return [_moved(session, test, parent, oid) for test in tests]


def _moved(session: Any, node: Any, parent: int, child: int) -> Any:
    """An expression over the parent's columns, over the child's of the same names."""
    names = {a.attname: a.attnum for a in session.database.relation(child).attributes}
    attributes = {a.attnum: a.attname for a in session.database.relation(parent).attributes}

    def change(node: Any) -> Any:
        if isinstance(node, Var):
            number = names[attributes[node.varattno]]
            return node.copy(varattno=number, varattnosyn=number)
        return mutate(node, change)

    same = names.items() == {n: a for a, n in attributes.items()}.items()
    return node if same else change(node)


def _all_of(tests: list[Any]) -> Any:
    return tests[0] if len(tests) == 1 else BoolExpr(boolop=BoolExprType.AND_EXPR, args=tests)


def _any_of(tests: list[Any]) -> Any:
    return tests[0] if len(tests) == 1 else BoolExpr(boolop=BoolExprType.OR_EXPR, args=tests)


def _none_of(test: Any) -> Any:
    return BoolExpr(boolop=BoolExprType.NOT_EXPR, args=[test])


class _Key:
    """The partition key of a table: its columns as expressions, and how they compare."""

    def __init__(self, session: Any, oid: int) -> None:
        self.session = session
        self.oid = oid
        cache = session.cache
        row = cache.one("pg_partitioned_table", "partrelid", oid)
        self.strategy = row.partstrat
        stored = list(read_tree(session, row.partexprs)) if row.partexprs else []
        self.exprs = [self._column(n) if n else stored.pop(0) for n in row.partattrs]
        self.classes = [cache.one("pg_opclass", "oid", c) for c in row.partclass]
        self.collations = list(row.partcollation)

    def _column(self, number: int) -> Var:
        a = next(a for a in self.session.database.relation(self.oid).attributes
                 if a.attnum == number)  # fmt: skip
        return Var(varno=1, varattno=number, vartype=a.atttypid, vartypmod=a.atttypmod,
                   varcollid=a.attcollation, varnosyn=1, varattnosyn=number)  # fmt: skip

    def tests(self, bound: Any) -> list[Any]:
        """What a bound says of rows."""
        if self.strategy == "h":
            return self._hash(bound)
        if self.strategy == "l":
            return self._list(bound)
        return self._range(bound)

    # -- parts -----------------------------------------------------------------------

    def _nulls(self, number: int, kind: NullTestType) -> NullTest:
        return NullTest(arg=self.exprs[number], nulltesttype=kind)

    def _not_nulls(self) -> list[Any]:
        return [self._nulls(n, NullTestType.IS_NOT_NULL) for n in range(len(self.exprs))]

    def _operator(self, number: int, strategy: int) -> tuple[int, Any]:
        """The operator of a strategy, and the key column as it takes it."""
        found = self.classes[number]
        typid = found.opcintype
        row = self.session.cache.one(
            "pg_amop", ("amopfamily", "amoplefttype", "amoprighttype", "amopstrategy"),
            (found.opcfamily, typid, typid, strategy),
        )  # fmt: skip
        expr = self.exprs[number]
        other = expr_type(expr) != typid and typid not in _POLYMORPHIC
        if other or self.collations[number] != expr_collation(expr):
            expr = RelabelType(
                arg=expr, resulttype=typid if other else expr_type(expr),
                resulttypmod=-1 if other else expr_typmod(expr),
                resultcollid=self.collations[number],
                relabelformat=CoercionForm.COERCE_EXPLICIT_CAST,
            )  # fmt: skip
        return row.amopopr, expr

    def _compare(self, number: int, strategy: int, value: Any) -> OpExpr:
        operator, expr = self._operator(number, strategy)
        return OpExpr(opno=operator, opfuncid=self._function(operator), opresulttype=BOOLOID,
                      inputcollid=self.collations[number],
                      args=[expr, value])  # fmt: skip

    def _function(self, operator: int) -> int:
        return int(self.session.cache.operator(operator).oprcode)

    def _value(self, const: Any) -> Any:
        datum = const_datum(const)
        return codec_of(self.session.types, const.consttype).decode(datum)

    def _order(self, number: int) -> Any:
        """The comparison of a key column's values."""
        found = self.classes[number]
        typid = found.opcintype
        row = self.session.cache.one(
            "pg_amproc", ("amprocfamily", "amproclefttype", "amprocrighttype", "amprocnum"),
            (found.opcfamily, typid, typid, 1),
        )  # fmt: skip
        return opcache(self.session).callable(row.amproc, (typid, typid), INT4OID,
                                              self.collations[number])  # fmt: skip

    def _siblings(self) -> Iterator[Any]:
        """The bounds of all partitions but the default one."""
        for oid in self.session.database.children.get(self.oid, []):
            row = self.session.cache.one("pg_class", "oid", oid)
            bound = read_tree(self.session, row.relpartbound)
            if not bound.is_default:
                yield bound

    # -- strategies ------------------------------------------------------------------

    def _hash(self, bound: Any) -> list[Any]:
        numbers = [(OIDOID, self.oid), (INT4OID, bound.modulus), (INT4OID, bound.remainder)]
        facts = [
            Const(consttype=typid, consttypmod=-1, constlen=4, constbyval=True,
                  constvalue=number.to_bytes(8, "little"))
            for typid, number in numbers
        ]  # fmt: skip
        return [FuncExpr(funcid=_SATISFIES_HASH, funcresulttype=BOOLOID,
                         funcformat=CoercionForm.COERCE_EXPLICIT_CALL,
                         args=[*facts, *self.exprs])]  # fmt: skip

    def _list(self, bound: Any) -> list[Any]:
        found = list(bound.listdatums)
        if bound.is_default:
            found = [value for sibling in self._siblings() for value in sibling.listdatums]
            if not found:
                return []
        nulls = any(value.constisnull for value in found)
        values = [value for value in found if not value.constisnull]
        if bound.is_default:
            order = self._order(0)
            values.sort(key=functools.cmp_to_key(
                lambda a, b: int(order(self._value(a), self._value(b)))))  # fmt: skip
        tests: list[Any] = [self._listed(values)] if values else []
        if nulls:
            tests = [_any_of([self._nulls(0, NullTestType.IS_NULL), *tests])]
        else:
            tests = [self._nulls(0, NullTestType.IS_NOT_NULL), *tests]
        return [_none_of(_all_of(tests))] if bound.is_default else tests

    def _listed(self, values: list[Any]) -> Any:
        """The key is one of the values."""
        if len(values) == 1:
            return self._compare(0, EQUAL, values[0])
        typid = expr_type(self.exprs[0])
        info = self.session.types.info(typid)
        if info.typelem and info.typlen == -1:
            return _any_of([self._compare(0, EQUAL, value) for value in values])
        operator, expr = self._operator(0, EQUAL)
        array = ArrayExpr(array_typeid=info.typarray, array_collid=self.collations[0],
                          element_typeid=typid, elements=values)  # fmt: skip
        return ScalarArrayOpExpr(opno=operator, opfuncid=self._function(operator), useOr=True,
                                 inputcollid=self.collations[0], args=[expr, array])  # fmt: skip

    def _range(self, bound: Any) -> list[Any]:
        if not bound.is_default:
            return [*self._not_nulls(), *self._between(bound)]
        others = []
        for sibling in sorted(self._siblings(), key=functools.cmp_to_key(self._by_lower)):
            tests = self._between(sibling)
            if tests:
                others.append(_all_of(tests))
        if not others:
            return []
        inside = BoolExpr(boolop=BoolExprType.AND_EXPR,
                          args=[*self._not_nulls(), _any_of(others)])  # fmt: skip
        return [_none_of(inside)]

    def _by_lower(self, one: Any, other: Any) -> int:
        """Which of two ranges begins first."""
        for number, (a, b) in enumerate(zip(one.lowerdatums, other.lowerdatums)):
            if a.kind != b.kind:
                return int(a.kind) - int(b.kind)
            if a.kind != VALUE:
                return 0
            found = int(self._order(number)(self._value(a.value), self._value(b.value)))
            if found:
                return found
        return 0

    def _between(self, bound: Any) -> list[Any]:
        """Lower bound ≤ key < upper bound, columns that both fix being equal to their value."""
        lower, upper = list(bound.lowerdatums), list(bound.upperdatums)
        tests: list[Any] = []
        first = 0
        while first < len(lower) and self._fixed(first, lower[first], upper[first]):
            tests.append(self._compare(first, EQUAL, lower[first].value))
            first += 1
        for side, last, open_, closed in (
            (lower, GREATER_EQUAL, GREATER, MIN), (upper, LESS, LESS, MAX)
        ):  # fmt: skip
            arms = self._arms(side, first, last, open_, closed)
            if arms:
                tests.append(_any_of(arms))
        return tests

    def _fixed(self, number: int, low: Any, high: Any) -> bool:
        if low.kind != VALUE or high.kind != VALUE:
            return False
        return not self._order(number)(self._value(low.value), self._value(high.value))

    def _arms(
        self, side: list[Any], first: int, last: int, open_: int, closed: Datum
    ) -> list[Any]:
        """One side's alternatives: earlier columns equal to the bound, the next beyond it."""
        arms: list[Any] = []
        for end in range(first, len(side)):
            if side[end].kind != VALUE:
                break
            following = side[end + 1].kind if end + 1 < len(side) else None
            if following is None:
                strategy = last
            elif following == closed:
                strategy = GREATER_EQUAL if closed == MIN else LESS_EQUAL
            else:
                strategy = open_
            tests = [self._compare(n, EQUAL, side[n].value) for n in range(first, end)]
            arms.append(_all_of([*tests, self._compare(end, strategy, side[end].value)]))
            if following is not None and following != VALUE:
                break
        return arms
