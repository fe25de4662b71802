"""Blocks that are gone without a trace in the heap itself.

A page of zeroes is what PostgreSQL leaves when it extends a relation and does not get
around to using the page, and a relation that ends early looks like a shorter one. What
else the directory knows of such a block decides:

=====================================  ==================================================
the visibility map marks it, or a       rows are missing: :class:`CorruptData`. No map marks
B-tree points to it                    a block that holds nothing, no index points to one
the free space map has it partly full  rows may be missing: :class:`SuspectedLoss`. The map
                                       is not in the WAL and may tell of rows that a crash
                                       undid
the free space map has it all free     the page was added and is unused; vacuum and bulk
                                       extension note it so
none of these                          unused at the relation's end, where loads leave such
                                       pages (16 and later); before written pages it is a
                                       :class:`SuspectedLoss`: a crash in the middle of an
                                       extension leaves one too, but seldom
=====================================  ==================================================

Where a relation ends too early the same are witnesses. Of the index the newest pages are
looked at, or, where the reader has all the time (``thorough``), every one; then
pg_class.relpages is asked too, which may count pages that a crash in the middle of an
extension took away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from formats.errors import CorruptData, SuspectedLoss
from formats.units import BLCKSZ
from pgtool.storage.bulk import RUN_PAGES, read_runs
from pgtool.storage.smgr import RelationFile

#: Pages at the end of an index where new rows' entries usually are.
_NEWEST = 32
_SHIFTS = np.array([0, 2, 4, 6], np.uint8)


@dataclass(frozen=True)
class Witnesses:
    """The forks that know of a heap's blocks, and a B-tree over every row; those there are."""

    vm: RelationFile | None
    fsm: RelationFile | None
    index: RelationFile | None


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


def categories(fsm: RelationFile | None, blocks: list[int], *, checksums: bool) -> list[int]:
    """What the free space map has recorded for these blocks; 0 where it has nothing."""
    from formats.fsm import locate, slot_category

    pages: dict[int, bytes] = {}
    if fsm is not None:
        fsm.tolerate()
    out = []
    for block in blocks:
        at, slot = locate(block)
        if at not in pages:
            pages[at] = b""
            for run in read_runs(
                fsm, _ignore, checksums=checksums, first=at, stop=at + 1
            ) if fsm is not None else ():
                pages[at] = run.buffer[:BLCKSZ].tobytes()
        out.append(slot_category(pages[at], slot) if pages[at] else 0)
    return out


def lost_blocks(
    heap: RelationFile, empty: list[int], witnesses: Witnesses, *, tail: bool, checksums: bool,
    thorough: bool = False,
) -> list[CorruptData]:  # fmt: skip
    """What is known to be missing, and what may be.

    ``empty`` are the blocks that were found to be all zero; the index is asked only about
    these. With ``tail`` the relation's end is looked at too.
    """
    gone: dict[int, str] = {}
    beyond: tuple[int, str] = (-1, "")
    wanted = np.array(sorted(empty), np.int64)
    if witnesses.vm is not None and (tail or len(wanted)):
        for first, marked in marked_blocks(witnesses.vm, checksums=checksums):
            inside = wanted[(wanted >= first) & (wanted < first + len(marked))]
            for block in inside[marked[inside - first]].tolist():
                gone[block] = "the visibility map"
            last = np.flatnonzero(marked)
            if len(last):
                beyond = max(beyond, (first + int(last[-1]), "the visibility map"))
    if witnesses.index is not None and (tail or len(wanted)):
        from pgtool.access.btree.tids import heap_blocks

        every = thorough or len(wanted)
        start = 0 if every else max(_blocks(witnesses.index) - _NEWEST, 0)
        for blocks in heap_blocks(witnesses.index, checksums=checksums, begin=start):
            for block in np.intersect1d(blocks, wanted).tolist():
                gone.setdefault(block, "an index")
            beyond = max(beyond, (int(blocks.max(initial=-1)), "an index"))
    out = [
        CorruptData(f"page is all zeroes, but {witness} knows of rows on it",
                    file=_path(heap, block), block=block)
        for block, witness in sorted(gone.items())
    ]  # fmt: skip
    if tail:
        out += _ends_early(heap, beyond, witnesses.fsm, checksums, thorough)
    return out + _suspected(
        heap, [b for b in wanted.tolist() if b not in gone], witnesses.fsm, checksums, thorough
    )


def _ends_early(
    heap: RelationFile, beyond: tuple[int, str], fsm: RelationFile | None, checksums: bool,
    thorough: bool,
) -> list[CorruptData]:  # fmt: skip
    """A relation's end, where blocks behind it are known of."""
    nblocks = heap.nblocks
    known, witness = beyond
    kind: type[CorruptData] = CorruptData
    if known < nblocks:
        kind = SuspectedLoss
        known, witness = max(
            (_last_partly_full(fsm, nblocks, checksums), "the free space map"),
            ((heap.expected or 0) - 1 if thorough else -1, "pg_class"),
        )
    if known < nblocks:
        return []
    return [
        kind(f"relation ends at block {nblocks}, but {witness} knows of block {known}",
             file=_path(heap, nblocks), block=nblocks)
    ]  # fmt: skip


def _last_partly_full(fsm: RelationFile | None, first: int, checksums: bool) -> int:
    """The last block from ``first`` on that the free space map has neither full nor free."""
    from formats.fsm import FSM_CATEGORIES, SLOTS_PER_FSM_PAGE, fsm_block, slots

    out = -1
    for leaf in range(first // SLOTS_PER_FSM_PAGE, _blocks(fsm) if fsm else 0):
        at = fsm_block(leaf)
        assert fsm is not None
        for run in read_runs(fsm, _ignore, checksums=checksums, first=at, stop=at + 1):
            found = np.frombuffer(slots(run.buffer.data), np.uint8)
            partly = np.flatnonzero((found > 0) & (found < FSM_CATEGORIES - 1))
            if len(partly):
                out = max(out, leaf * SLOTS_PER_FSM_PAGE + int(partly[-1]))
    return out if out >= first else -1


def _suspected(
    heap: RelationFile, blocks: list[int], fsm: RelationFile | None, checksums: bool,
    thorough: bool,
) -> list[CorruptData]:  # fmt: skip
    """Pages of zeroes that are not known to be unused, one entry for each run of them.

    Those at the end count only for one who knows already that there is damage.
    """
    from formats.fsm import FSM_CATEGORIES

    if not blocks:
        return []
    known = categories(fsm, blocks, checksums=checksums)
    end = _written_end(heap)
    reasons = [
        (block, "although the free space map has rows on {}" if category
         else "between written ones" if block < end else "at the relation's end")
        for block, category in zip(blocks, known)
        if 0 < category < FSM_CATEGORIES - 1 or (
            category == 0 and (block < end or thorough)
        )
    ]  # fmt: skip
    out: list[CorruptData] = []
    start = 0
    for i, (block, reason) in enumerate(reasons):
        if i + 1 < len(reasons) and reasons[i + 1] == (block + 1, reason):
            continue
        first = reasons[start][0]
        what = f"{block - first + 1} pages from here on are" if block > first else "page is"
        reason = reason.format("them" if block > first else "it")
        out.append(
            SuspectedLoss(f"{what} all zeroes {reason}: rows may have been lost",
                          file=_path(heap, first), block=first)
        )  # fmt: skip
        start = i + 1
    return out


def _written_end(heap: RelationFile) -> int:
    """Where the zeroes at the end of a relation begin."""
    end = heap.nblocks
    while end > 0:
        first = max(end - RUN_PAGES, 0)
        for run in reversed(list(read_runs(heap, _ignore, checksums=False, first=first, stop=end))):
            pages = run.buffer[: run.pages * BLCKSZ].reshape(run.pages, BLCKSZ)
            written = np.flatnonzero(pages.any(axis=1))
            if len(written):
                return run.first + int(written[-1]) + 1
        end = first
    return 0


def _blocks(file: RelationFile) -> int:
    """A file's length, whatever is wrong with it."""
    file.tolerate()
    return file.nblocks


def _path(file: RelationFile, block: int) -> str:
    number = block // file.relseg_size
    return file.path if number == 0 else f"{file.path}.{number}"
