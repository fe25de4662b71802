# cython: language_level=3, annotation_typing=False
"""One page in the hands of redo: a class of its own so that compiled loops reach into it.

``redobuffer.pxd`` gives the C types.
"""

from __future__ import annotations

from formats.units import BLCKSZ


class RedoBuffer:
    """A page in memory: what it holds, and whether that is to be written out.

    Invariant: ``page`` has BLCKSZ bytes and is always the same object.
    """

    __slots__ = ("dirty", "key", "page")

    def __init__(self, key: tuple[int, int, int, int, int], page: bytearray) -> None:
        assert len(page) == BLCKSZ
        self.key = key
        self.page = page
        self.dirty = False

    @property
    def tag(self):  # type: ignore[no-untyped-def]
        """Which page this is, as the buffer manager names it."""
        from pgtool.storage.bufmgr import BufferTag
        from pgtool.storage.smgr import ForkNumber, RelFileLocator

        spc, db, rel, fork, block = self.key
        return BufferTag(RelFileLocator(spc, db, rel), ForkNumber(fork), block)
