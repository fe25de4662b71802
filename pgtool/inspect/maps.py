"""Free space map and visibility map, as pg_freespacemap and pg_visibility show them.

A map speaks of the blocks of its relation's main fork, so both files are looked at; what
lies beyond the end of a map counts as zero, as it does for the server. Where the main
fork is missing, as many blocks are shown as the map has entries for up to the last one
set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from formats import fsm, vm
from formats.derive import offset_of
from formats.errors import UserError
from formats.page import PageFlags, PageHeaderData
from formats.units import BLCKSZ
from formats.vm import VisibilityMapBits
from pgtool.storage.backend import Backend, ReadOnly
from pgtool.storage.smgr import RelationFile

MAX_BLOCK = 0xFFFFFFFE
VISIBILITY_MAP_COLUMNS = ("blkno", "all_visible", "all_frozen")
VISIBILITY_COLUMNS = (*VISIBILITY_MAP_COLUMNS, "pd_all_visible")
SUMMARY_COLUMNS = ("all_visible", "all_frozen")
FREE_SPACE_COLUMNS = ("blkno", "avail")

_FILE = re.compile(r"(?P<base>.*?)(?P<fork>_fsm|_vm|_init)?(?P<segment>\.[0-9]+)?")
_PD_FLAGS = offset_of(PageHeaderData, "pd_flags")


def relation_path(pgdata: str | None, file: str) -> tuple[ReadOnly, str]:
    """(backend, path of the main fork) for the name of any file of a relation."""
    root = pgdata
    if root is None or not os.path.exists(os.path.join(root, file)):
        root, file = os.path.split(os.path.abspath(file))
    if not os.path.isfile(os.path.join(root, file)):
        raise UserError(f'"{file}" is not a file')
    name = _FILE.fullmatch(os.path.basename(file))
    assert name is not None
    return ReadOnly(root), os.path.join(os.path.dirname(file), name["base"])


class Fork:
    """The pages of one fork, the last one read being kept; no page is past the end."""

    def __init__(self, backend: Backend, path: str) -> None:
        self.exists = backend.exists(path)
        self._file = RelationFile(backend, path)
        self._kept: tuple[int, bytes] | None = None

    @property
    def blocks(self) -> int:
        """Blocks in the fork, 0 where it has no file."""
        return self._file.nblocks if self.exists else 0

    def page(self, block: int) -> bytes | None:
        """One page, None past the end."""
        if self._kept is None or self._kept[0] != block:
            if block >= self.blocks:
                return None
            self._kept = (block, self._file.read_block(block))
        return self._kept[1]


class Maps:
    """Both maps of one relation."""

    def __init__(self, backend: Backend, path: str) -> None:
        """``path`` is the main fork's, as :func:`relation_path` gives it."""
        self.main = Fork(backend, path)
        self.fsm = Fork(backend, path + "_fsm")
        self.vm = Fork(backend, path + "_vm")

    # -- visibility map

    def bits(self, block: int) -> VisibilityMapBits:
        """The two bits of a heap block."""
        map_block, index = vm.locate(block)
        page = self.vm.page(map_block)
        return VisibilityMapBits(0) if page is None else vm.status(page, index)

    def visibility_map(self, block: int | None) -> Iterator[tuple[Any, ...]]:
        """(blkno, all_visible, all_frozen): pg_visibility_map()."""
        for blkno in self._blocks(block, self._vm_end):
            found = self.bits(blkno)
            yield (
                blkno,
                bool(found & VisibilityMapBits.VISIBILITYMAP_ALL_VISIBLE),
                bool(found & VisibilityMapBits.VISIBILITYMAP_ALL_FROZEN),
            )

    def visibility(self, block: int | None) -> Iterator[tuple[Any, ...]]:
        """The same with the page's own PD_ALL_VISIBLE: pg_visibility()."""
        for row in self.visibility_map(block):
            page = self.main.page(row[0])
            flags = 0 if page is None else int.from_bytes(page[_PD_FLAGS : _PD_FLAGS + 2], "little")
            yield (*row, bool(flags & PageFlags.PD_ALL_VISIBLE))

    def summary(self) -> tuple[int, int]:
        """(all_visible, all_frozen) pages: pg_visibility_map_summary()."""
        visible = frozen = 0
        for _, is_visible, is_frozen in self.visibility_map(None):
            visible += is_visible
            frozen += is_frozen
        return visible, frozen

    def _vm_end(self) -> int:
        for map_block in range(self.vm.blocks - 1, -1, -1):
            page = self.vm.page(map_block) or b""
            used = len(page[vm.MAP :].rstrip(b"\0"))
            if used:
                return map_block * vm.HEAPBLOCKS_PER_PAGE + used * vm.HEAPBLOCKS_PER_BYTE
        return 0

    # -- free space map

    def free_space(self, block: int | None) -> Iterator[tuple[int, int]]:
        """(blkno, avail): pg_freespace()."""
        for blkno in self._blocks(block, self._fsm_end):
            map_block, slot = fsm.locate(blkno)
            page = self.fsm.page(map_block)
            category = 0 if page is None else fsm.slot_category(page, slot)
            yield blkno, fsm.category_to_bytes(category)

    def _fsm_end(self) -> int:
        leaf, end = 0, 0
        while fsm.fsm_block(leaf) < self.fsm.blocks:
            page = self.fsm.page(fsm.fsm_block(leaf)) or b""
            slots = page[fsm.FP_NODES + fsm.NON_LEAF_NODES_PER_PAGE : BLCKSZ].rstrip(b"\0")
            if slots:
                end = leaf * fsm.SLOTS_PER_FSM_PAGE + len(slots)
            leaf += 1
        return end

    def _blocks(self, block: int | None, map_end: Any) -> range:
        if block is not None:
            return range(block, block + 1)
        return range(self.main.blocks if self.main.exists else map_end())
