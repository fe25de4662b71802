"""Free pages of an index, in its free space map: a page is either wholly free or not.

Source: ``storage/freespace/indexfsm.c``. The map is a hint; whoever takes a page looks
whether it is free indeed.
"""

from __future__ import annotations

from typing import Any

from formats.units import BLCKSZ
from pgtool.storage import freespace
from pgtool.storage.smgr import RelFileLocator

__all__ = ["free_index_page", "record_free_index_page", "vacuum_index_map"]


def free_index_page(pool: Any, where: RelFileLocator) -> int | None:
    """A page that the map holds for free; the map forgets it."""
    block = freespace.search(pool, where, BLCKSZ // 2)
    if block is not None:
        freespace.record(pool, where, block, 0)
    return block


def record_free_index_page(pool: Any, where: RelFileLocator, block: int) -> None:
    """A page can be reused."""
    freespace.record(pool, where, block, BLCKSZ - 1)


def vacuum_index_map(pool: Any, where: RelFileLocator) -> None:
    """Carry what was recorded to the upper levels of the map."""
    freespace.vacuum(pool, where)
