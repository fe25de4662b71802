"""ANALYZE of one relation: a sample of its rows, statistics of its columns, pg_class.

A table whose rows fit into the sample is read whole; of a larger one random blocks are read
and random rows of them kept, in physical order. Rows of pg_statistic are made or replaced;
sizes go into pg_class in place. A table with children gets a second set over the whole tree.
"""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np

from formats.units import BLCKSZ
from pgtool.access.heap.columns import materialise
from pgtool.access.heap.deform import walk
from pgtool.catalog.index import indexes_of
from pgtool.catalog.inplace import update_inplace
from pgtool.commands.columnstats import ColumnStats, Sample, by_order, by_width
from pgtool.commands.context import Ddl
from pgtool.commands.indexcmds import children_of
from pgtool.commands.query import up_to_here
from pgtool.errors import SqlError
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
#: Types whose own analysis makes no common values and histogram of whole values.
_OWN_ANALYSIS = {"range_typanalyze", "multirange_typanalyze", "ts_typanalyze"}


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
        self.own = analyze is not None and analyze.prosrc in _OWN_ANALYSIS
        ops = opcache(ddl.session)
        family, kind = ops.default_family(typid)
        self.equal = self.less = 0
        self.compare: Any = None
        self.plain = False
        if family:
            key = ("amopfamily", "amoplefttype", "amoprighttype", "amopstrategy")
            for strategy, name in ((EQUAL, "equal"), (LESS, "less")):
                found = ddl.cache.one("pg_amop", key, (family, kind, kind, strategy))
                setattr(self, name, int(found.amopopr) if found is not None else 0)
            prosrc = ops.support(family, kind, kind)
            self._order(ddl, ops, prosrc, kind)

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

    def stats(self, sample: Sample) -> ColumnStats | None:
        """Its statistics."""
        if self.own:
            out = by_width(sample)
            if out is not None and out.nullfrac < 1.0:
                out.distinct = -1.0 * (1.0 - out.nullfrac)
            return out
        if self.less and self.equal:
            return by_order(sample, self.target, self.compare)
        return by_width(sample)


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


def _sample(ddl: Ddl, row: Any, columns: list[_Column], wanted: int) -> _Rows:
    """Rows of one table, at most so many."""
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
            _collect(out, scan, tuples if mask is None else tuples.take(mask), columns, places)
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
            out.widths[slot] += _stored_width(column, place)
        made = materialise(tuples, scan.attrs[at], place, scan.fetch, scan.damage)
        out.values[slot] += [made.datum(i) for i in range(len(tuples))]


def _stored_width(column: _Column, place: Any) -> int:
    """Bytes of the values as they lie in the rows, headers included."""
    length = place.length
    if column.info.typlen == -2:
        head = np.ones(len(length), np.int64)
    else:
        short = (length <= SHORT_MAX) & (column.attribute.attstorage != "p")
        head = np.where(short, 1, VARHDRSZ)
        if place.special is not None:
            external = length[place.special] <= 16
            head[place.special] = np.where(external, 2, VARHDRSZ)
    there = np.ones(len(length), bool) if place.present is None else place.present
    return int((length + head)[there].sum())


def _column_sample(column: _Column, rows: _Rows, slot: int) -> Sample:
    values = rows.values[slot]
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
    keys = [column.key(datum) for datum in datums] if column.less else []
    return Sample(
        datums, keys, len(values), rows.total, nulls, wide, rows.widths[slot],
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
        operator = 0
        if slot is not None:
            operator = column.equal if slot.kind == 1 else column.less
        row[f"stakind{n}"] = 0 if slot is None else slot.kind
        row[f"staop{n}"] = operator
        row[f"stacoll{n}"] = 0 if slot is None else column.collation
        row[f"stanumbers{n}"] = None if slot is None or not slot.numbers else tuple(slot.numbers)
        values = None
        if slot is not None and slot.values is not None:
            made = ArrayValue(column.typid, [len(slot.values)], [1], list(slot.values))
            values = pack_array(made, column.info)
        row[f"stavalues{n}"] = values
    key = ("starelid", "staattnum", "stainherit")
    old = ddl.cache.one("pg_statistic", key, (relid, column.number, inherited))
    if old is None:
        ddl.writer.insert("pg_statistic", row)
    else:
        ddl.writer.update("pg_statistic", old, **row)


def _sizes(ddl: Ddl, row: Any, rows: _Rows) -> None:
    """relpages and reltuples of the table and its indexes."""
    from pgtool.access.heap.heapam import open_heap
    from pgtool.access.heap.vacuumlazy import count_map
    from pgtool.catalog.heaptarget import heap_target

    instance = ddl.database.cluster.instance
    pool = instance.pool
    relation = ddl.database.relation(row.oid)
    visible, frozen = count_map(open_heap(instance, heap_target(ddl.cache, relation, instance)))
    indexes = indexes_of(ddl.writer, row.oid)
    update_inplace(
        ddl.writer, "pg_class", ddl.relation_row(row.oid), relpages=rows.pages,
        reltuples=float(rows.total), relallvisible=visible, relallfrozen=frozen,
        relhasindex=bool(indexes),
    )  # fmt: skip
    for index in indexes:
        facts = ddl.relation_row(index.indexrelid)
        if facts.relkind == "i" and index.indpred is None:
            pages = pool.nblocks(ddl.database.relation(facts.oid).locator)
            update_inplace(ddl.writer, "pg_class", facts, relpages=pages,
                           reltuples=float(rows.total))  # fmt: skip


def _tree(ddl: Ddl, oid: int) -> list[Any]:
    """A table and everything that inherits from it, as far as it has rows."""
    row = ddl.relation_row(oid)
    out = [row] if row.relkind in "rm" else []
    for child in children_of(ddl, oid):
        out += _tree(ddl, child)
    return out


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
    """Statistics of a table, materialized view or partitioned table."""
    picked = _columns(ddl, row, columns)
    wanted = max([column.target for column in picked] + [100]) * ROWS_PER_TARGET
    if row.relkind in "rm":
        if verbose:
            schema = ddl.database.namespaces[row.relnamespace]
            ddl.notice(f'analyzing "{schema}.{row.relname}"', severity="INFO")
        rows = _sample(ddl, row, picked, wanted)
        if verbose:
            ddl.notice(rows.line(row.relname), severity="INFO")
        _write(ddl, row, picked, rows, False)
        _sizes(ddl, row, rows)
    if row.relhassubclass and row.relkind in "rp" and children_of(ddl, row.oid):
        rows = _analyze_tree(ddl, row, picked, wanted)
        if rows.rows or row.relkind == "p":
            _write(ddl, row, picked, rows, True)
        if row.relkind == "p":
            update_inplace(ddl.writer, "pg_class", ddl.relation_row(row.oid), relpages=-1,
                           reltuples=float(rows.total))  # fmt: skip


def _write(ddl: Ddl, row: Any, columns: list[_Column], rows: _Rows, inherited: bool) -> None:
    if not rows.rows:
        return
    for slot, column in enumerate(columns):
        stats = column.stats(_column_sample(column, rows, slot))
        if stats is not None:
            _store(ddl, row.oid, column, inherited, stats)
    ddl.advance()


