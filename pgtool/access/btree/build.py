"""Building a btree from all rows at once: sort, form, pack pages from the left, write.

Rows are sorted by :mod:`.sortrows`, formed into tuples by :mod:`.formrows`; here they are
dealt out to pages by :mod:`.buildpages`, which writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from formats.deform import ATTLEN_CSTRING
from formats.nbtree import BTREE_VERSION, P_NONE
from formats.units import BLCKSZ
from pgtool.access.btree import pageops
from pgtool.access.btree.buildpages import write_tree
from pgtool.access.btree.formrows import Formed, form_rows, merge_equal
from pgtool.access.btree.insert import MAX_ITEM_SIZE, check_size
from pgtool.access.btree.relation import BTree
from pgtool.access.btree.sortrows import Rows, Sorted, sort_rows
from pgtool.errors import SqlError
from pgtool.storage import ragged
from pgtool.storage.smgr import ForkNumber
from pgtool.types.column import FixedColumn, VarColumn

__all__ = ["build", "build_init_fork", "equal_rows", "gather_rows", "taken"]

Batches = Iterable[tuple[Any, ...]]
UNIQUE_VIOLATION = "23505"


def build(tree: BTree, rows: Batches) -> int:
    """Fill the empty file of an index with the entries of all rows; their number."""
    gathered = gather_rows(tree, rows)
    found = sort_rows(gathered, tree.keys.columns)
    if tree.descriptor.unique:
        _check_unique(tree, gathered, found)
    columns = [taken(column, found.order) for column in gathered.columns]
    tids = gathered.tids[found.order]
    formed = form_rows(tree.shape, columns, tids)
    _check_sizes(tree, formed, tids)
    merging = tree.descriptor.deduplicate and tree.keys.all_equal_image
    if merging and not tree.descriptor.unique:
        formed, _first = merge_equal(formed, tids, found.same)
    write_tree(tree, formed)
    return len(tids)


def build_init_fork(tree: BTree) -> None:
    """What an unlogged index begins as after a crash: a meta page, logged in any case."""
    page = bytearray(BLCKSZ)
    equal = tree.keys.all_equal_image
    pageops.write_meta(page, pageops.Meta(BTREE_VERSION, P_NONE, 0, P_NONE, 0, 0, equal))
    if not tree.pool.exists(tree.where, ForkNumber.INIT):
        tree.pool.create(tree.where, ForkNumber.INIT)
    tree.wal.log_newpage(tree.where, ForkNumber.INIT, 0, page, xid=tree.xid)
    tree.pool.write_blocks(tree.where, ForkNumber.INIT, 0, page)


# -- rows -----------------------------------------------------------------------------------------


def gather_rows(tree: BTree, batches: Batches) -> Rows:
    """All batches as one: (columns, tids) each, perhaps with a mask of rows that are alive."""
    attributes = tree.shape.attributes
    parts: list[list[Any]] = [[] for _ in attributes]
    tids: list[Any] = []
    alive: list[Any] = []
    for batch in batches:
        columns, rows = batch[0], np.asarray(batch[1], np.int64)
        mask = batch[2] if len(batch) > 2 else None
        for part, attribute, column in zip(parts, attributes, columns):
            if isinstance(column, list) and attribute.attlen < 0:
                # Values that come compressed or out of line are taken for what they hold.
                column = [
                    d if d is None or type(d) is bytes else tree.shape.payload(attribute, d)
                    for d in column
                ]
            part.append(_own(column, attribute.attlen))
        tids.append(rows)
        alive.append(np.ones(len(rows), bool) if mask is None else mask)
    joined = [_joined(part, attribute.attlen) for part, attribute in zip(parts, attributes)]
    if not tids:
        return Rows(joined, np.zeros(0, np.int64), None)
    return Rows(joined, np.concatenate(tids), np.concatenate(alive))


def _own(column: Any, attlen: int) -> FixedColumn | VarColumn:
    """A batch's column with memory of its own (scans use theirs again)."""
    if attlen == ATTLEN_CSTRING and isinstance(column, FixedColumn):
        column = _ended(column)
    if isinstance(column, VarColumn):
        length = column.length
        if column.valid is not None:
            length = np.where(column.valid, length, 0)
        data, offsets = ragged.gather(column.buffer, np.where(length, column.start, 0), length)
        valid = None if column.valid is None else column.valid.copy()
        return VarColumn(data, offsets[:-1], length.astype(np.int32), valid)
    if isinstance(column, FixedColumn):
        return FixedColumn(
            column.values.copy(), None if column.valid is None else column.valid.copy()
        )
    return _of_datums(column, attlen)


def _ended(column: FixedColumn) -> VarColumn:
    """Names as strings that end at their first zero byte."""
    table = np.ascontiguousarray(column.values).view(np.uint8).reshape(len(column), -1)
    ended = np.concatenate([table == 0, np.ones((len(table), 1), bool)], axis=1)
    start = np.arange(len(table), dtype=np.int64) * table.shape[1]
    return VarColumn(table.reshape(-1), start, ended.argmax(axis=1).astype(np.int32), column.valid)


def _of_datums(datums: Sequence[bytes | None], attlen: int) -> FixedColumn | VarColumn:
    if attlen == ATTLEN_CSTRING:
        datums = [None if d is None else d.split(b"\0", 1)[0] for d in datums]
    if attlen <= 0:
        return VarColumn.of([None if d is None else bytes(d) for d in datums])
    valid = np.array([d is not None for d in datums], bool)
    data = b"".join(bytes(attlen) if d is None else d for d in datums)
    return FixedColumn(np.frombuffer(data, f"V{attlen}"), None if valid.all() else valid)


def _joined(parts: list[Any], attlen: int) -> FixedColumn | VarColumn:
    """The batches of one column end to end."""
    if not parts:
        return _of_datums([], attlen)
    if len(parts) == 1:
        one: FixedColumn | VarColumn = parts[0]
        return one
    valid = None
    if any(part.valid is not None for part in parts):
        valid = np.concatenate([
            np.ones(len(part), bool) if part.valid is None else part.valid for part in parts
        ])  # fmt: skip
    if isinstance(parts[0], FixedColumn):
        return FixedColumn(np.concatenate([part.values for part in parts]), valid)
    base = np.cumsum([0, *(len(part.buffer) for part in parts[:-1])])
    return VarColumn(
        np.concatenate([part.buffer for part in parts]),
        np.concatenate([part.start + shift for part, shift in zip(parts, base)]),
        np.concatenate([part.length for part in parts]), valid,
    )  # fmt: skip


def taken(column: FixedColumn | VarColumn, order: Any) -> FixedColumn | VarColumn:
    """A column's rows in another order."""
    valid = None if column.valid is None else column.valid[order]
    if isinstance(column, FixedColumn):
        return FixedColumn(column.values[order], valid)
    return VarColumn(column.buffer, column.start[order], column.length[order], valid)


def equal_rows(tree: BTree, rows: Rows, found: Sorted) -> Any:
    """Which rows are equal to their predecessor as a unique index counts."""
    same = found.same
    if not tree.descriptor.nulls_not_distinct and same.any():
        for column in rows.columns[: tree.nkeyatts]:
            if column.valid is not None:
                same = same & column.valid[found.order]
    return same


def _check_unique(tree: BTree, rows: Rows, found: Sorted) -> None:
    """23505 where two living rows have the same keys."""
    same, order = equal_rows(tree, rows, found), found.order
    keys = rows.columns[: tree.nkeyatts]
    if not same.any():
        return
    assert rows.alive is not None
    live = rows.alive[order]
    group = np.cumsum(~same)
    counts = np.bincount(group[live], minlength=int(group[-1]) + 1)
    if not (counts > 1).any():
        return
    row = int(order[int(np.flatnonzero(group == int(np.flatnonzero(counts > 1)[0]))[0])])
    descriptor = tree.descriptor
    datums = [_datum(column, row) for column in keys]
    said = descriptor.describe(datums) if descriptor.describe is not None else None
    raise SqlError(
        f'could not create unique index "{descriptor.name}"', UNIQUE_VIOLATION,
        detail="Duplicate keys exist." if said is None else f"Key {said} is duplicated.",
    )  # fmt: skip


def _datum(column: FixedColumn | VarColumn, row: int) -> bytes | None:
    return column.datum(row)


def _check_sizes(tree: BTree, formed: Formed, tids: Any) -> None:
    size = np.diff(formed.offsets)
    if not len(size) or int(size.max()) <= MAX_ITEM_SIZE:
        return
    row = int(np.flatnonzero(size > MAX_ITEM_SIZE)[0])
    check_size(tree, bytes(int(size[row])), int(tids[row]))
