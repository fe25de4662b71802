"""A backend that shows the newest state: the files, with the pool's dirty pages in them.

Whatever reads relation files run by run (heap scans, index scans, TOAST, maps) goes through
this one in a directory that is being written, and so sees every change at once, whether or
not its page has been written. Sizes are the files': the pool extends them for real.
"""

from __future__ import annotations

from formats.units import BLCKSZ
from pgtool.storage.backend import WritableBackend
from pgtool.storage.bufmgr import BufferPool


class PooledBackend:
    """``base`` as seen through ``pool``; writing goes to ``base``."""

    def __init__(self, base: WritableBackend, pool: BufferPool) -> None:
        self.base = base
        self.pool = pool
        self.root = base.root
        self.size = base.size
        self.exists = base.exists
        self.list = base.list
        self.write = base.write
        self.extend = base.extend
        self.truncate = base.truncate
        self.sync = base.sync
        self.unlink = base.unlink
        self.rename = base.rename
        self.mkdir = base.mkdir
        self.create = base.create
        self.rmtree = base.rmtree
        self.copy = base.copy
        self.symlink = base.symlink
        self.is_directory = base.is_directory

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        """Bytes of a file, dirty pages patched in."""
        out = self.base.read(path, offset, size)
        if path not in self.pool.dirty_files:
            return out
        patched = bytearray(out)
        self._patch(path, offset, memoryview(patched))
        return bytes(patched)

    def readinto(self, path: str, offset: int, buffer: memoryview) -> int:
        """Fill ``buffer`` from ``offset``, dirty pages patched in."""
        got = self.base.readinto(path, offset, buffer)
        if path in self.pool.dirty_files:
            self._patch(path, offset, buffer[:got])
        return got

    def _patch(self, path: str, offset: int, view: memoryview) -> None:
        dirty = self.pool.dirty_files[path]
        first, last = offset // BLCKSZ, -(-(offset + len(view)) // BLCKSZ)
        blocks = range(first, last)
        for block in blocks if len(blocks) < len(dirty) else [b for b in dirty if b in blocks]:
            buffer = dirty.get(block)
            if buffer is None:
                continue
            at = block * BLCKSZ - offset
            low, high = max(at, 0), min(at + BLCKSZ, len(view))
            view[low:high] = memoryview(self.pool.signed(buffer))[low - at : high - at]
