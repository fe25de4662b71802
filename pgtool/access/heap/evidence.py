"""Blocks that are gone without a trace in the heap itself.

A page of zeroes is what PostgreSQL leaves when it extends a relation and does not get
around to using the page, and a relation that ends early looks like a shorter one. But the
visibility map never marks a block that holds nothing, and no index points to one: where
either does, rows are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from formats.errors import CorruptData
from formats.units import BLCKSZ
from pgtool.access.btree.tids import heap_blocks
from pgtool.storage.bulk import read_runs
from pgtool.storage.smgr import RelationFile

_SHIFTS = np.array([0, 2, 4, 6], np.uint8)


def _ignore(problem: CorruptData) -> None:
    """A damaged map is no evidence."""


def marked_blocks(vm: RelationFile, *, checksums: bool) -> Iterator[tuple[int, Any]]:
    """(first heap block, which of those that follow are marked), run by run of the map."""
    from formats.vm import HEAPBLOCKS_PER_PAGE, MAP  # slow to import and seldom needed

    vm.tolerate()
    for run in read_runs(vm, _ignore, checksums=checksums, reuse=True):
        pages = run.buffer[: run.pages * BLCKSZ].reshape(run.pages, BLCKSZ)
        bits = (pages[:, MAP:, None] >> _SHIFTS) & np.uint8(3)
        yield run.first * HEAPBLOCKS_PER_PAGE, bits.reshape(-1) != 0


def lost_blocks(
    heap: RelationFile,
    empty: list[int],
    vm: RelationFile | None,
    index: RelationFile | None,
    *,
    tail: bool,
    checksums: bool,
) -> list[CorruptData]:
    """What is known to be missing.

    ``empty`` are the blocks that were found to be all zero; ``index`` a B-tree over every
    row, asked only about these. With ``tail`` the relation's end is looked at too.
    """
    nblocks = heap.nblocks
    gone: dict[int, str] = {}
    beyond = -1
    wanted = np.array(sorted(empty), np.int64)
    if vm is not None and (tail or len(wanted)):
        for first, marked in marked_blocks(vm, checksums=checksums):
            inside = wanted[(wanted >= first) & (wanted < first + len(marked))]
            for block in inside[marked[inside - first]].tolist():
                gone[block] = "the visibility map"
            last = np.flatnonzero(marked)
            if len(last):
                beyond = max(beyond, first + int(last[-1]))
    if index is not None and len(wanted):
        for blocks in heap_blocks(index, checksums=checksums):
            for block in np.intersect1d(blocks, wanted).tolist():
                gone.setdefault(block, "an index")
    out = [
        CorruptData(f"page is all zeroes, but {witness} knows of rows on it",
                    file=_path(heap, block), block=block)
        for block, witness in sorted(gone.items())
    ]  # fmt: skip
    if tail and beyond >= nblocks:
        out.append(
            CorruptData(f"relation ends at block {nblocks}, but the visibility map knows of "
                        f"block {beyond}", file=_path(heap, nblocks), block=nblocks)
        )  # fmt: skip
    return out


def _path(file: RelationFile, block: int) -> str:
    number = block // file.relseg_size
    return file.path if number == 0 else f"{file.path}.{number}"
