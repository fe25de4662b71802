"""The seam under everything: a data directory as named byte files.

Paths are relative to the data directory, with forward slashes. Tablespace links
(``pg_tblspc/<oid>``) are followed like directories. Everything above goes through a
backend, so that a plain directory, an overlay or an archive serve alike.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol, runtime_checkable

from pgtool.errors import Panic, SqlError, UserError

KEPT_HANDLES = 400
#: Files grow by writing zeroes up to so many bytes, else by asking for room.
ZEROES = 1 << 16
DISK_FULL, IO_ERROR = "53100", "58030"


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
        if size is None:
            with open(self.full(path), "rb", buffering=0) as file:
                file.seek(offset)
                return file.readall()
        # Blocks are read one by one: a file object would take longer than the reading.
        handle = os.open(self.full(path), os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            out = os.pread(handle, size, offset)
            while len(out) < size:
                part = os.pread(handle, size - len(out), offset + len(out))
                if not part:
                    break
                out += part
            return out
        finally:
            os.close(handle)

    def gather(self, path: str, offsets: Sequence[int], size: int, buffer: memoryview) -> bool:
        """Pieces of one size, end to end into ``buffer``; whether all of them were there."""
        handle = os.open(self.full(path), os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            for i, offset in enumerate(offsets):
                if os.preadv(handle, [buffer[i * size : (i + 1) * size]], offset) != size:
                    return False
            return True
        finally:
            os.close(handle)

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

    def write(self, path: str, offset: int, data: bytes | bytearray | memoryview) -> None:
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
        """Make ``path`` a link to the directory ``target``, in the place of another link.

        Or in that of an empty directory.
        """
        ...

    def is_directory(self, path: str) -> bool:
        """Whether ``path`` is a directory, or a link to one."""
        ...


def failure(what: str, path: str, error: OSError) -> SqlError:
    """The server's words for a system call that failed."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return SqlError(
        f'could not {what} file "{path}": {error.strerror}', DISK_FULL if full else IO_ERROR,
        hint="Check free disk space." if full and what == "extend" else None,
    )  # fmt: skip


def _put(handle: int, data: memoryview, offset: int) -> None:
    """Write all of it."""
    done = os.pwrite(handle, data, offset)
    while done < len(data):
        done += os.pwrite(handle, data[done:], offset + done)


class Directory(ReadOnly):
    """A directory that is read and written. Files it makes carry the directory's owner and mode.

    File handles are kept open, the least recently used ones leaving. Invariant: once
    :attr:`failed` is set nothing is written any more, by anyone; crash recovery mends what is
    on disk then. ``fsync`` off leaves it to the operating system when things reach the disk.
    """

    def __init__(self, root: str, *, fsync: bool = True) -> None:
        super().__init__(root)
        self.fsync = fsync
        self.failed: BaseException | None = None
        self._handles: OrderedDict[str, int] = OrderedDict()
        home = os.stat(self.root)
        group = home.st_mode & 0o040
        self._file_mode, self._directory_mode = (0o640, 0o750) if group else (0o600, 0o700)
        self._owner = (home.st_uid, home.st_gid) if os.geteuid() == 0 else None

    # -- reading, through the open handles --------------------------------------

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes:
        handle = self._handles.get(path)
        if handle is None or size is None:
            return super().read(path, offset, size)
        out = os.pread(handle, size, offset)
        while len(out) < size:
            part = os.pread(handle, size - len(out), offset + len(out))
            if not part:
                break
            out += part
        return out

    def readinto(self, path: str, offset: int, buffer: memoryview) -> int:
        handle = self._handle(path)
        done = 0
        while done < len(buffer):
            n = os.preadv(handle, [buffer[done:]], offset + done)
            if n == 0:
                break
            done += n
        return done

    def size(self, path: str) -> int:
        handle = self._handles.get(path)
        return os.stat(self.full(path)).st_size if handle is None else os.fstat(handle).st_size

    # -- writing --------------------------------------------------------------

    def write(self, path: str, offset: int, data: bytes | bytearray | memoryview) -> None:
        handle = self._made(path)
        size = os.fstat(handle).st_size
        if offset > size:
            raise UserError(f'write at {offset} leaves a hole in "{path}" of {size} bytes')
        try:
            _put(handle, memoryview(data), offset)
        except OSError as error:
            raise failure("write to", path, error) from None

    def extend(self, path: str, size: int) -> None:
        handle = self._made(path)
        have = os.fstat(handle).st_size
        if size <= have:
            return
        try:
            if size - have <= ZEROES:
                _put(handle, memoryview(bytes(size - have)), have)
            else:
                os.posix_fallocate(handle, have, size - have)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):
                os.ftruncate(handle, size)
                return
            with suppress(OSError):
                os.ftruncate(handle, have)
            raise failure("extend", path, error) from None

    def truncate(self, path: str, size: int) -> None:
        self.check()
        if size < self.size(path):
            os.truncate(self.full(path), size)

    def sync(self, path: str) -> None:
        self.check()
        if not self.fsync:
            return
        full = self.full(path)
        try:
            if path in self._handles or not os.path.isdir(full):
                os.fdatasync(self._handle(path))
                return
            handle = os.open(full, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise failure("fsync", path, error) from None

    def create(self, path: str) -> None:
        self.check()
        if not self.exists(path):
            self._create(path)

    def unlink(self, path: str) -> None:
        self.check()
        self.forget(path)
        os.unlink(self.full(path))

    def mkdir(self, path: str) -> None:
        self.check()
        full = self.full(path)
        if os.path.isdir(full):
            return
        parent = os.path.dirname(path)
        if parent:
            self.mkdir(parent)
        os.mkdir(full, self._directory_mode)
        os.chmod(full, self._directory_mode)
        if self._owner is not None:
            os.chown(full, *self._owner)

    def rmtree(self, path: str) -> None:
        self.check()
        for name in [n for n in self._handles if n.startswith(path + "/")]:
            self.forget(name)
        if os.path.isdir(self.full(path)):
            shutil.rmtree(self.full(path))

    def rename(self, old: str, new: str) -> None:
        self.check()
        self.forget(old)
        self.forget(new)
        os.replace(self.full(old), self.full(new))

    def copy(self, old: str, new: str) -> None:
        if self.exists(new):
            self.unlink(new)
        self._create(new)
        shutil.copyfile(self.full(old), self.full(new))

    def symlink(self, target: str, path: str) -> None:
        self.check()
        full = self.full(path)
        if os.path.islink(full):
            os.unlink(full)
        elif os.path.isdir(full):
            os.rmdir(full)
        os.symlink(target, full)
        if self._owner is not None:
            os.lchown(full, *self._owner)

    # -- handles --------------------------------------------------------------

    def check(self) -> None:
        """Raise where a failure has forbidden all writing."""
        if self.failed is not None:
            raise Panic(f"nothing is written after a failure: {self.failed}")

    def forget(self, path: str) -> None:
        """Close the handle of a file that goes away or changes its name."""
        handle = self._handles.pop(path, None)
        if handle is not None:
            os.close(handle)

    def close(self) -> None:
        """Close every handle."""
        while self._handles:
            os.close(self._handles.popitem()[1])

    def _made(self, path: str) -> int:
        """The handle of a file that is written, made where it is missing."""
        self.check()
        handle = self._handles.get(path)
        if handle is not None:
            return handle
        try:
            return self._handle(path)
        except FileNotFoundError:
            try:
                self._create(path)
            except OSError as error:
                raise failure("create", path, error) from None
            return self._handle(path)

    def _handle(self, path: str) -> int:
        handle = self._handles.get(path)
        if handle is not None:
            self._handles.move_to_end(path)
            return handle
        handle = os.open(self.full(path), os.O_RDWR | os.O_CLOEXEC)
        self._handles[path] = handle
        if len(self._handles) > KEPT_HANDLES:
            os.close(self._handles.popitem(last=False)[1])
        return handle

    def _create(self, path: str) -> None:
        """A new empty file."""
        handle = os.open(self.full(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, self._file_mode)
        try:
            self.own(handle)
        finally:
            os.close(handle)

    def own(self, handle: int) -> None:
        """Give a new file the owner, group and mode that the server would give it."""
        os.fchmod(handle, self._file_mode)
        if self._owner is not None:
            os.fchown(handle, *self._owner)
