"""How much of a relation is dead or free, found by reading all of it, as pgstattuple does.

A heap's tuples are counted as live or dead by what a snapshot would see that also takes
pending (prepared) transactions for granted. Index entries are dead where their line pointer
says so; inner pages count for the relation's length only, unused ones as free space.
Kinds of index that pgstattuple does not know either are Unsupported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from formats import gist, nbtree
from formats import hash as hash_format
from formats.derive import offset_of
from formats.page import SIZE_OF_PAGE_HEADER, ItemIdData, LpFlags, PageHeaderData
from formats.units import BLCKSZ
from pgtool.access.damage import strict
from pgtool.access.heap.page import Tuples, tuples_of
from pgtool.catalog.cluster import Cluster
from pgtool.catalog.database import Database
from pgtool.catalog.relation import Relation
from pgtool.errors import Unsupported
from pgtool.storage.bulk import Run, read_runs
from pgtool.storage.smgr import RelationFile
from pgtool.transam.visibility import Headers

__all__ = ["TABLE_KINDS", "Space", "measure"]

TABLE_KINDS = frozenset("rmtS")
_LP = ItemIdData.sizeof()
_LOWER, _UPPER, _SPECIAL = (
    offset_of(PageHeaderData, name) // 2 for name in ("pd_lower", "pd_upper", "pd_special")
)
_FLAGS_SHIFT, _FLAGS_WIDTH = ItemIdData.bits["lp_flags"]
_LEN_SHIFT, _LEN_WIDTH = ItemIdData.bits["lp_len"]


@dataclass
class Space:
    """pgstattuple's numbers of one relation; lengths in bytes."""

    table_len: int = 0
    tuple_count: int = 0
    tuple_len: int = 0
    dead_tuple_count: int = 0
    dead_tuple_len: int = 0
    free_space: int = 0

    def percent(self, part: int) -> float:
        """``part`` of the relation's length, as pgstattuple rounds it."""
        return round(100.0 * part / self.table_len, 2) if self.table_len else 0.0

    @property
    def waste(self) -> float:
        """Dead and free space, in percent."""
        return self.percent(self.dead_tuple_len + self.free_space)

    def row(self) -> tuple[Any, ...]:
        """In the order of pgstattuple's columns."""
        return (
            self.table_len, self.tuple_count, self.tuple_len, self.percent(self.tuple_len),
            self.dead_tuple_count, self.dead_tuple_len, self.percent(self.dead_tuple_len),
            self.free_space, self.percent(self.free_space),
        )  # fmt: skip


def measure(database: Database, relation: Relation) -> Space:
    """The space of one table or index; Unsupported for kinds of index without rules here."""
    if relation.locator is None:
        raise Unsupported(f"space of a {relation.kind}")
    directory = database.cluster.directory
    file = directory.file(relation.locator)
    space = Space(table_len=file.nblocks * BLCKSZ)
    runs = read_runs(file, strict, checksums=directory.checksums, reuse=True)
    if relation.relkind in TABLE_KINDS:
        alive = _Alive(database.cluster)
        for run in runs:
            _heap_run(space, run, file, alive)
        return space
    method = _method(database, relation)
    for run in runs:
        _index_run(space, run, _METHODS[method])
    return space


def _method(database: Database, relation: Relation) -> str:
    row = database.catalog("pg_am").find("oid", relation.relam)
    name = str(database.catalog("pg_am").get(row, "amname")) if row is not None else "?"
    if name not in _METHODS:
        raise Unsupported(f'space of index "{relation.relname}" ({name})')
    return name


# -- heap --------------------------------------------------------------------------------


class _Alive:
    """Which tuples count as live: committed and not deleted, or pending."""

    def __init__(self, cluster: Cluster) -> None:
        self.transactions = cluster.transactions

    def __call__(self, tuples: Tuples) -> npt.NDArray[np.bool_]:
        xmin: Any = tuples.u32("t_xmin")

        def unknown(_rows: Any, _xid: int, problem: Exception) -> None:
            raise problem

        headers = Headers(tuples.infomask, xmin, tuples.u32("t_xmax"), tuples.u32("t_field3"))
        seen = self.transactions.visibility.visible(headers, unknown)
        if self.transactions.prepared:
            rest = np.flatnonzero(~seen)
            for row in rest.tolist():
                seen[row] = self.transactions.pending(int(xmin[row]))
        return seen


def _heap_run(space: Space, run: Run, file: RelationFile, alive: _Alive) -> None:
    tuples = tuples_of(run.buffer, run.pages, run.first, run.path, strict)
    length = tuples.end - tuples.start
    seen = alive(tuples) if len(tuples) else np.zeros(0, bool)
    space.tuple_count += int(seen.sum())
    space.tuple_len += int(length[seen].sum())
    space.dead_tuple_count += int((~seen).sum())
    space.dead_tuple_len += int(length[~seen].sum())
    pages = _halves(run)
    space.free_space += int((pages[:, _UPPER].astype(np.int64) - pages[:, _LOWER]).sum())


def _halves(run: Run) -> npt.NDArray[np.uint16]:
    return run.buffer[: run.pages * BLCKSZ].view(np.uint16).reshape(run.pages, BLCKSZ // 2)


# -- indexes -----------------------------------------------------------------------------

#: Pages with entries, pages that are wholly free, and the first entry of each page.
Sorted = tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.int64]]


def _special(run: Run, pages: Any, layout: Any, name: str, dtype: str) -> Any:
    """A field of each page's special space; 0 on pages that were never initialised."""
    start = pages[:, _SPECIAL].astype(np.int64)
    there = np.arange(run.pages, dtype=np.int64) * BLCKSZ + start + offset_of(layout, name)
    width = np.dtype(dtype).itemsize
    raw = run.buffer[there[:, None] + np.arange(width)]
    found = np.ascontiguousarray(raw).view(dtype)[:, 0]
    return np.where(pages[:, _UPPER] == 0, 0, found)


def _btree(run: Run, pages: Any) -> Sorted:
    flags = _special(run, pages, nbtree.BTPageOpaqueData, "btpo_flags", "<u2")
    right = _special(run, pages, nbtree.BTPageOpaqueData, "btpo_next", "<u4")
    bits = nbtree.BtpFlags
    unused = (flags & (bits.BTP_DELETED | bits.BTP_HALF_DEAD)) != 0
    entries = ((flags & bits.BTP_LEAF) != 0) & ~unused
    return entries, unused, np.where(right != 0, 1, 0)


def _hash(run: Run, pages: Any) -> Sorted:
    flags = _special(run, pages, hash_format.HashPageOpaqueData, "hasho_flag", "<u2")
    kind = flags & hash_format.LH_PAGE_TYPE
    bits = hash_format.LhFlags
    entries = (kind == bits.LH_BUCKET_PAGE) | (kind == bits.LH_OVERFLOW_PAGE)
    return entries, kind == 0, np.zeros(run.pages, np.int64)


def _gist(run: Run, pages: Any) -> Sorted:
    flags = _special(run, pages, gist.GISTPageOpaqueData, "flags", "<u2")
    entries = ((flags & gist.GistFlags.F_LEAF) != 0) & (pages[:, _UPPER] != 0)
    return entries, np.zeros(run.pages, bool), np.zeros(run.pages, np.int64)


_METHODS: dict[str, tuple[int, Callable[[Run, Any], Sorted], bool]] = {
    # name: (first block that counts, rules, whether uninitialised pages are free space)
    "btree": (1, _btree, True),
    "hash": (1, _hash, True),
    "gist": (1, _gist, False),
}


def _index_run(
    space: Space, run: Run, method: tuple[int, Callable[[Run, Any], Sorted], bool]
) -> None:
    first, rules, new_is_free = method
    pages = _halves(run)
    entries, unused, start = rules(run, pages)
    new = pages[:, _UPPER] == 0
    counted = run.first + np.arange(run.pages) >= first
    entries &= counted & ~new
    unused = counted & (np.where(new, new_is_free, unused))
    space.free_space += int(unused.sum()) * BLCKSZ
    lower = pages[:, _LOWER].astype(np.int64)
    space.free_space += int((pages[:, _UPPER].astype(np.int64) - lower)[entries].sum())
    count = np.where(entries, (lower - SIZE_OF_PAGE_HEADER) // _LP, 0)
    for pointers in _pointers(run, np.flatnonzero(entries), count, start):
        length = (pointers >> _LEN_SHIFT) & ((1 << _LEN_WIDTH) - 1)
        dead = (pointers >> _FLAGS_SHIFT) & ((1 << _FLAGS_WIDTH) - 1) == LpFlags.LP_DEAD
        space.dead_tuple_count += int(dead.sum())
        space.dead_tuple_len += int(length[dead].sum())
        space.tuple_count += int((~dead).sum())
        space.tuple_len += int(length[~dead].sum())


def _pointers(run: Run, rows: Any, count: Any, start: Any) -> Iterator[Any]:
    """The line pointers of some pages, from each page's first entry on."""
    words = run.buffer[: run.pages * BLCKSZ].view(np.uint32).reshape(run.pages, BLCKSZ // 4)
    base = SIZE_OF_PAGE_HEADER // _LP
    for row in rows.tolist():
        yield words[row, base + int(start[row]) : base + int(count[row])].astype(np.int64)
