"""Which partition a row belongs to, from the bounds that pg_class.relpartbound stores.

A :class:`Router` knows one partitioned table: its key and its partitions' bounds. Sub-
partitioned tables are followed down by :meth:`Router.leaf`. The same answer serves the check
of rows that are written into a partition directly: the table above must lead there.
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import Any

from pgtool.errors import SqlError
from pgtool.functions.hashing import partition_hash
from pgtool.nodes.text import text_to_node
from pgtool.sql.executor.constraints import cut
from pgtool.sql.executor.scalar import ScalarCompiler, const_value
from pgtool.sql.executor.written import Row, RowShape, row_scope

__all__ = ["Conversion", "Router"]

CHECK_VIOLATION = "23514"
_RANGE, _LIST, _HASH = "r", "l", "h"


class Conversion:
    """A row of one table as a row of another with the same columns, found by name."""

    def __init__(self, source: RowShape, target: RowShape) -> None:
        self.target = target
        places = {source.attributes[i].attname: i for i in source.live}
        self.map = [
            None if a.attisdropped else places[a.attname] for a in target.attributes
        ]
        self.same = self.map == list(range(source.natts))

    def __call__(self, row: Row) -> Row:
        datums = row.datums
        moved = list(datums) if self.same else [
            None if i is None else datums[i] for i in self.map
        ]
        return Row(self.target, moved, row.tid)


class Router:
    """One partitioned table."""

    def __init__(self, env: Any, relation: Any) -> None:
        self.env = env
        self.relation = relation
        session = env.session
        cache = session.cache
        shape = self.shape = RowShape(env, relation)
        row = cache.one("pg_partitioned_table", "partrelid", relation.oid)
        self.strategy = row.partstrat
        stored = list(text_to_node(row.partexprs, cache.major)) if row.partexprs else []
        compiler = ScalarCompiler(env, row_scope(shape.natts))
        self.keys: list[Any] = []
        self.compares: list[Any] = []
        self.types: list[int] = []
        self.collations = list(row.partcollation)
        for attnum, opclass, collation in zip(row.partattrs, row.partclass, row.partcollation):
            if attnum:
                index = attnum - 1
                self.keys.append(lambda values, ctx, i=index: values[i])
                typid = relation.attributes[index].atttypid
            else:
                from pgtool.sql.analyze.nodetypes import expr_type

                node = stored.pop(0)
                self.keys.append(compiler.compile(node))
                typid = expr_type(node)
            self.types.append(typid)
            if self.strategy != _HASH:
                found = cache.one("pg_opclass", "oid", opclass)
                prosrc = env.ops.support(found.opcfamily, found.opcintype, found.opcintype)
                self.compares.append(env.ops.comparison(prosrc, found.opcintype, collation))
        self.row = row
        self.default = 0
        self.parts: list[tuple[int, Any]] = []
        for oid in session.database.children.get(relation.oid, []):
            self._bound(oid, cache.one("pg_class", "oid", oid).relpartbound)
        self._known: dict[Any, int] = {}

    def _bound(self, oid: int, text: str) -> None:
        bound = text_to_node(text, self.env.session.cache.major)
        if bound.is_default:
            self.default = oid
        elif self.strategy == _HASH:
            self.parts.append((oid, (bound.modulus, bound.remainder)))
        elif self.strategy == _LIST:
            values = [const_value(self.env, datum) for datum in bound.listdatums]
            self.parts.append((oid, values))
        else:
            self.parts.append((oid, (self._side(bound.lowerdatums), self._side(bound.upperdatums))))

    def in_order(self) -> list[int]:
        """The partitions as the server keeps them: by their bounds, the default one last."""
        if self.strategy == _HASH:
            placed = sorted((bound, oid) for oid, bound in self.parts)
        elif self.strategy == _RANGE:
            def ends(one: list[tuple[int, Any]], two: list[tuple[int, Any]]) -> int:
                return self.compare_sides(one, two)[0]

            order = cmp_to_key(ends)
            placed = sorted((order(lower), oid) for oid, (lower, _) in self.parts)
        else:
            compare, last = cmp_to_key(self.compares[0]), (1, 0)
            placed = sorted(
                (min((0, compare(v)) if v is not None else last for v in values), oid)
                for oid, values in self.parts
            )  # fmt: skip
        return [oid for _, oid in placed] + ([self.default] if self.default else [])

    def compare_sides(
        self, one: list[tuple[int, Any]], two: list[tuple[int, Any]]
    ) -> tuple[int, int]:
        """How two ends of ranges stand: less, equal or greater than 0, and the key column that
        told it or was looked at last."""
        place = 0
        for place, pair in enumerate(zip(one, self.compares, two)):
            (kind, value), compare, (other_kind, other) = pair
            if kind != other_kind:
                return (-1 if kind < other_kind else 1), place
            result = 0 if kind else int(compare(value, other))
            if kind or result:
                return result, place
        return 0, place

    def _side(self, datums: list[Any]) -> list[tuple[int, Any]]:
        """(-1 MINVALUE, 0 a value, 1 MAXVALUE; the value) for each key column."""
        return [
            (int(d.kind), const_value(self.env, d.value) if int(d.kind) == 0 else None)
            for d in datums
        ]

    # -- finding ----

    def values(self, row: Row, ctx: Any) -> tuple[Any, ...]:
        """The row's partition key."""
        return tuple(key(row, ctx) for key in self.keys)

    def find(self, row: Row, ctx: Any) -> int:
        """The OID of the partition that a row belongs to, 0 where there is none."""
        values = self.values(row, ctx)
        try:
            found = self._known.get(values)
        except TypeError:
            return self._search(values) or self.default
        if found is None:
            if len(self._known) > 10000:
                self._known.clear()
            found = self._known[values] = self._search(values) or self.default
        return found

    def _search(self, values: tuple[Any, ...]) -> int:
        if self.strategy == _HASH:
            made = partition_hash(self.env.session, self.types, list(values), self.collations)
            for oid, (modulus, remainder) in self.parts:
                if made % modulus == remainder:
                    return oid
            return 0
        if self.strategy == _LIST:
            return self._listed(values[0])
        if any(value is None for value in values):
            return 0
        for oid, (lower, upper) in self.parts:
            if self._compare(values, lower) >= 0 and self._compare(values, upper) < 0:
                return oid
        return 0

    def _listed(self, value: Any) -> int:
        compare = self.compares[0]
        for oid, wanted in self.parts:
            for one in wanted:
                if value is None or one is None:
                    if value is None and one is None:
                        return oid
                elif not compare(one, value):
                    return oid
        return 0

    def _compare(self, values: tuple[Any, ...], side: list[tuple[int, Any]]) -> int:
        """How a key stands to a bound."""
        for value, compare, (kind, bound) in zip(values, self.compares, side):
            if kind:
                return -kind
            result: int = compare(value, bound)
            if result:
                return result
        return 0

    def no_partition(self, row: Row, ctx: Any) -> SqlError:
        """The error of a row without a partition."""
        return SqlError(
            f'no partition of relation "{self.relation.relname}" found for row', CHECK_VIOLATION,
            f"Partition key of the failing row contains {self._described(row, ctx)}.",
        )  # fmt: skip

    def _described(self, row: Row, ctx: Any) -> str:
        """``(a) = (1)``."""
        from pgtool.functions.ruleutils.partitions import partition_key_columns

        names = partition_key_columns(self.env.session, self.relation.oid)
        texts = []
        for typid, value in zip(self.types, self.values(row, ctx)):
            if value is None:
                texts.append("null")
            else:
                datum = self.env.codec(typid).encode(value)
                texts.append(cut(self.env.registry.io_of(typid).output(datum), self.env))
        return f"({names}) = ({', '.join(texts)})"
