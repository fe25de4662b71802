"""All entries of a btree with one key, by the pool: what a look-up of a row needs.

Range scans read through :mod:`pgtool.access.btree.ranges`; this is for an instance that
writes, where the newest pages are in the pool, and for one key at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

from pgtool.access.btree import pointed, tuples
from pgtool.access.btree.relation import BTree
from pgtool.access.btree.search import descend
from pgtool.access.btree.unique import _Equal
from pgtool.storage import page as bufpage

__all__ = ["equal_tids"]


def equal_tids(tree: BTree, datums: Sequence[bytes | None]) -> list[int]:
    """``block << 16 | offset`` of every entry whose leading columns are these datums."""
    first = datums[0]
    if tree.keys.kind and first is not None:
        found = pointed.entries(tree, tree.keys.number_of(first))
        if found is not None:
            return found
    key = tree.keys.scan_key(datums)
    buffer, _stack = descend(tree, key)
    walk = _Equal(tree, buffer, key)
    out: list[int] = []
    try:
        for page, offnum in walk:
            out += tuples.tids(bufpage.item(page.page, offnum))
    finally:
        walk.close()
        tree.unpin(buffer)
    return out
