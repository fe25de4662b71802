"""Whether a catalog was read whole.

A page of pg_class that became zeroes takes tables with it, and nobody would miss them: so
the witnesses that an export asks about a table's pages are asked about those of catalogs
too. Only of a directory at rest; elsewhere the files may disagree without being damaged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgtool.access.heap.evidence import Witnesses, lost_blocks
from pgtool.storage.smgr import ForkNumber, RelationFile, RelFileLocator

if TYPE_CHECKING:
    from pgtool.access.heap.scan import HeapScan
    from pgtool.storage.datadir import DataDirectory


def fork(
    directory: DataDirectory, where: RelFileLocator | None, number: ForkNumber
) -> RelationFile | None:
    """A fork where it exists."""
    if where is None:
        return None
    file = directory.file(where, number)
    return file if directory.backend.exists(file.path) else None


def witnesses(
    directory: DataDirectory, where: RelFileLocator | None, index: RelFileLocator | None
) -> Witnesses:
    """What there is that knows of a heap's blocks."""
    return Witnesses(
        fork(directory, where, ForkNumber.VM), fork(directory, where, ForkNumber.FSM),
        fork(directory, index, ForkNumber.MAIN),
    )  # fmt: skip


def check(directory: DataDirectory, scan: HeapScan, known: Witnesses) -> None:
    """Tell ``scan.damage`` what a catalog lacks, after it was read."""
    if directory.state.reason is None:
        for problem in lost_blocks(
            scan.file, scan.empty, known, tail=True, checksums=scan.checksums
        ):
            scan.damage(problem)
