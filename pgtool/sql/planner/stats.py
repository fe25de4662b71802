"""Sizes of relations and statistics of columns: pg_class, the files, pg_statistic.

``Stats`` is one pg_statistic row, its arrays decoded to values that compare the way the
column's type orders (numbers, text by bytes); types without such an order compare for
equality only.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from formats.errors import CorruptData
from formats.units import BLCKSZ
from pgtool.catalog import typeoids as t
from pgtool.errors import UserError
from pgtool.nodes.exprs import Var
from pgtool.sql.planner import trees
from pgtool.sql.planner.base import Glob, Rel, Root
from pgtool.storage.smgr import ForkNumber
from pgtool.types.arrays import read_array
from pgtool.types.numeric import numeric_decimal

KIND_MCV, KIND_HISTOGRAM, KIND_CORRELATION = 1, 2, 3
_MIN_PAGES = 10
_PAGE_BYTES = BLCKSZ - 24

_SIGNED = {t.INT2OID, t.INT4OID, t.INT8OID, t.DATEOID, t.TIMESTAMPOID, t.TIMESTAMPTZOID, 1083,
           790}  # fmt: skip
_UNSIGNED = {t.OIDOID, t.XIDOID, t.CIDOID, 24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089,
             4096, 4191, 3220, 5069}  # fmt: skip
_TEXT = {t.TEXTOID, t.VARCHAROID, t.NAMEOID, t.BPCHAROID, 18, 17, 2950}


def comparable(typid: int, datum: bytes | None) -> Any:
    """A stored datum as a value that orders as its type does (bytes where it has none)."""
    if datum is None:
        return None
    try:
        if typid in _SIGNED:
            return int.from_bytes(datum, "little", signed=True)
        if typid in _UNSIGNED:
            return int.from_bytes(datum, "little")
        if typid == t.BOOLOID:
            return int(datum[0])
        if typid == t.FLOAT8OID:
            return struct.unpack("<d", datum[:8])[0]
        if typid == t.FLOAT4OID:
            return struct.unpack("<f", datum[:4])[0]
        if typid == t.NUMERICOID:
            value = numeric_decimal(datum)
            return float(value) if not value.is_finite() else value
        if typid == t.BPCHAROID:
            return bytes(datum).rstrip(b" ")
        if typid == t.NAMEOID:
            return bytes(datum).split(b"\0", 1)[0]
    except (CorruptData, struct.error, ValueError, IndexError):
        return bytes(datum)
    return bytes(datum)


def ordered(typid: int) -> bool:
    """Whether :func:`comparable` gives values with the type's order."""
    return typid in _SIGNED or typid in _UNSIGNED or typid in _TEXT or typid in (
        t.BOOLOID, t.FLOAT4OID, t.FLOAT8OID, t.NUMERICOID)  # fmt: skip


@dataclass
class Stats:
    """What ANALYZE found out about one column."""

    nullfrac: float = 0.0
    width: int = 0
    distinct: float = 0.0
    typid: int = 0
    mcv: list[Any] = field(default_factory=list)
    mcv_freqs: list[float] = field(default_factory=list)
    histogram: list[Any] = field(default_factory=list)
    correlation: float | None = None
    slots: dict[int, tuple[list[Any], list[float]]] = field(default_factory=dict)


def column_stats(glob: Glob, relid: int, attnum: int, inherited: bool = False) -> Stats | None:
    """The statistics of a column; None where there are none."""
    known = glob.__dict__.setdefault("stats_cache", {})
    wanted = (relid, attnum, inherited)
    if wanted not in known:
        row = glob.cache.one("pg_statistic", ("starelid", "staattnum", "stainherit"), wanted)
        known[wanted] = None if row is None else _decode(glob, row, relid, attnum)
    found: Stats | None = known[wanted]
    return found


def _decode(glob: Glob, row: Any, relid: int, attnum: int) -> Stats:
    relation = glob.cache.database.relation(relid)
    attributes = relation.attributes
    typid = glob.types.base_type(attributes[attnum - 1].atttypid) if attnum <= len(attributes) \
        else 0  # fmt: skip
    out = Stats(row.stanullfrac, row.stawidth, row.stadistinct, typid)
    for slot in range(1, 6):
        kind = getattr(row, f"stakind{slot}")
        numbers = list(getattr(row, f"stanumbers{slot}") or ())
        if kind == KIND_CORRELATION and numbers:
            out.correlation = numbers[0]
        if kind not in (KIND_MCV, KIND_HISTOGRAM):
            continue
        values = _values(glob, getattr(row, f"stavalues{slot}"))
        if values is None:
            continue
        if kind == KIND_MCV and len(values) == len(numbers):
            out.mcv, out.mcv_freqs = values, numbers
        elif kind == KIND_HISTOGRAM:
            out.histogram = values
    return out


def _values(glob: Glob, stored: bytes | None) -> list[Any] | None:
    if stored is None:
        return None
    try:
        array = read_array(stored, None, glob.session.types.info)
    except (CorruptData, struct.error, IndexError, ValueError):
        return None
    base = glob.types.base_type(array.elemtype)
    return [comparable(base, item) for item in array.items]


# -- sizes of relations ----


def relation_size(glob: Glob, relation: Any) -> tuple[int, float, float]:
    """(pages in the file, rows estimated, fraction of pages that are all-visible)."""
    try:
        pages = blocks(glob, relation)
    except (CorruptData, UserError):
        pages = max(relation.relpages, 0)
    relpages, reltuples = relation.relpages, relation.reltuples
    index = relation.relkind in "iI"
    curpages = pages
    if not index and curpages < _MIN_PAGES and reltuples < 0 and not relation.relhassubclass:
        curpages = _MIN_PAGES
    if curpages == 0:
        return 0, 0.0, 0.0
    measured, relevant = relpages, curpages
    if index and relpages > 0:
        relevant, measured = curpages - 1, relpages - 1
    if reltuples >= 0 and measured > 0:
        density = reltuples / measured
    else:
        width = tuple_width(glob, relation)
        density = float(_PAGE_BYTES // (_maxalign(width) + 24 + 4))
        density = max(1.0, density)
    tuples = float(round(density * relevant))
    row = glob.cache.one("pg_class", "oid", relation.oid)
    visible = getattr(row, "relallvisible", 0) or 0
    frac = 0.0 if visible == 0 or curpages <= 0 else min(visible / curpages, 1.0)
    return curpages, tuples, frac


def blocks(glob: Glob, relation: Any, fork: ForkNumber = ForkNumber.MAIN) -> int:
    """How many blocks a relation's file has."""
    if relation.locator is None:
        return 0
    known = glob.session.__dict__.setdefault("_blocks", {})
    wanted = (relation.oid, fork)
    if wanted not in known:
        directory = glob.cache.database.cluster.directory
        known[wanted] = directory.file(relation.locator, fork).nblocks
    return int(known[wanted])


def _maxalign(n: int) -> int:
    return -(-n // 8) * 8


def tuple_width(glob: Glob, relation: Any) -> int:
    """Estimated bytes of a row's data."""
    return sum(
        column_width(glob, relation, a.attnum) for a in relation.attributes if not a.attisdropped
    )


def column_width(glob: Glob, relation: Any, attnum: int) -> int:
    """Estimated bytes of one column's values."""
    if attnum <= 0:
        return 4 if attnum != -1 else 6
    attribute = relation.attributes[attnum - 1]
    if attribute.attlen > 0:
        return int(attribute.attlen)
    stats = column_stats(glob, relation.oid, attnum, False) or column_stats(
        glob, relation.oid, attnum, True)  # fmt: skip
    if stats is not None and stats.width > 0:
        return stats.width
    return type_width(glob, attribute.atttypid, attribute.atttypmod)


_BPCHAR_LIKE = {t.BPCHAROID, t.VARCHAROID}


def type_width(glob: Glob, typid: int, typmod: int) -> int:
    """The average width that is assumed of a type."""
    row = glob.cache.type(typid)
    if row is None:
        return 32
    if row.typlen > 0:
        return int(row.typlen)
    most = _max_width(glob, typid, typmod)
    if most > 0:
        if typid == t.BPCHAROID:
            return most
        if most <= 32:
            return most
        return 32 + (most - 32) // 2 if most < 1000 else 32 + (1000 - 32) // 2
    return 32


def _max_width(glob: Glob, typid: int, typmod: int) -> int:
    if typmod < 0:
        return -1
    if typid in _BPCHAR_LIKE:
        return (typmod - 4) * 4 + 4
    if typid == t.NUMERICOID:
        precision = ((typmod - 4) >> 16) & 0xFFFF
        digits = (precision + 2 * 3) // 4
        return digits * 2 + 8
    return -1


# -- what an expression's statistics are ----


@dataclass
class Variable:
    """An expression seen as something with statistics."""

    expr: Any
    rel: Rel | None = None
    stats: Stats | None = None
    unique: bool = False
    typid: int = 0
    typmod: int = -1


def examine(root: Root, node: Any) -> Variable:
    """Find what is known about an expression: a column's, or an indexed expression's stats."""
    from pgtool.sql.analyze.nodetypes import expr_type

    inner = trees.strip_relabel(node)
    out = Variable(inner, typid=expr_type(inner))
    rels = trees.varnos(inner)
    if isinstance(inner, Var) and inner.varlevelsup == 0:
        rel = root.rels.get(inner.varno)
        out.rel = rel
        if rel is not None:
            _examine_var(root, rel, inner, out)
        return out
    if len(rels) == 1:
        (rti,) = rels
        out.rel = root.rels.get(rti)
        if out.rel is not None:
            _examine_expr(root, out.rel, inner, out)
    return out


def _examine_var(root: Root, rel: Rel, var: Var, out: Variable) -> None:
    if rel.relation is not None:
        if var.varattno > 0:
            inherited = bool(rel.children) or rel.relation.relkind == "p"
            out.stats = column_stats(root.glob, rel.relation.oid, var.varattno, inherited)
        out.unique = has_unique_index(rel, var.varattno)
        return
    if rel.subroot is not None and var.varattno > 0:
        _examine_subquery(rel.subroot, var, out)


def _examine_subquery(subroot: Root, var: Var, out: Variable) -> None:
    query = subroot.query
    if query.setOperations is not None or var.varattno > len(query.targetList):
        return
    entry = query.targetList[var.varattno - 1]
    if query.distinctClause or query.groupClause:
        clauses = query.distinctClause or query.groupClause
        if len(clauses) == 1 and clauses[0].tleSortGroupRef == entry.ressortgroupref:
            out.unique = True
        if (query.distinctClause and not query.hasDistinctOn) or out.unique:
            return
    inner = entry.expr
    if isinstance(inner, Var) and inner.varlevelsup == 0:
        found = examine(subroot, inner)
        out.stats = found.stats


def _examine_expr(root: Root, rel: Rel, expr: Any, out: Variable) -> None:
    wanted = trees.key(expr)
    for index in rel.indexes:
        position = 0
        for column, attnum in enumerate(index.keys):
            if attnum != 0:
                continue
            indexed = index.exprs[position]
            position += 1
            if trees.key(trees.strip_relabel(indexed)) == wanted:
                if index.unique and index.nkeys == 1 and not index.predicate:
                    out.unique = True
                out.stats = column_stats(root.glob, index.oid, column + 1)
                if out.stats is not None:
                    return


def has_unique_index(rel: Rel, attnum: int) -> bool:
    """Whether a unique index has this column alone."""
    return any(
        index.unique and index.nkeys == 1 and index.keys[0] == attnum
        and (not index.predicate or index.pred_ok)
        for index in rel.indexes
    )  # fmt: skip


DEFAULT_DISTINCT = 200.0


def distinct(var: Variable) -> tuple[float, bool]:
    """(number of distinct values, whether that is only a guess)."""
    nullfrac, found = 0.0, 0.0
    if var.stats is not None:
        found, nullfrac = var.stats.distinct, var.stats.nullfrac
    elif var.typid == t.BOOLOID:
        found = 2.0
    elif var.rel is not None and var.rel.rte is not None and var.rel.rte.rtekind == 5:
        found = -1.0
    elif isinstance(var.expr, Var) and var.expr.varattno in (-1, -6):
        found = -1.0 if var.expr.varattno == -1 else 1.0
    if var.unique:
        found = -1.0 * (1.0 - nullfrac)
    if found > 0.0:
        return max(1.0, round(found)), False
    if var.rel is None or var.rel.tuples <= 0.0:
        return DEFAULT_DISTINCT, True
    if found < 0.0:
        return max(1.0, float(round(-found * var.rel.tuples))), False
    if var.rel.tuples < DEFAULT_DISTINCT:
        return max(1.0, float(round(var.rel.tuples))), False
    return DEFAULT_DISTINCT, True
