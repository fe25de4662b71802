"""The seam under everything: a data directory as named byte files.

Paths are relative to the data directory, with forward slashes. Tablespace links
(``pg_tblspc/<oid>``) are followed like directories. Everything above goes through a
backend, so that a plain directory, an overlay or an archive serve alike.
"""

from __future__ import annotations

import os
import shutil
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

    def is_directory(self, path: str) -> bool:
        """Whether ``path`` is a directory, or a link to one."""
        return os.path.isdir(self.full(path))


@runtime_checkable
class WritableBackend(Backend, Protocol):
    """The whole seam: what changes files as well."""

    def write(self, path: str, offset: int, data: bytes) -> None:
        """Put bytes at ``offset``, in the file or right at its end."""
        ...

    def extend(self, path: str, size: int) -> None:
        """Make a file ``size`` bytes long, zeroes behind its end; create it where missing."""
        ...

    def truncate(self, path: str, size: int) -> None:
        """Cut a file down to ``size`` bytes."""
        ...

    def sync(self, path: str) -> None:
        """Return when what was written to a file or directory will survive a crash."""
        ...

    def create(self, path: str) -> None:
        """Make an empty file; nothing where it is there already."""
        ...

    def unlink(self, path: str) -> None:
        """Remove a file or a symbolic link."""
        ...

    def mkdir(self, path: str) -> None:
        """Make a directory, its parents too; nothing where it is there already."""
        ...

    def rmtree(self, path: str) -> None:
        """Remove a directory with everything in it; nothing where it is missing."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in the place of whatever had it."""
        ...

    def copy(self, old: str, new: str) -> None:
        """Make ``new`` a copy of the file ``old``."""
        ...

    def symlink(self, target: str, path: str) -> None:
        """Make ``path`` a link to the directory ``target``, in the place of another link."""
        ...

    def is_directory(self, path: str) -> bool:
        """Whether ``path`` is a directory, or a link to one."""
        ...


class Directory(ReadOnly):
    """A directory that is read and written. Files it makes carry the directory's owner and mode."""

    def write(self, path: str, offset: int, data: bytes) -> None:
        size = self.size(path) if self.exists(path) else self._create(path)
        if offset > size:
            raise UserError(f'write at {offset} leaves a hole in "{path}" of {size} bytes')
        with open(self.full(path), "r+b", buffering=0) as file:
            view = memoryview(data)
            while view:
                done = os.pwrite(file.fileno(), view, offset)
                view, offset = view[done:], offset + done

    def extend(self, path: str, size: int) -> None:
        if not self.exists(path):
            self._create(path)
        if size > self.size(path):
            os.truncate(self.full(path), size)

    def truncate(self, path: str, size: int) -> None:
        if size < self.size(path):
            os.truncate(self.full(path), size)

    def sync(self, path: str) -> None:
        handle = os.open(self.full(path), os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def create(self, path: str) -> None:
        if not self.exists(path):
            self._create(path)

    def unlink(self, path: str) -> None:
        os.unlink(self.full(path))

    def mkdir(self, path: str) -> None:
        full = self.full(path)
        if os.path.isdir(full):
            return
        home = os.stat(self.root)
        parent = os.path.dirname(path)
        if parent:
            self.mkdir(parent)
        mode = 0o700 | (0o050 if home.st_mode & 0o040 else 0)
        os.mkdir(full, mode)
        os.chmod(full, mode)
        if os.geteuid() == 0:
            os.chown(full, home.st_uid, home.st_gid)

    def rmtree(self, path: str) -> None:
        if os.path.isdir(self.full(path)):
            shutil.rmtree(self.full(path))

    def rename(self, old: str, new: str) -> None:
        os.replace(self.full(old), self.full(new))

    def copy(self, old: str, new: str) -> None:
        if self.exists(new):
            self.unlink(new)
        self._create(new)
        shutil.copyfile(self.full(old), self.full(new))

    def symlink(self, target: str, path: str) -> None:
        full = self.full(path)
        if os.path.islink(full):
            os.unlink(full)
        os.symlink(target, full)
        if os.geteuid() == 0:
            home = os.stat(self.root)
            os.lchown(full, home.st_uid, home.st_gid)

    def _create(self, path: str) -> int:
        """A new empty file with the owner, group and mode that the server would give it."""
        home = os.stat(self.root)
        mode = 0o600 | (0o040 if home.st_mode & 0o040 else 0)
        handle = os.open(self.full(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            os.fchmod(handle, mode)
            if os.geteuid() == 0:
                os.fchown(handle, home.st_uid, home.st_gid)
        finally:
            os.close(handle)
        return 0
