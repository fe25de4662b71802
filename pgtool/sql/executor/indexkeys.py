"""Index conditions → ranges of a btree.

Conditions have the index's column (an INDEX_VAR) on the left. Equalities on the first
columns and the comparisons on the next one bound a range; an array condition gives a range
for each element. Whatever a range does not express is checked on the rows that come out,
so ranges may be too wide but never too narrow.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from formats.deform import Attribute, align
from formats.itup import SIZEOF_INDEX_TUPLE
from pgtool.access.btree.ranges import Bound, Equal, Tree
from pgtool.errors import Unsupported
from pgtool.nodes.enums import CompareType, NullTestType
from pgtool.nodes.plan import INDEX_VAR
from pgtool.sql.analyze.nodetypes import expr_type
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.scalar import ScalarCompiler
from pgtool.sql.executor.scope import Env, Scope

__all__ = ["IndexKeys", "index_tree"]

BTREE_AM = 403
_LT, _LE, _EQ, _GE, _GT = 1, 2, 3, 4, 5
_DESC, _NULLS_FIRST = 1, 2
_FLIPPED = {_LT: _GT, _LE: _GE, _EQ: _EQ, _GE: _LE, _GT: _LT}
_ROW_STRATEGY = {
    CompareType.COMPARE_LT: _LE, CompareType.COMPARE_LE: _LE, CompareType.COMPARE_GE: _GE,
    CompareType.COMPARE_GT: _GE,
}  # fmt: skip

Compare = Callable[[bytes | None], int]


def index_tree(env: Env, indexid: int) -> Tree:
    """The index, kept open for the session, or for the command where the session writes."""
    known: dict[Any, Tree] = env.session.__dict__.setdefault("_trees", {})
    database = env.session.database
    reading = database.cluster.reading
    if reading is not None:
        known = reading.__dict__.setdefault("trees", {})
    if indexid not in known:
        relation = database.relation(indexid)
        directory = database.cluster.directory
        attributes = [Attribute(a.attlen, a.attalign, a.attname) for a in relation.attributes]
        known[indexid] = Tree(
            directory.file(relation.locator), attributes, bool(directory.checksums)
        )
    return known[indexid]


class _Column(NamedTuple):
    """A key column of the index."""

    codec: Any
    family: int
    opcintype: int
    collation: int
    descending: bool
    nulls_first: bool


class _Condition(NamedTuple):
    """One condition: column (from 0), strategy, the value's closure and type."""

    column: int
    strategy: int
    value: Any
    typid: int
    array: bool
    null: bool


class IndexKeys:
    """The conditions of one scan of one index."""

    def __init__(self, env: Env, indexid: int, quals: list[Any]) -> None:
        self.env = env
        self.indexid = indexid
        relation = env.session.database.relation(indexid)
        if relation.relam != BTREE_AM:
            raise Unsupported(f'scan of index "{relation.relname}", which is no btree')
        row = env.session.cache.one("pg_index", "indexrelid", indexid)
        self.columns = []
        for i in range(row.indnkeyatts):
            opclass = env.session.cache.one("pg_opclass", "oid", row.indclass[i])
            option = row.indoption[i]
            self.columns.append(_Column(
                env.codec(relation.attributes[i].atttypid), opclass.opcfamily, opclass.opcintype,
                row.indcollation[i], bool(option & _DESC), bool(option & _NULLS_FIRST),
            ))  # fmt: skip
        self.compiler = ScalarCompiler(env, Scope())
        self.conditions = [c for q in quals for c in self._condition(q)]
        self._expanded = set(self._leading_arrays())
        self._checks = self._places(relation.attributes)

    def _condition(self, qual: Any) -> Iterator[_Condition]:
        kind = type(qual).__name__
        if kind == "NullTest":
            if qual.nulltesttype == NullTestType.IS_NULL and _is_column(qual.arg):
                yield _Condition(qual.arg.varattno - 1, _EQ, None, 0, False, True)
        elif kind in ("OpExpr", "ScalarArrayOpExpr"):
            left = _bare(qual.args[0])
            found = self._strategy(left, qual.opno)
            array = kind == "ScalarArrayOpExpr"
            if found and _is_column(left) and not (array and not qual.useOr):
                typid = expr_type(qual.args[1])
                if array:
                    typid = self.env.codec(typid).info.typelem
                yield _Condition(left.varattno - 1, found, self.compiler.compile(qual.args[1]),
                                 typid, array, False)  # fmt: skip
        elif kind == "RowCompareExpr":
            left = _bare(qual.largs[0])
            if _is_column(left) and qual.cmptype in _ROW_STRATEGY:
                yield _Condition(
                    left.varattno - 1, _ROW_STRATEGY[qual.cmptype],
                    self.compiler.compile(qual.rargs[0]), expr_type(qual.rargs[0]), False, False,
                )

    def _leading_arrays(self) -> Iterator[int]:
        """The array conditions (by number) whose elements make ranges of their own.

        Those on columns that no equalities lead to, and second ones on a column, do not: every
        element would give the same range again.
        """
        for number in range(len(self.columns)):
            equal = [
                i for i, c in enumerate(self.conditions)
                if c.column == number and c.strategy == _EQ
            ]  # fmt: skip
            if not equal:
                return
            if self.conditions[equal[0]].array:
                yield equal[0]

    def _places(self, attributes: Sequence[Any]) -> list[tuple[int, _Condition]]:
        """Equalities that no range expresses, on numbers whose place in a tuple is known."""
        equal = [c for c in self.conditions if c.strategy == _EQ and not c.array and not c.null]
        bound, offset, out = True, SIZEOF_INDEX_TUPLE, []
        for number, column in enumerate(self.columns):
            attribute = attributes[number]
            if attribute.attlen <= 0:
                break
            offset = align(offset, attribute.attalign)
            mine = [c for c in equal if c.column == number]
            if not bound and column.codec.dtype is not None and column.codec.dtype.kind in "iu":
                out += [(offset, c) for c in mine if c.typid == column.codec.typid]
            bound = bound and bool(mine)
            offset += attribute.attlen
        return out

    @property
    def is_one_integer(self) -> bool:
        """Whether the only condition is that the first column, ascending integers, is a value."""
        column, one = self.columns[0], self.conditions[0] if len(self.conditions) == 1 else None
        dtype = column.codec.dtype
        return (
            one is not None and one.column == 0 and one.strategy == _EQ
            and not (one.array or one.null or column.descending or column.nulls_first)
            and dtype is not None and dtype.kind == "i" and dtype.itemsize > 1
            and self.env.codec(one.typid).dtype is not None
            and self.env.codec(one.typid).dtype.kind == "i"  # type: ignore[union-attr]
        )  # fmt: skip

    @property
    def has_checks(self) -> bool:
        """Whether tuples of the ranges are looked at for other conditions."""
        return bool(self._checks)

    def equal(self, ctx: Context) -> list[Equal]:
        """What the numbers of a wanted tuple are, beside the ranges."""
        found = [(offset, c.column, c.value((), ctx)) for offset, c in self._checks]
        return [
            Equal(offset, self.columns[column].codec.dtype.type(value))
            for offset, column, value in found if value is not None
        ]  # fmt: skip

    def _strategy(self, left: Any, operator: int) -> int:
        if not _is_column(left) or left.varattno > len(self.columns):
            return 0
        family = self.columns[left.varattno - 1].family
        row = self.env.session.cache.one("pg_amop", ("amopfamily", "amopopr"), (family, operator))
        return int(row.amopstrategy) if row is not None else 0

    def _compare(self, column: _Column, typid: int, value: Any) -> Compare:
        """How an index attribute stands to a value, in the index's order."""
        nulls = -1 if column.nulls_first else 1
        if value is None:
            return lambda datum: 0 if datum is None else -nulls
        base = self.env.codec(typid).typid if typid else column.opcintype
        prosrc = ""
        for right in (typid, base, column.opcintype):
            prosrc = prosrc or self.env.ops.support(column.family, column.opcintype, right)
        if not prosrc:
            raise Unsupported(f"index comparison with type {typid}")
        compare = self.env.ops.comparison(prosrc, column.opcintype, column.collation)
        decode = column.codec.decode
        sign = -1 if column.descending else 1
        return lambda datum: nulls if datum is None else sign * compare(decode(datum), value)

    def ranges(self, ctx: Context, backward: bool) -> Iterator[tuple[Bound | None, Bound | None]]:
        """The ranges to scan, in index order."""
        values = [None if c.null else c.value((), ctx) for c in self.conditions]
        choices: list[list[Any]] = []
        for i, (condition, value) in enumerate(zip(self.conditions, values)):
            if value is None and not condition.null:
                return
            expanded = i in self._expanded
            choices.append(self._elements(condition, value, backward) if expanded else [value])
        order = sorted(range(len(choices)), key=lambda i: self.conditions[i].column)
        for picked in itertools.product(*[choices[i] for i in order]):
            chosen = dict(zip(order, picked))
            yield self._range([
                (c, chosen[i]) for i, c in enumerate(self.conditions)
                if not c.array or i in self._expanded
            ])  # fmt: skip

    def _elements(self, condition: _Condition, array: Any, backward: bool) -> list[Any]:
        """The different elements in index order."""
        column = self.columns[condition.column]
        codec = self.env.codec(condition.typid)
        prosrc = self.env.ops.type_cmp(condition.typid)
        compare = self.env.ops.comparison(prosrc, condition.typid, column.collation)
        from functools import cmp_to_key

        different = {codec.encode(v): v for v in array.elements if v is not None}
        out = sorted(different.values(), key=cmp_to_key(compare))
        kept: list[Any] = []
        for value in out:
            if not kept or compare(kept[-1], value):
                kept.append(value)
        return kept[::-1] if column.descending != backward else kept

    def _range(self, picked: list[tuple[_Condition, Any]]) -> tuple[Bound | None, Bound | None]:
        prefix: list[Compare] = []
        for number, column in enumerate(self.columns):
            mine = [(c, v) for c, v in picked if c.column == number]
            equal = [(c, v) for c, v in mine if c.strategy == _EQ]
            if equal:
                condition, value = equal[0]
                prefix.append(self._compare(column, condition.typid, value))
                continue
            return self._ends(prefix, column, mine)
        return _bounds(prefix, None, None)

    def _ends(
        self, prefix: list[Compare], column: _Column, mine: list[tuple[_Condition, Any]]
    ) -> tuple[Bound | None, Bound | None]:
        low: tuple[Compare, bool] | None = None
        high: tuple[Compare, bool] | None = None
        for condition, value in mine:
            strategy = condition.strategy
            strategy = _FLIPPED[strategy] if column.descending else strategy
            compare = self._compare(column, condition.typid, value)
            if strategy in (_GE, _GT):
                low = low or (compare, strategy == _GT)
            elif strategy in (_LT, _LE):
                high = high or (compare, strategy == _LE)
        if low or high:
            # No comparison is true of NULL.
            null = self._compare(column, 0, None)
            if column.nulls_first:
                low = low or (null, True)
            else:
                high = high or (null, False)
        return _bounds(prefix, low, high)


def _bounds(
    prefix: list[Compare], low: tuple[Compare, bool] | None, high: tuple[Compare, bool] | None
) -> tuple[Bound | None, Bound | None]:
    def bound(end: tuple[Compare, bool] | None, after: bool) -> Bound | None:
        parts = [*prefix, end[0]] if end else prefix
        if not parts:
            return None
        return Bound(_joined(parts), len(parts), end[1] if end else after)

    return bound(low, False), bound(high, True)


def _joined(parts: list[Compare]) -> Callable[[Any], int]:
    """Column by column; a tuple that lacks one comes before."""

    def compare(datums: Any) -> int:
        for i, part in enumerate(parts):
            if i >= len(datums):
                return -1
            result = part(datums[i])
            if result:
                return result
        return 0

    return compare


def _bare(node: Any) -> Any:
    while type(node).__name__ == "RelabelType":
        node = node.arg
    return node


def _is_column(node: Any) -> bool:
    node = _bare(node)
    return type(node).__name__ == "Var" and node.varno == INDEX_VAR
