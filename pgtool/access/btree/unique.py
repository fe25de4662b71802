"""Is there another live row with the same key: unique checks on insertion and deferred.

The leaf where the key begins, and its right siblings while their keys are still equal, are
looked through; each TID is asked of the heap, which sees rows as a *dirty* snapshot does:
uncommitted insertions count, uncommitted deletions do not yet. What nobody can see any more
is marked dead on the way.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from formats.nbtree import P_HIKEY, P_NONE
from formats.page import LpFlags
from pgtool.access.btree import pageops, tuples
from pgtool.access.btree.keys import ScanKey
from pgtool.access.btree.relation import BTree, is_ignored
from pgtool.access.btree.search import binary_search
from pgtool.errors import SqlError
from pgtool.storage import page as bufpage
from pgtool.storage.bufmgr import Buffer

__all__ = ["Dirty", "HeapView", "UniqueCheck", "check_unique", "find_equal", "violation"]

_DEAD = int(LpFlags.LP_DEAD)
UNIQUE_VIOLATION, LOCK_NOT_AVAILABLE = "23505", "55P03"


class UniqueCheck(enum.Enum):
    """How an insertion cares for uniqueness (``IndexUniqueCheck``)."""

    NO = "not at all"
    YES = "at once"
    PARTIAL = "only tell whether there might be a conflict"
    EXISTING = "check a row that is in the index already"


class Dirty(NamedTuple):
    """What a dirty snapshot sees at a TID.

    ``tid`` is the version that it sees, None if none; ``wait`` the transaction in progress
    whose end decides (0: none); ``dead`` that nobody will ever see a version again.
    """

    tid: int | None
    wait: int
    dead: bool


class HeapView(Protocol):
    """What the heap tells an index."""

    def dirty(self, tid: int) -> Dirty:
        """The row version that a dirty snapshot sees, following HOT chains."""

    def still_live(self, tid: int) -> bool:
        """Whether the row that is being checked is not dead itself by now."""


def violation(tree: BTree, datums: list[bytes | None]) -> SqlError:
    """The error of a second row with a key."""
    descriptor = tree.descriptor
    said = descriptor.describe(datums) if descriptor.describe is not None else None
    return SqlError(
        f'duplicate key value violates unique constraint "{descriptor.name}"', UNIQUE_VIOLATION,
        detail=None if said is None else f"Key {said} already exists.",
    )  # fmt: skip


def _wait(tree: BTree, xid: int) -> SqlError:
    """A transaction of another session would have to end first, and cannot meanwhile."""
    return SqlError(
        f'could not wait for transaction {xid} to check unique index "{tree.descriptor.name}"',
        LOCK_NOT_AVAILABLE,
    )


class _Equal:
    """Walks the items that are equal to a key, from a leaf on to the right."""

    def __init__(self, tree: BTree, buffer: Buffer, key: ScanKey) -> None:
        self.tree = tree
        self.key = key
        self.buffer = buffer
        self.home = buffer.tag.block

    def __iter__(self) -> Iterator[tuple[Buffer, int]]:
        """(page, line pointer) of each item that is not marked dead."""
        tree, key = self.tree, self.key
        page = self.buffer.page
        offnum = binary_search(tree, key, page)
        while True:
            last = bufpage.max_offset(page)
            while offnum <= last:
                state = bufpage.item_id(page, offnum).flags
                if tree.keys.compare(key, page, offnum) != 0:
                    return
                if state != _DEAD:
                    yield self.buffer, offnum
                offnum += 1
            if pageops.is_rightmost(page) or tree.keys.compare(key, page, P_HIKEY) < 0:
                return
            if not self._right():
                return
            page = self.buffer.page
            offnum = pageops.first_data(page)

    def _right(self) -> bool:
        """Go on to the next living page; the first stays pinned."""
        while True:
            following = pageops.opaque(self.buffer.page).next
            if following == P_NONE:
                return False
            if self.buffer.tag.block != self.home:
                self.tree.unpin(self.buffer)
            self.buffer = self.tree.pin(following)
            if not is_ignored(self.buffer.page):
                return True

    def close(self) -> None:
        """Let go of every page but the first."""
        if self.buffer.tag.block != self.home:
            self.tree.unpin(self.buffer)


def check_unique(
    tree: BTree, buffer: Buffer, key: ScanKey, tid: int, check: UniqueCheck
) -> tuple[bool, bool]:
    """(whether the key is unique, whether the page holds equal items); raises 23505."""
    walk = _Equal(tree, buffer, key)
    duplicates = found_self = False
    try:
        for page, offnum in walk:
            if page.tag.block == walk.home:
                duplicates = True
            tup = bufpage.item(page.page, offnum)
            all_dead = True
            for other in tuples.tids(tup):
                if check is UniqueCheck.EXISTING and other == tid:
                    found_self, all_dead = True, False
                    continue
                seen = tree.heap.dirty(other)
                all_dead = all_dead and seen.dead
                if seen.tid is None:
                    continue
                if check is UniqueCheck.EXISTING and seen.tid == tid:
                    found_self = True
                    continue
                if check is UniqueCheck.PARTIAL:
                    return False, duplicates
                if seen.wait:
                    raise _wait(tree, seen.wait)
                if not tree.heap.still_live(tid):
                    return True, duplicates  # the row to be checked is gone itself
                raise violation(tree, tree.shape.datums(tup)[: tree.nkeyatts])
            if all_dead:
                pageops.mark_dead(page.page, offnum)
                tree.pool.mark_dirty_hint(page)
    finally:
        walk.close()
    if check is UniqueCheck.EXISTING and not found_self:
        raise SqlError(
            f'failed to re-find tuple within index "{tree.descriptor.name}"', "XX000",
            hint="This may be because of a non-immutable index expression.",
        )  # fmt: skip
    return True, duplicates


def find_equal(tree: BTree, buffer: Buffer, key: ScanKey, own: int | None = None) -> int | None:
    """The TID of a live row with the key, other than ``own``; for ON CONFLICT."""
    walk = _Equal(tree, buffer, key)
    try:
        for page, offnum in walk:
            for other in tuples.tids(bufpage.item(page.page, offnum)):
                if other == own:
                    continue
                seen = tree.heap.dirty(other)
                if seen.tid is None or seen.tid == own:
                    continue
                if seen.wait:
                    raise _wait(tree, seen.wait)
                return seen.tid
    finally:
        walk.close()
    return None
