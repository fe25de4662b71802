"""Marking index entries dead whose rows a scan found to be dead for everybody.

A hint only: later scans pass over the entries, insertions take them out before they split a
page. Nothing is logged but, where checksums ask for it, an image of the page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from formats.nbtree import BTREE_METAPAGE
from formats.page import LpFlags
from pgtool.access.btree import pageops, tuples
from pgtool.access.btree.relation import is_ignored
from pgtool.storage import page as bufpage
from pgtool.storage.smgr import RelFileLocator

__all__ = ["kill_items"]

_NORMAL = int(LpFlags.LP_NORMAL)


def kill_items(
    pool: Any, where: RelFileLocator, blocks: Iterable[int], dead: Collection[int]
) -> int:
    """Mark the items of some leaves whose TIDs are all among the dead; how many."""
    killed = 0
    for block in blocks:
        if block == BTREE_METAPAGE or block >= pool.nblocks(where):
            continue
        with pool.read(where, block) as buffer:
            page = buffer.page
            if bufpage.is_new(page) or not pageops.is_leaf(page) or is_ignored(page):
                continue
            found = [
                offnum for offnum in range(pageops.first_data(page), bufpage.max_offset(page) + 1)
                if bufpage.item_id(page, offnum).flags == _NORMAL
                and all(tid in dead for tid in tuples.tids(bufpage.item(page, offnum)))
            ]
            for offnum in found:
                pageops.mark_dead(page, offnum)
            if found:
                pool.mark_dirty_hint(buffer)
                killed += len(found)
    return killed
