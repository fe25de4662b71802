"""Loading column batches: whole pages at a time, past the buffer pool.

The rows that still fit on pages of the relation go there one by one; the others fill new
pages at its end, formed at once (:mod:`pgtool.access.heap.form_columns`). Each page has its
multi-insert record, as if its rows had been inserted together; the WAL is brought to disk,
then the pages are written behind the relation's end.

Invariant: the pages are not in the pool, and nobody else extends the relation meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from formats.fsm import FSM_CAT_STEP
from formats.page import SIZE_OF_PAGE_HEADER
from formats.units import BLCKSZ
from formats.wal import heap2
from formats.wal.heap import XLOG_HEAP_INIT_PAGE, InsertFlags
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.access.heap import form_columns, hio, toast_write
from pgtool.access.heap.form_columns import Layout
from pgtool.access.heap.tuple import form_tuple
from pgtool.storage import freespace
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer, BufferTag
from pgtool.storage.smgr import ForkNumber
from pgtool.types.column import Column
from pgtool.wal import bulk as wal_bulk
from pgtool.wal.bulk import Kind, Reference, Spans
from pgtool.wal.insert import Record

if TYPE_CHECKING:
    from pgtool.access.heap.heapam import HeapRelation
    from pgtool.transam.xact import Xact

_MULTI_INSERT = opcode(heap2.RECORDS, "MULTI_INSERT") | XLOG_HEAP_INIT_PAGE
_main = form_columns.dtype_of(heap2.xl_heap_multi_insert)
#: Pages that are formed, logged and written together.
PAGES_AT_ONCE = 1024


def insert_columns(
    rel: HeapRelation, xact: Xact, columns: Sequence[Column | None], n: int, *,
    cid: int | None = None,
) -> npt.NDArray[np.int64]:  # fmt: skip
    """Insert ``n`` rows, a column for each attribute; their TIDs as block << 16 | offset."""
    if cid is None:
        cid = xact.cid()
    layout = form_columns.plan(rel.target.attrs, columns, n)
    _store_large(rel, xact, columns, layout)
    out = np.empty(n, np.int64)
    done = _fill_pages_with_room(rel, xact, columns, layout, cid, out)
    if done == n:
        return out
    rest = layout.take(done, n) if done else layout
    first = form_columns.split(rest.length, rel.target.reserved)
    for at in range(0, len(first) - 1, PAGES_AT_ONCE):
        rel.instance.tick()
        part = first[at : at + PAGES_AT_ONCE + 1]
        rows = rest.take(part[0], part[-1])
        tids = _new_pages(rel, xact, rows, [row - part[0] for row in part], cid)
        out[done + part[0] : done + part[-1]] = tids
    return out


def _store_large(
    rel: HeapRelation, xact: Xact, columns: Sequence[Column | None], layout: Layout
) -> None:
    """Rows that are too large become finished tuples, their values stored away."""
    large = np.flatnonzero(layout.length > toast_write.TOAST_TUPLE_THRESHOLD)
    for row in large.tolist():
        tup = _tuple(rel, columns, row)
        if rel.target.may_toast:
            tup = toast_write.toast(rel, xact, tup, None)
        hio.check_size(len(tup))
        layout.given[row] = tup
        layout.length[row] = len(tup)


def _tuple(rel: HeapRelation, columns: Sequence[Column | None], row: int) -> bytes:
    datums = [None if column is None else column.datum(row) for column in columns]
    return form_tuple(rel.target.attrs, datums)


def _fill_pages_with_room(
    rel: HeapRelation, xact: Xact, columns: Sequence[Column | None], layout: Layout, cid: int,
    out: npt.NDArray[np.int64],
) -> int:  # fmt: skip
    """Insert rows one by one while pages of the relation have room for them; how many did."""
    from pgtool.access.heap.insert import fill_page

    done, n = 0, layout.n
    while done < n:
        buffer = hio.existing_page(
            rel.pool, rel.target, int(layout.length[done]), use_fsm=not rel.target.is_new
        )
        if buffer is None:
            break
        try:
            tuples = _tuples(rel, xact, columns, layout, done, buffer, cid)
            tids = fill_page(rel, xact, buffer, tuples, 0, False)
        finally:
            rel.pool.unpin(buffer)
        out[done : done + len(tids)] = [block << 16 | number for block, number in tids]
        done += len(tids)
    return done


def _tuples(
    rel: HeapRelation, xact: Xact, columns: Sequence[Column | None], layout: Layout, first: int,
    buffer: Buffer, cid: int,
) -> list[bytes]:  # fmt: skip
    """As many rows from ``first`` on as could fit on a page."""
    length = layout.length[first : first + bufpage.MAX_HEAP_TUPLES_PER_PAGE]
    stride = ((length + 7) & ~np.int64(7)) + bufpage.SIZE_OF_ITEM_ID
    room = bufpage.exact_free_space(buffer.page)
    count = max(1, int(np.searchsorted(np.cumsum(stride), room, "right")))
    xid = xact.current_xid()
    return [
        rel.new_header(layout.given.get(row) or _tuple(rel, columns, row), xid, cid)
        for row in range(first, first + count)
    ]


def _new_pages(
    rel: HeapRelation, xact: Xact, rows: Layout, first: list[int], cid: int
) -> npt.NDArray[np.int64]:
    """Rows on new pages at the end, logged and written.

    The file is made longer first: a full disk is an error then, and no panic.
    """
    pool, where = rel.pool, rel.where
    block = pool.extend(where, count=len(first) - 1)
    pages = form_columns.fill_pages(rows, first, block, xact.current_xid(), cid)
    with rel.wal.critical():
        if rel.target.logged:
            rel.wal.flush(_log(rel, xact, rows, pages, block))
        pool.write_blocks(where, ForkNumber.MAIN, block, pages.buffer.data)
    hio.set_target(pool, where, block + len(pages) - 1)
    _note_space(rel, pages, block)
    counts = np.diff(first)
    return (block + np.repeat(np.arange(len(pages)), counts)) << 16 | pages.offnum


def _log(
    rel: HeapRelation, xact: Xact, rows: Layout, pages: form_columns.Pages, block: int
) -> int:
    """A record for each page, whose LSN it gets; the end of the last one."""
    data, ends = form_columns.logged(rows, pages)
    main = np.zeros(len(pages), _main)
    main["flags"] = int(InsertFlags.XLH_INSERT_CONTAINS_NEW_TUPLE) if rel.logical else 0
    main["ntuples"] = np.diff(pages.first)
    if not wal_bulk.possible(rel.wal, RmgrId.RM_HEAP2_ID, images=False):
        return _log_each(rel, xact, data.tobytes(), ends.tolist(), main, pages, block)
    count = len(pages)
    page = Reference(
        0, rel.where, np.arange(block, block + count), will_init=True,
        data=Spans(data, ends[:-1], np.diff(ends)),
    )  # fmt: skip
    octets = main.view(np.uint8).reshape(count, -1)
    kind = Kind(
        int(RmgrId.RM_HEAP2_ID), _MULTI_INSERT, octets, [page], np.arange(count),
        xact.current_xid(),
    )  # fmt: skip
    lsn = wal_bulk.insert(rel.wal, [kind])
    words = pages.buffer.view(np.uint32).reshape(count, -1)
    words[:, 0], words[:, 1] = lsn >> 32, lsn & 0xFFFFFFFF
    return int(lsn[-1])


def _log_each(
    rel: HeapRelation, xact: Xact, data: bytes, bounds: list[int], main: npt.NDArray[Any],
    pages: form_columns.Pages, block: int,
) -> int:  # fmt: skip
    """The same, record by record, where they cannot be made in bulk."""
    mains, size, view = main.tobytes(), _main.itemsize, pages.buffer.data
    xid, end = xact.current_xid(), 0
    for i in range(len(pages)):
        page = view[i * BLCKSZ : (i + 1) * BLCKSZ]
        buffer = Buffer(BufferTag(rel.where, ForkNumber.MAIN, block + i), page)  # type: ignore[arg-type]
        record = Record(RmgrId.RM_HEAP2_ID, _MULTI_INSERT, mains[i * size : (i + 1) * size])
        record.block(
            0, buffer, data[bounds[i] : bounds[i + 1]], will_init=True, keep_data=rel.logical
        )
        end = rel.wal.insert(record, xid)
    return end


def _note_space(rel: HeapRelation, pages: form_columns.Pages, block: int) -> None:
    """Tell the free space map of pages (but the last) that have room for narrower rows."""
    if rel.target.is_new:
        return
    view = pages.buffer[: len(pages) * BLCKSZ].reshape(len(pages), BLCKSZ)
    bounds = view[:-1, :SIZE_OF_PAGE_HEADER].copy().view(form_columns._PAGE).reshape(-1)
    free = bounds["pd_upper"].astype(np.int64) - bounds["pd_lower"] - bufpage.SIZE_OF_ITEM_ID
    for i in np.flatnonzero(free >= FSM_CAT_STEP).tolist():
        freespace.record(rel.pool, rel.where, block + i, int(free[i]))
