"""A data directory as it would be after changes, without changing it.

An :class:`Overlay` stands on a base that is only read. What is written goes into blocks in
memory; past ``spill_bytes`` they go to a temporary file that has no name. So redo can run
over a crashed directory or a backup, and everything above reads the result as if it were
on disk (the seam is :class:`pgtool.storage.backend.Backend`).

A file of the overlay is a base file (or none), the length up to which the base's bytes
still count, the present length, and the blocks that were written. Directories and links
that exist only here are remembered by name; so is what was removed.

Invariant: the base is never asked for anything but reading.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field

from formats.units import BLCKSZ
from pgtool.errors import UserError
from pgtool.storage.backend import Backend

SPILL_BYTES = 512 << 20
_ZERO = bytes(BLCKSZ)


@dataclass(slots=True)
class _File:
    """``base``: where unwritten blocks come from, up to byte ``limit``; else they are zero.

    ``blocks`` holds a written block's bytes, or its slot in the spill file.
    """

    base: str | None
    limit: int
    size: int
    blocks: dict[int, bytes | int] = field(default_factory=dict)


class Overlay:
    """A :class:`pgtool.storage.backend.WritableBackend` that never writes its base."""

    def __init__(self, base: Backend, spill_bytes: int = SPILL_BYTES) -> None:
        self.base = base
        self.root = base.root
        self.spill_bytes = spill_bytes
        self._files: dict[str, _File | None] = {}
        self._directories: set[str] = set()
        self._removed: set[str] = set()  # directories whose base contents are gone
        self._links: dict[str, str] = {}
        self._held = 0
        self._spill: int = -1
        self._slots = 0
        self._free: list[int] = []

    def close(self) -> None:
        """Forget what was written."""
        self._files.clear()
        if self._spill >= 0:
            os.close(self._spill)
            self._spill = -1

    def __del__(self) -> None:
        self.close()

    @property
    def changed(self) -> list[str]:
        """The files that are not as the base has them."""
        return sorted(self._files)

    # -- reading -------------------------------------------------------------------------

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        file = self._find(path)
        if file is None:
            return self.base.read(self._base_path(path), offset, size)
        end = file.size if size is None else min(file.size, offset + size)
        if offset >= end:
            return b""
        out = bytearray(end - offset)
        self._fill(file, offset, memoryview(out))
        return bytes(out)

    def readinto(self, path: str, offset: int, buffer: memoryview) -> int:
        file = self._find(path)
        if file is None:
            return self.base.readinto(self._base_path(path), offset, buffer)
        n = max(0, min(len(buffer), file.size - offset))
        if n:
            self._fill(file, offset, buffer[:n])
        return n

    def size(self, path: str) -> int:
        file = self._find(path)
        return self.base.size(self._base_path(path)) if file is None else file.size

    def exists(self, path: str) -> bool:
        if path in self._files:
            return self._files[path] is not None
        if path in self._directories or path in self._links:
            return True
        return not self._hidden(path) and self.base.exists(self._base_path(path))

    def is_directory(self, path: str) -> bool:
        """Whether ``path`` is a directory, or a link to one."""
        if path in self._files:
            return False
        if path in self._directories or path in self._links:
            return True
        if self._hidden(path):
            return False
        try:
            self.base.list(self._base_path(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def list(self, path: str) -> list[str]:
        names: set[str] = set()
        known = path in self._directories or path in self._links
        if not self._hidden(path):
            try:
                names.update(self.base.list(self._base_path(path)))
                known = True
            except FileNotFoundError:
                if not known:
                    raise
        if not known:
            raise FileNotFoundError(path)
        prefix = path.rstrip("/") + "/" if path else ""
        for other, file in self._files.items():
            head, _, name = other.rpartition("/")
            if head == prefix.rstrip("/"):
                (names.discard if file is None else names.add)(name)
        for other in (*self._directories, *self._links):
            if other.rpartition("/")[0] == prefix.rstrip("/"):
                names.add(other.rpartition("/")[2])
        return sorted(
            name for name in names
            if prefix + name not in self._removed or self.exists(prefix + name)
        )  # fmt: skip

    # -- writing -------------------------------------------------------------------------

    def write(self, path: str, offset: int, data: bytes | bytearray | memoryview) -> None:
        file = self._own(path, create=True)
        if offset > file.size:
            raise UserError(f'write at {offset} leaves a hole in "{path}" of {file.size} bytes')
        view, at = memoryview(data), offset
        while view:
            block, inside = divmod(at, BLCKSZ)
            part = view[: BLCKSZ - inside]
            if len(part) == BLCKSZ:
                self._store(file, block, bytes(part))
            else:
                whole = bytearray(BLCKSZ)
                n = min(BLCKSZ, max(0, file.size - block * BLCKSZ))
                if n:
                    self._fill(file, block * BLCKSZ, memoryview(whole)[:n])
                whole[inside : inside + len(part)] = part
                self._store(file, block, bytes(whole))
            at += len(part)
            view = view[len(part) :]
            file.size = max(file.size, at)

    def extend(self, path: str, size: int) -> None:
        file = self._own(path, create=True)
        file.size = max(file.size, size)

    def truncate(self, path: str, size: int) -> None:
        file = self._own(path)
        if size >= file.size:
            return
        file.size, file.limit = size, min(file.limit, size)
        last, inside = divmod(size, BLCKSZ)
        for block in [b for b in file.blocks if b > last or (b == last and not inside)]:
            self._forget(file.blocks.pop(block))
        if inside and last in file.blocks:
            kept = self._block(file.blocks[last])[:inside]
            self._store(file, last, kept.ljust(BLCKSZ, b"\0"))

    def sync(self, path: str) -> None:
        """Nothing to do: an overlay does not outlive its process."""

    def create(self, path: str) -> None:
        if not self.exists(path):
            self._own(path, create=True)

    def unlink(self, path: str) -> None:
        if path in self._links:
            del self._links[path]
            self._removed.add(path)
            return
        if not self.exists(path):
            raise FileNotFoundError(path)
        self._drop(path)
        self._files[path] = None

    def mkdir(self, path: str) -> None:
        parts = path.split("/")
        for n in range(1, len(parts) + 1):
            name = "/".join(parts[:n])
            if not self.exists(name):
                self._directories.add(name)

    def rmtree(self, path: str) -> None:
        prefix = path + "/"
        for name in [n for n in self._files if n.startswith(prefix)]:
            self._drop(name)
            del self._files[name]
        for names in (self._directories, self._removed):
            names -= {n for n in names if n == path or n.startswith(prefix)}
        self._removed.add(path)

    def rename(self, old: str, new: str) -> None:
        file = self._own(old)
        self._drop(new)
        self._files[new] = file
        self._files[old] = None

    def copy(self, old: str, new: str) -> None:
        source = self._find(old)
        self._drop(new)
        if source is None:
            path = self._base_path(old)
            size = self.base.size(path)
            self._files[new] = _File(path, size, size)
            return
        copied = _File(source.base, source.limit, source.size)
        self._files[new] = copied
        for block, held in list(source.blocks.items()):
            self._store(copied, block, self._block(held))

    def symlink(self, target: str, path: str) -> None:
        self._files.pop(path, None)
        self._links[path] = target

    # -- inside ---------------------------------------------------------------------------

    def _hidden(self, path: str) -> bool:
        """Whether the base's file of that name lies in a directory that was removed."""
        if not self._removed:
            return False
        while path:
            if path in self._removed:
                return True
            path = path.rpartition("/")[0]
        return False

    def _base_path(self, path: str) -> str:
        """The base's name of a path: links made here lead out of the directory."""
        for link, target in self._links.items():
            if path == link or path.startswith(link + "/"):
                return target + path[len(link) :]
        return path

    def _find(self, path: str) -> _File | None:
        """The overlaid file; None where the base's own counts."""
        if path in self._files:
            file = self._files[path]
            if file is None:
                raise FileNotFoundError(path)
            return file
        if self._hidden(path):
            raise FileNotFoundError(path)
        return None

    def _own(self, path: str, create: bool = False) -> _File:
        """The overlaid file, taken from the base at the first change."""
        file = self._files.get(path)
        if file is not None:
            return file
        if path not in self._files and not self._hidden(path):
            base = self._base_path(path)
            try:
                size = self.base.size(base)
            except (FileNotFoundError, NotADirectoryError):
                size = -1
            if size >= 0:
                file = self._files[path] = _File(base, size, size)
                return file
        if not create:
            raise FileNotFoundError(path)
        file = self._files[path] = _File(None, 0, 0)
        return file

    def _fill(self, file: _File, offset: int, out: memoryview) -> None:
        """Bytes of a file from ``offset`` on, all of which lie below its size."""
        got = 0
        if file.base is not None and offset < file.limit:
            want = min(len(out), file.limit - offset)
            got = self.base.readinto(file.base, offset, out[:want])
        if got < len(out):
            out[got:] = bytes(len(out) - got)
        if not file.blocks:
            return
        first, last = offset // BLCKSZ, (offset + len(out) - 1) // BLCKSZ
        for block in range(first, last + 1):
            held = file.blocks.get(block)
            if held is None:
                continue
            data = self._block(held)
            low = max(offset, block * BLCKSZ)
            high = min(offset + len(out), (block + 1) * BLCKSZ)
            start = low - block * BLCKSZ
            out[low - offset : high - offset] = data[start : start + high - low]

    def _block(self, held: bytes | int) -> bytes:
        if isinstance(held, int):
            return os.pread(self._spill, BLCKSZ, held * BLCKSZ)
        return held

    def _store(self, file: _File, block: int, data: bytes) -> None:
        old = file.blocks.get(block)
        if isinstance(old, int):
            os.pwrite(self._spill, data, old * BLCKSZ)
            return
        if old is None and self._held >= self.spill_bytes:
            file.blocks[block] = self._spilled(data)
            return
        if old is None:
            self._held += BLCKSZ
        file.blocks[block] = data

    def _spilled(self, data: bytes) -> int:
        if self._spill < 0:
            handle, name = tempfile.mkstemp(prefix="pgtool-overlay-")
            os.unlink(name)
            self._spill = handle
        slot = self._free.pop() if self._free else self._slots
        self._slots = max(self._slots, slot + 1)
        os.pwrite(self._spill, data, slot * BLCKSZ)
        return slot

    def _forget(self, held: bytes | int) -> None:
        if isinstance(held, int):
            self._free.append(held)
        else:
            self._held -= BLCKSZ

    def _drop(self, path: str) -> None:
        file = self._files.get(path)
        if file is not None:
            for held in file.blocks.values():
                self._forget(held)
