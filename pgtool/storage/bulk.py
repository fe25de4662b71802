"""Bulk reading: a relation as runs of many pages, past the buffer pool.

A run is read with one call into one buffer; its checksums are verified all at once where
the cluster has them. The buffer has spare bytes behind the last page, so that vectorised
code may load words near its end. Damaged pages are handed to the caller's damage function and
zeroed in the buffer, so that they look like pages that were never used.

Invariant: memory is one buffer of the run's size at a time, whatever the relation's size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.errors import CorruptData
from formats.units import BLCKSZ
from pgtool.storage.checksum import verify_pages
from pgtool.storage.smgr import RelationFile

RUN_PAGES = 256
SPARE = 64


@dataclass(slots=True)
class Run:
    """``pages`` pages from block ``first`` on; ``path`` is the segment they lie in.

    ``dropped`` are the blocks that were reported and zeroed.
    """

    buffer: npt.NDArray[np.uint8]
    pages: int
    first: int
    path: str
    dropped: list[int]


def read_runs(
    file: RelationFile,
    damage: Callable[[CorruptData], None],
    *,
    checksums: bool,
    first: int = 0,
    stop: int | None = None,
    run_pages: int = RUN_PAGES,
    spare: int = SPARE,
    reuse: bool = False,
) -> Iterator[Run]:
    """The pages of a fork, run by run.

    With ``reuse`` every run comes in the same memory (valid until the next one is asked
    for); otherwise each has its own.
    """
    shared: npt.NDArray[np.uint8] | None = None
    for run in file.runs(run_pages, first, stop):
        size = run.blocks * BLCKSZ
        if shared is None or not reuse or len(shared) < size + spare:
            shared = np.empty(max(size, run_pages * BLCKSZ if reuse else 0) + spare, np.uint8)
        buffer = shared[: size + spare]
        buffer[size:] = 0
        pages = buffer[:size]
        dropped: list[int] = []
        try:
            file.readinto(run, pages.data)
        except CorruptData as problem:
            damage(problem)
            dropped += range(problem.block or run.first, run.first + run.blocks)
            pages[((problem.block or run.first) - run.first) * BLCKSZ :] = 0
        if checksums:
            dropped += drop_bad_pages(pages, run.first, run.path, damage)
        yield Run(buffer, run.blocks, run.first, run.path, dropped)


def drop_bad_pages(
    pages: npt.NDArray[Any], first: int, path: str, damage: Callable[[CorruptData], None]
) -> list[int]:
    """Report pages whose checksum is wrong, and zero them; their block numbers."""
    dropped = []
    for bad in verify_pages(pages, first):
        damage(
            CorruptData(
                f"page verification failed, calculated checksum {bad.calculated} "
                f"but expected {bad.stored}",
                file=path, block=bad.block, field="pd_checksum",
            )
        )  # fmt: skip
        at = (bad.block - first) * BLCKSZ
        pages[at : at + BLCKSZ] = 0
        dropped.append(bad.block)
    return dropped
