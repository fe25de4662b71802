"""ANALYZE of one relation: a sample of its rows, statistics of its columns, pg_class.

A table whose rows fit into the sample is read whole; of a larger one random blocks are read
and random rows of them kept, in physical order. Rows of pg_statistic are made or replaced;
sizes go into pg_class in place. A table with children gets a second set over the whole tree.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from formats.units import BLCKSZ
from pgtool.access.heap.columns import materialise
from pgtool.access.heap.deform import walk
from pgtool.catalog.index import indexes_of
from pgtool.catalog.inplace import update_inplace
from pgtool.catalog.pg_inherits import inheritors
from pgtool.commands.columnstats import (
    ColumnStats,
    Sample,
    Slot,
    by_equality,
    by_order,
    by_width,
)
from pgtool.commands.context import Ddl
from pgtool.commands.elementstats import array_slots, range_stats, tsvector_stats
from pgtool.commands.indexcmds import children_of
from pgtool.commands.indexstats import IndexSample, index_samples
from pgtool.commands.query import up_to_here
from pgtool.errors import SqlError, Unsupported
from pgtool.functions.codec import codec_of
from pgtool.functions.opcache import opcache
from pgtool.storage.pagearrays import count_dead_pointers
from pgtool.types.arrays import ArrayValue, pack_array
from pgtool.types.ordering import key_function

__all__ = ["analyze_relation"]

WIDTH_THRESHOLD = 1024
ROWS_PER_TARGET = 300
SLOTS = 5
VARHDRSZ, SHORT_MAX = 4, 126
EQUAL, LESS = 3, 1
HASH_AM = 405
ANYARRAY, STATISTIC_RELATION = 2277, 2619
#: Analyses of types that make no common values and histogram of whole values.
_OWN_ANALYSIS: dict[str, Callable[[Any, int, list[bytes | None], int, int], ColumnStats]] = {
    "range_typanalyze": range_stats, "multirange_typanalyze": range_stats,
    "ts_typanalyze": tsvector_stats,
}  # fmt: skip


class _Column:
    """One column to be analyzed."""

    def __init__(self, ddl: Ddl, attribute: Any) -> None:
        self.attribute = attribute
        self.number = int(attribute.attnum)
        target = attribute.attstattarget
        default = int(ddl.session.get("default_statistics_target"))
        self.target = default if target is None or target < 0 else int(target)
        typid = attribute.atttypid
        info = ddl.types.info(typid)
        while info.typtype == "d":
            typid = info.typbasetype
            info = ddl.types.info(typid)
        self.typid, self.info = typid, info
        self.collation = attribute.attcollation
        row = ddl.cache.type(typid)
        analyze = ddl.cache.proc(row.typanalyze) if row.typanalyze else None
        self.session = ddl.session
        self.analysis = "" if analyze is None else str(analyze.prosrc)
        ops = opcache(ddl.session)
        self.compare: Any = None
        self.plain = False
        self.equal = self.less = 0
        if self.analysis not in _OWN_ANALYSIS:
            self.equal, self.less = _operators(ddl.session, typid)
        if self.less:
            family, kind = ops.default_family(typid)
            self._order(ddl, ops, ops.support(family, kind, kind), kind)

    def _order(self, ddl: Ddl, ops: Any, prosrc: str, kind: int) -> None:
        from pgtool.catalog.collations import collation_facts

        key = key_function(prosrc)
        collated = bool(self.collation) and prosrc in ("bttextcmp", "bpcharcmp")
        if key is not None and not (
            collated and not collation_facts(ddl.cache, self.collation).by_bytes
        ):
            self.key: Any = key
            self.plain = True
            return
        codec = codec_of(ddl.types, self.typid)
        self.key = codec.decode
        self.compare = ops.comparison(prosrc, kind, self.collation)

    @property
    def skipped(self) -> bool:
        """Nothing is to be found out of it."""
        return bool(
            self.target == 0 or self.attribute.attisdropped or self.attribute.attgenerated == "v"
        )

    def stats(self, sample: Sample, values: list[bytes | None]) -> ColumnStats | None:
        """Its statistics, of the sample and of all the values that it was taken from."""
        if self.analysis in _OWN_ANALYSIS:
            return _OWN_ANALYSIS[self.analysis](
                self.session, self.typid, values, sample.total_width, self.target
            )
        if self.less and self.equal:
            out = by_order(sample, self.target, self.compare)
        elif self.equal:
            out = by_equality(sample, self.target, operator.eq)
        else:
            out = by_width(sample)
        if out is not None and self.analysis == "array_typanalyze" and self.info.typelem:
            self._elements(out, values)
        return out

    def _elements(self, out: ColumnStats, values: list[bytes | None]) -> None:
        """What elements of arrays that order and hash add."""
        element = self.info.typelem
        equal, less = _operators(self.session, element)
        if less and equal and _hashes(self.session, element):
            out.slots += array_slots(
                self.session, element, equal, self.collation, values, self.target
            )


def _operators(session: Any, typid: int) -> tuple[int, int]:
    """A type's equality, and its < where its values order (0: there is none)."""
    cache, ops = session.cache, opcache(session)
    if typid == ANYARRAY:
        return 0, 0
    key = ("amopfamily", "amoplefttype", "amoprighttype", "amopstrategy")
    info = session.types.info(typid)
    while info.typtype == "d":
        info = session.types.info(info.typbasetype)
    parts = []
    if info.typtype == "c":
        parts = [a.atttypid for a in session.types.lookups.attributes(info.oid, -1)
                 if not a.attisdropped]  # fmt: skip
    elif info.typelem and info.typlen == -1:
        parts = [info.typelem]
    below = [_operators(session, part) for part in parts]
    try:
        family, kind = ops.default_family(typid)
    except Unsupported:
        found = _hash_family(session, typid)
        row = found and cache.one("pg_amop", key, (*found, found[1], 1))
        return (int(row.amopopr), 0) if row else (0, 0)
    out = []
    for strategy, usable in ((EQUAL, all(equal for equal, _less in below)),
                             (LESS, all(less for _equal, less in below))):  # fmt: skip
        row = cache.one("pg_amop", key, (family, kind, kind, strategy)) if usable else None
        out.append(0 if row is None else int(row.amopopr))
    return out[0], out[1]


def _hash_family(session: Any, typid: int) -> tuple[int, int] | None:
    """(family, input type) of a type's default hash operator class."""
    for one in opcache(session).opclass_types(typid):
        rows = session.cache.lookup("pg_opclass", ("opcmethod", "opcintype"), (HASH_AM, one))
        for found in rows:
            if found.opcdefault:
                return int(found.opcfamily), one
    return None


def _hashes(session: Any, typid: int) -> bool:
    return _hash_family(session, typid) is not None


def _columns(ddl: Ddl, row: Any, names: list[str] | None) -> list[_Column]:
    attributes = [a for a in ddl.attributes(row.oid) if not a.attisdropped]
    if names is not None:
        picked = []
        for place, name in enumerate(names):
            found = next((a for a in attributes if a.attname == name), None)
            if found is None:
                raise SqlError(f'column "{name}" of relation "{row.relname}" does not exist',
                               "42703")  # fmt: skip
            if name in names[:place]:
                raise SqlError(f'column "{name}" of relation "{row.relname}" appears more than '
                               "once", "42701")  # fmt: skip
            picked.append(found)
        attributes = picked
    return [column for column in (_Column(ddl, a) for a in attributes) if not column.skipped]


class _Rows:
    """A sample of rows: for each column datums (None for NULL), widths, whether too wide."""

    def __init__(self, count: int) -> None:
        self.values: list[list[bytes | None]] = [[] for _ in range(count)]
        self.widths = [0] * count
        self.rows = 0
        self.total = 0.0
        self.pages = 0
        #: Pages that were read, and live and dead rows on them.
        self.scanned = self.live = self.dead = 0

    def line(self, name: str) -> str:
        """What VERBOSE says."""
        return (
            f'"{name}": scanned {self.scanned} of {self.pages} pages, containing {self.live} '
            f"live rows and {self.dead} dead rows; {self.rows} rows in sample, "
            f"{int(self.total)} estimated total rows"
        )


def _blocks(pages: int, wanted: int) -> list[int] | None:
    """The blocks to read; None for all."""
    if pages <= wanted:
        return None
    return sorted(random.sample(range(pages), wanted))


def _sample(
    ddl: Ddl, row: Any, columns: list[_Column], wanted: int, indexes: Sequence[IndexSample] = ()
) -> _Rows:
    """Rows of one table, at most so many; the indexes get them too."""
    relation = ddl.database.relation(row.oid)
    out = _Rows(len(columns))
    pool = ddl.database.cluster.instance.pool
    out.pages = pool.nblocks(relation.locator)
    picked = _blocks(out.pages, wanted)
    live = 0
    numbers = {a.attname: i for i, a in enumerate(relation.attributes)}
    places = [numbers[column.attribute.attname] for column in columns]
    chunks = []
    with up_to_here(ddl):
        scan = ddl.database.scan(relation)
        stored = _Stored()
        scan.watch = stored.see
        for tuples in scan.runs() if picked is None else scan.some(picked):
            live += len(tuples)
            chunks.append(tuples)
        keep = None
        if live > wanted:
            keep = np.zeros(live, np.bool_)
            keep[random.sample(range(live), wanted)] = True
        at = 0
        for tuples in chunks:
            mask = None
            if keep is not None:
                mask = keep[at : at + len(tuples)]
            at += len(tuples)
            kept = tuples if mask is None else tuples.take(mask)
            for index in indexes:
                index.add(kept)
            _collect(out, scan, kept, columns, places)
    out.scanned, out.live = out.pages if picked is None else len(picked), live
    out.dead = stored.rows - live + stored.dead_pointers
    out.total = float(live)
    if picked is not None and picked:
        out.total = math.floor(live / len(picked) * out.pages + 0.5)
    return out


class _Stored:
    """Counts what lies on the pages of a sample, whether it is seen or not."""

    rows = dead_pointers = 0

    def see(self, tuples: Any) -> None:
        """Some pages."""
        self.rows += len(tuples)
        pages = tuples.buffer[: len(tuples.all_visible) * BLCKSZ].reshape(-1, BLCKSZ)
        self.dead_pointers += count_dead_pointers(pages)


def _collect(out: _Rows, scan: Any, tuples: Any, columns: list[_Column], places: list[int]) -> None:
    if not len(tuples):
        return
    tuples, found = walk(tuples, scan.attrs, places, scan.damage)
    out.rows += len(tuples)
    for slot, (column, at) in enumerate(zip(columns, places)):
        place = found[at]
        if column.info.typlen < 0:
            out.widths[slot] += _stored_width(tuples, column, place, scan.attrs[at].missing)
        made = materialise(tuples, scan.attrs[at], place, scan.fetch, scan.damage)
        out.values[slot] += made.datums()


def _stored_width(tuples: Any, column: _Column, place: Any, missing: bytes | None) -> int:
    """Bytes of the values as they lie in the rows, headers included.

    A row made before its column was added counts with the value kept for such rows.
    """
    length = place.length
    there = np.ones(len(length), bool) if place.present is None else place.present
    if column.info.typlen == -2:
        head = np.ones(len(length), np.int64)
    else:
        # The last byte of a long header is 0 for lengths that a short one can tell.
        before = tuples.buffer[np.where(there, place.start - 1, 0)]
        head = np.where((length <= SHORT_MAX) & (before & 1 != 0), 1, VARHDRSZ)
        if place.special is not None:
            head[place.special] = 0  # their length is that of the whole
    total = int((length + head)[there].sum())
    if place.missing is not None and missing is not None:
        total += int(np.count_nonzero(place.missing)) * (len(missing) + VARHDRSZ)
    return total


def _sampled(
    column: _Column, values: list[bytes | None], width: int, total: float
) -> Sample:
    datums: list[bytes] = []
    nulls = wide = 0
    varying = column.info.typlen < 0
    for value in values:
        if value is None:
            nulls += 1
        elif varying and len(value) + VARHDRSZ > WIDTH_THRESHOLD:
            wide += 1
        else:
            datums.append(value)
    keys: list[Any] = datums if column.equal else []
    if column.less:
        keys = [column.key(datum) for datum in datums]
    return Sample(
        datums, keys, len(values), total, nulls, wide, width,
        column.info.typlen if not varying else 0,
    )  # fmt: skip


def _store(ddl: Ddl, relid: int, column: _Column, inherited: bool, stats: ColumnStats) -> None:
    """Make or replace a row of pg_statistic."""
    row: dict[str, Any] = {
        "starelid": relid, "staattnum": column.number, "stainherit": inherited,
        "stanullfrac": stats.nullfrac, "stawidth": stats.width, "stadistinct": stats.distinct,
    }  # fmt: skip
    for n in range(1, SLOTS + 1):
        slot = stats.slots[n - 1] if n <= len(stats.slots) else None
        row |= _slot(ddl, column, n, slot)
    key = ("starelid", "staattnum", "stainherit")
    old = ddl.cache.one("pg_statistic", key, (relid, column.number, inherited))
    if old is None:
        ddl.writer.insert("pg_statistic", row)
    else:
        ddl.writer.update("pg_statistic", old, **row)


def _slot(ddl: Ddl, column: _Column, n: int, slot: Slot | None) -> dict[str, Any]:
    """One slot of a row of pg_statistic."""
    names = [f"sta{name}{n}" for name in ("kind", "op", "coll", "numbers", "values")]
    if slot is None:
        return dict(zip(names, (0, 0, 0, None, None)))
    used = slot.operator
    if used is None:
        used = column.equal if slot.kind == 1 else column.less
    values = None
    if slot.values:
        typid = slot.typid or column.attribute.atttypid
        made = ArrayValue(typid, [len(slot.values)], [1], list(slot.values))
        values = pack_array(made, ddl.types.info(typid))
    collation = column.collation if slot.collation is None else slot.collation
    numbers = tuple(slot.numbers) if slot.numbers else None
    return dict(zip(names, (slot.kind, used, collation, numbers, values)))


def _sizes(ddl: Ddl, row: Any, rows: _Rows, shares: dict[int, float]) -> None:
    """relpages and reltuples of the table and its indexes."""
    from pgtool.access.heap.heapam import open_heap
    from pgtool.access.heap.vacuumlazy import count_map
    from pgtool.catalog.heaptarget import heap_target

    instance = ddl.database.cluster.instance
    pool = instance.pool
    relation = ddl.database.relation(row.oid)
    visible, frozen = count_map(open_heap(instance, heap_target(ddl.cache, relation, instance)))
    indexes = [index for index in indexes_of(ddl.writer, row.oid) if index.indisready]
    facts = ddl.relation_row(row.oid)
    update_inplace(
        ddl.writer, "pg_class", facts, relpages=rows.pages, reltuples=float(rows.total),
        relallvisible=visible, relallfrozen=frozen,
        **_marks(ddl, facts),
    )  # fmt: skip
    for index in indexes:
        facts = ddl.relation_row(index.indexrelid)
        if facts.relkind == "i":
            pages = pool.nblocks(ddl.database.relation(facts.oid).locator)
            count = math.ceil(shares.get(facts.oid, 1.0) * rows.total)
            update_inplace(ddl.writer, "pg_class", facts, relpages=pages,
                           reltuples=float(count))  # fmt: skip


def _marks(ddl: Ddl, row: Any) -> dict[str, bool]:
    """What ANALYZE may take back; in a block others may still need it after a rollback."""
    if ddl.session.in_transaction:
        return {}
    return outdated(ddl, row, bool(indexes_of(ddl.writer, row.oid)))


def outdated(ddl: Ddl, row: Any, indexed: bool) -> dict[str, bool]:
    """The marks of pg_class that say there are things of which none is left."""
    left = {
        "relhasindex": indexed,
        "relhasrules": bool(ddl.cache.lookup("pg_rewrite", "ev_class", row.oid)),
        "relhastriggers": bool(ddl.cache.lookup("pg_trigger", "tgrelid", row.oid)),
    }
    return {name: False for name, there in left.items() if getattr(row, name) and not there}


def _tree(ddl: Ddl, oid: int) -> list[Any]:
    """A table and everything that inherits from it, as far as it has rows."""
    rows = [ddl.relation_row(one) for one in (oid, *inheritors(ddl.cache, oid))]
    return [row for row in rows if row.relkind in "rm"]


def _analyze_tree(ddl: Ddl, row: Any, columns: list[_Column], wanted: int) -> _Rows:
    """A sample of a whole tree: of each table a share by its size."""
    tables = _tree(ddl, row.oid)
    pool = ddl.database.cluster.instance.pool
    sizes = [pool.nblocks(ddl.database.relation(t.oid).locator) for t in tables]
    total = sum(sizes)
    out = _Rows(len(columns))
    for table, size in zip(tables, sizes):
        if not size:
            continue
        share = wanted if total == 0 else max(1, math.floor(wanted * size / total + 0.5))
        part = _sample(ddl, table, columns, share)
        out.rows += part.rows
        out.total += part.total
        for slot in range(len(columns)):
            out.values[slot] += part.values[slot]
            out.widths[slot] += part.widths[slot]
    return out


def analyze_relation(
    ddl: Ddl, row: Any, columns: list[str] | None, *, verbose: bool = False,
    in_outer_xact: bool = False,
) -> None:  # fmt: skip
    """Statistics of a table, materialized view or partitioned table; of any but pg_statistic."""
    if row.oid == STATISTIC_RELATION:
        return
    picked = _columns(ddl, row, columns)
    wanted = max([column.target for column in picked] + [100]) * ROWS_PER_TARGET
    if row.relkind in "rm":
        if verbose:
            schema = ddl.database.namespaces[row.relnamespace]
            ddl.notice(f'analyzing "{schema}.{row.relname}"', severity="INFO")
        indexes = index_samples(ddl, row.oid, expressions=columns is None)
        rows = _sample(ddl, row, picked, wanted, indexes)
        if verbose:
            ddl.notice(rows.line(row.relname), severity="INFO")
        _write(ddl, row, picked, rows, False)
        for index in indexes:
            _write_index(ddl, index, rows.total)
        _sizes(ddl, row, rows, {index.oid: index.share for index in indexes})
    if row.relhassubclass and row.relkind in "rp" and children_of(ddl, row.oid):
        rows = _analyze_tree(ddl, row, picked, wanted)
        if rows.rows or row.relkind == "p":
            _write(ddl, row, picked, rows, True)
        if row.relkind == "p":
            facts = ddl.relation_row(row.oid)
            update_inplace(ddl.writer, "pg_class", facts, relpages=-1, reltuples=float(rows.total),
                           **_marks(ddl, facts))  # fmt: skip


def _write_index(ddl: Ddl, index: IndexSample, total: float) -> None:
    """Statistics of an index's expressions."""
    if not index.rows:
        return
    total = math.ceil(index.share * total)
    for place, attribute in enumerate(index.attributes):
        column = _Column(ddl, attribute)
        if column.skipped:
            continue
        values = index.values[place]
        stats = column.stats(_sampled(column, values, index.widths[place], total), values)
        if stats is not None:
            _store(ddl, index.oid, column, False, stats)
    ddl.advance()


def _write(ddl: Ddl, row: Any, columns: list[_Column], rows: _Rows, inherited: bool) -> None:
    if not rows.rows:
        return
    for slot, column in enumerate(columns):
        values = rows.values[slot]
        stats = column.stats(_sampled(column, values, rows.widths[slot], rows.total), values)
        if stats is not None:
            _store(ddl, row.oid, column, inherited, stats)
    ddl.advance()


