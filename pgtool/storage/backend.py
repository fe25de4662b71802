"""The seam under everything: a data directory as named byte files.

Paths are relative to the data directory, with forward slashes. Tablespace links
(``pg_tblspc/<oid>``) are followed like directories. Everything above goes through a
backend, so that a plain directory, an overlay or an archive serve alike.
"""

from __future__ import annotations

import os
from typing import Protocol, runtime_checkable

from formats.errors import UserError


@runtime_checkable
class Backend(Protocol):
    """Reading half of the seam. All methods raise FileNotFoundError for a missing file."""

    root: str

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        """Bytes [offset, offset + size) of a file, shorter at its end; all where size is None."""
        ...

    def readinto(self, path: str, offset: int, buffer: memoryview) -> int:
        """Fill ``buffer`` from ``offset``; returns the bytes read, fewer only at the file's end."""
        ...

    def size(self, path: str) -> int:
        """Length of a file in bytes."""
        ...

    def exists(self, path: str) -> bool:
        """Whether a file or directory of that name is there."""
        ...

    def list(self, path: str) -> list[str]:
        """Names in a directory, sorted."""
        ...


class ReadOnly:
    """A directory that is only ever read; files are opened per call and never written."""

    def __init__(self, root: str) -> None:
        if not os.path.isdir(root):
            raise UserError(f'data directory "{root}" does not exist')
        self.root = os.fspath(root)

    def full(self, path: str) -> str:
        """The file system's name of a path."""
        return os.path.join(self.root, path)

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        with open(self.full(path), "rb", buffering=0) as file:
            if size is None:
                file.seek(offset)
                return file.readall()
            out = bytearray()
            while len(out) < size:
                part = os.pread(file.fileno(), size - len(out), offset + len(out))
                if not part:
                    break
                out += part
            return bytes(out)

    def readinto(self, path: str, offset: int, buffer: memoryview) -> int:
        done = 0
        with open(self.full(path), "rb", buffering=0) as file:
            while done < len(buffer):
                n = os.preadv(file.fileno(), [buffer[done:]], offset + done)
                if n == 0:
                    break
                done += n
        return done

    def size(self, path: str) -> int:
        return os.stat(self.full(path)).st_size

    def exists(self, path: str) -> bool:
        return os.path.exists(self.full(path))

    def list(self, path: str) -> list[str]:
        return sorted(os.listdir(self.full(path)))
