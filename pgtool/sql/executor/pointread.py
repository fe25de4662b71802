"""SELECT of one row by an integer key in a directory at rest, without batches.

A plan that is an index scan of a unique index on one integer column and gives plain columns is
found by :func:`point_read`. Its row is taken from the page as it is stored; where hint bits do
not settle whether the row is visible, or anything else is not quite ordinary, ``rows`` is None
and the statement goes the usual way.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from formats.derive import offset_of, reader
from formats.heap import HEAP_XMIN_FROZEN, SIZEOF_HEAP_TUPLE_HEADER, HeapInfomask
from formats.heap import HeapTupleHeaderData as Tuple
from formats.page import (
    PG_PAGE_LAYOUT_VERSION,
    SIZE_OF_PAGE_HEADER,
    ItemIdData,
    LpFlags,
    PageHeaderData,
)
from formats.units import BLCKSZ, MAXALIGN
from pgtool.access.btree.numbers import tids_of
from pgtool.access.heap.tuple import StoredVarlena, deform_tuple
from pgtool.errors import CorruptData, Unsupported
from pgtool.nodes import plan as p
from pgtool.nodes.enums import CmdType
from pgtool.nodes.exprs import Var
from pgtool.sql.analyze.nodetypes import expr_type, expr_typmod
from pgtool.sql.executor.context import Context
from pgtool.sql.executor.indexkeys import IndexKeys, index_tree
from pgtool.sql.executor.scope import Env
from pgtool.storage.checksum import verify_pages

__all__ = ["PointRead", "point_read"]

_read_header = reader(PageHeaderData)
_ITEM = struct.Struct("<I")
_MASK = struct.Struct("<H")
_KEYS = {2: struct.Struct("<h"), 4: struct.Struct("<i"), 8: struct.Struct("<q")}
_INFOMASK = offset_of(Tuple, "t_infomask")
_COMMITTED = int(HeapInfomask.HEAP_XMIN_COMMITTED)
_FROZEN = int(HEAP_XMIN_FROZEN)
_NOT_DELETED = int(HeapInfomask.HEAP_XMAX_INVALID)
_OFF, _OFF_BITS = ItemIdData.bits["lp_off"]
_FLAGS, _FLAG_BITS = ItemIdData.bits["lp_flags"]
_LEN, _LEN_BITS = ItemIdData.bits["lp_len"]
_VERSION = BLCKSZ | PG_PAGE_LAYOUT_VERSION

Datums = tuple[bytes | None, ...]


class PointRead:
    """One plan: ``rows`` gives the stored columns of its row."""

    def __init__(self, plan: Any, env: Env, keys: IndexKeys, relation: Any) -> None:
        entries = [t for t in plan.targetlist if not t.resjunk]
        self.names = [t.resname or "?column?" for t in entries]
        self.types = [expr_type(t.expr) for t in entries]
        self.typmods = [expr_typmod(t.expr) for t in entries]
        self.env = env
        self.keys = keys
        (self.condition,) = keys.conditions
        self.key = _KEYS[keys.columns[0].codec.dtype.itemsize]
        limit = 1 << 8 * self.key.size - 1
        self.limits = range(-limit, limit)
        self.columns = [t.expr.varattno - 1 for t in entries]
        self.attributes = relation.attributes[: max(self.columns, default=-1) + 1]
        self.heap = env.session.database.scan(relation)

    def rows(self, ctx: Context) -> list[Datums] | None:
        """The rows (none or one); None where they are to be found in the usual way."""
        session = self.env.session
        cluster = session.database.cluster
        if session.xact is not None or cluster.sees is not self.heap.sees:
            return None
        value = self.condition.value((), ctx)
        if value is None or value not in self.limits:
            return []
        try:
            found = tids_of(index_tree(self.env, self.keys.indexid), value, self.key)
            if found is None or len(found) > 1:
                return None
            tuples = [self._stored(*tid) for tid in found]
            if None in tuples:
                return None
            rows = [deform_tuple(stored, self.attributes) for stored in tuples]  # type: ignore[arg-type]
        except (CorruptData, struct.error, IndexError):
            return None  # whoever looks closer tells
        out = [tuple(row[i] for i in self.columns) for row in rows]
        return None if any(isinstance(d, StoredVarlena) for row in out for d in row) else out

    def _stored(self, block: int, offset: int) -> bytes | None:
        """The tuple that an index's TID leads to, if it is plain to see that it is visible."""
        data = self._page(block)
        if data is None:
            return None
        header = _read_header(data, 0)
        lower, upper, special = header.pd_lower, header.pd_upper, header.pd_special
        if header.pd_pagesize_version != _VERSION or not (
            SIZE_OF_PAGE_HEADER <= lower <= upper <= special <= BLCKSZ
        ):
            return None
        for _ in range(2):
            place = SIZE_OF_PAGE_HEADER + 4 * (offset - 1)
            if not SIZE_OF_PAGE_HEADER <= place <= lower - 4:
                return None
            (item,) = _ITEM.unpack_from(data, place)
            start, length = _bits(item, _OFF, _OFF_BITS), _bits(item, _LEN, _LEN_BITS)
            flags = _bits(item, _FLAGS, _FLAG_BITS)
            if flags == LpFlags.LP_REDIRECT:
                offset = start
                continue
            if flags != LpFlags.LP_NORMAL or length <= SIZEOF_HEAP_TUPLE_HEADER:
                return None
            if start < upper or start + length > special or start % MAXALIGN:
                return None
            (mask,) = _MASK.unpack_from(data, start + _INFOMASK)
            sure = mask & _FROZEN in (_COMMITTED, _FROZEN) and mask & _NOT_DELETED
            return data[start : start + length] if sure else None
        return None

    def _page(self, block: int) -> bytes | None:
        """A page of the heap, its checksum verified once in a session."""
        heap = self.heap
        if not 0 <= block < heap.file.nblocks:
            return None
        data = heap.file.read_block(block)
        if heap.checksums:
            checked = self.env.session.__dict__.setdefault("_checked_blocks", {})
            known: set[int] = checked.setdefault(heap.file.path, set())
            if block not in known:
                if verify_pages(np.frombuffer(data, np.uint8), block):
                    return None
                known.add(block)
        return data


def _bits(word: int, shift: int, width: int) -> int:
    return word >> shift & (1 << width) - 1


def point_read(planned: Any, session: Any) -> PointRead | None:
    """The short way of a plan; None where it has none."""
    plan = planned.planTree
    cluster = session.database.cluster
    if (
        not isinstance(plan, p.IndexScan) or planned.commandType != CmdType.CMD_SELECT
        or planned.subplans or plan.initPlan or plan.qual or plan.indexorderby
        or session.xact is not None or not cluster.transactions.at_rest
    ):  # fmt: skip
        return None
    if not all(isinstance(t.expr, Var) and t.expr.varattno > 0 for t in plan.targetlist):
        return None
    env = Env(session, planned)
    row = session.cache.one("pg_index", "indexrelid", plan.indexid)
    relation = session.database.relation(planned.rtable[plan.scanrelid - 1].relid)
    if not (row.indisunique and row.indimmediate and row.indisvalid) or relation.relkind != "r":
        return None
    try:
        keys = IndexKeys(env, plan.indexid, plan.indexqual)
    except Unsupported:
        return None
    if row.indnkeyatts != 1 or len(plan.indexqual) != 1 or not keys.is_one_integer:
        return None
    return PointRead(plan, env, keys, relation)
