"""The data directory itself: made or taken over, filled, synced, or cleared away again.

Files and directories get the modes that the server insists on, whatever the umask; run as
root on an empty directory of somebody else, everything made belongs to that user.
"""

from __future__ import annotations

import os
import shutil
from types import TracebackType
from typing import TYPE_CHECKING

from pgtool.errors import UserError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

DIRECTORIES = (
    "global", "pg_commit_ts", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots",
    "pg_subtrans", "pg_twophase", "pg_multixact", "pg_multixact/members",
    "pg_multixact/offsets", "base", "base/1", "base/4", "base/5", "pg_replslot", "pg_tblspc",
    "pg_stat", "pg_stat_tmp", "pg_xact", "pg_logical", "pg_logical/snapshots",
    "pg_logical/mappings",
)  # fmt: skip
WAL_DIRECTORIES = ("archive_status", "summaries")
WRITE_THREADS = 4


class NewDirectory:
    """A context: leaving it by an exception takes away all that was made in it.

    Where files are synced, threads write them: the next are made while these go to disk.
    """

    def __init__(
        self, root: str, waldir: str | None, group_access: bool, sync: bool = True
    ) -> None:
        """``sync``: files are on their way to the disk as soon as they are made."""
        self.root = os.path.abspath(root)
        self.waldir = os.path.abspath(waldir) if waldir else None
        self.mode = 0o750 if group_access else 0o700
        self.file_mode = 0o640 if group_access else 0o600
        self.owner: tuple[int, int] | None = None
        self._made: list[str] = []
        self._taken: list[str] = []
        self._pool = _threads() if sync else None
        self._syncing: list[Future[None]] = []

    def __enter__(self) -> NewDirectory:
        self._umask = os.umask(0o777 & ~self.mode)
        try:
            self._begin(self.root, "directory")
            if self.waldir:
                self._begin(self.waldir, "WAL directory")
                link = os.path.join(self.root, "pg_wal")
                os.symlink(self.waldir, link)
                self._own(link)
            for path in DIRECTORIES if self.waldir else (*DIRECTORIES, "pg_wal"):
                self._mkdir(os.path.join(self.root, path))
            for path in WAL_DIRECTORIES:
                self._mkdir(os.path.join(self.root, "pg_wal", path))
        except BaseException:
            self._clear()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if kind is not None:
            self._clear()
        os.umask(self._umask)

    def _begin(self, path: str, what: str) -> None:
        """Make a top directory, or take an empty one over."""
        try:
            there = os.listdir(path)
        except FileNotFoundError:
            self._make_with_parents(path)
            return
        except OSError as error:
            raise UserError(f'could not access directory "{path}": {error.strerror}') from None
        if there:
            raise UserError(f'{what} "{path}" exists but is not empty{_reason(path, there)}')
        found = os.stat(path)
        if os.geteuid() == 0:
            self.owner = self.owner or (found.st_uid, found.st_gid)
        os.chmod(path, self.mode)
        self._taken.append(path)

    def _make_with_parents(self, path: str) -> None:
        missing = [path]
        while not os.path.exists(parent := os.path.dirname(missing[-1])):
            missing.append(parent)
        for one in reversed(missing):
            try:
                self._mkdir(one)
            except OSError as error:
                raise UserError(f'could not create directory "{one}": {error.strerror}') from None
            self._made.append(one)

    def _mkdir(self, path: str) -> None:
        os.mkdir(path, self.mode)
        self._own(path)

    def _own(self, path: str | int) -> None:
        if self.owner is not None:
            os.chown(path, *self.owner, follow_symlinks=isinstance(path, int))

    def write(self, name: str, data: bytes, size: int | None = None) -> None:
        """A new file; ``size`` lets zeroes follow the data. Errors may come with :meth:`sync`."""
        path = os.path.join(self.root, name)
        if self._pool is None:
            self._put(path, data, size, False)
        else:
            self._syncing.append(self._pool.submit(self._put, path, data, size, True))

    def _put(self, path: str, data: bytes, size: int | None, sync: bool) -> None:
        try:
            self._put_file(path, data, size, sync)
        except OSError as error:
            raise UserError(f'could not write file "{path}": {error.strerror}') from None

    def _put_file(self, path: str, data: bytes, size: int | None, sync: bool) -> None:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self.file_mode)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            if size is not None:
                _zeroes(handle, len(data), size)
            self._own(handle)
            if sync:
                os.fsync(handle)
        finally:
            os.close(handle)

    def sync(self) -> None:
        """Return when all of it will survive a crash of the machine."""
        if self._pool is None:
            return
        for one in self._syncing:
            one.result()
        places = [self.root, *([self.waldir] if self.waldir else []), *self._made]
        for top in places[: 2 if self.waldir else 1]:
            places += [os.path.join(at, d) for at, dirs, _ in os.walk(top) for d in dirs]
        list(self._pool.map(_sync, places))
        _sync(os.path.dirname(self._made[0] if self._made else self.root))

    def _clear(self) -> None:
        for path in reversed(self._made):
            shutil.rmtree(path, ignore_errors=True)
        for path in self._taken:
            for name in os.listdir(path):
                inner = os.path.join(path, name)
                if os.path.isdir(inner) and not os.path.islink(inner):
                    shutil.rmtree(inner, ignore_errors=True)
                else:
                    os.unlink(inner)


def _threads() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(WRITE_THREADS)


def _reason(path: str, names: list[str]) -> str:
    if "lost+found" in names:
        return "; it holds lost+found, perhaps because it is a mount point: use a directory in it"
    if all(name.startswith(".") for name in names):
        return "; it holds only hidden files, perhaps because it is a mount point"
    return "; choose another one, or remove or empty it first"


def _zeroes(handle: int, start: int, size: int) -> None:
    """Real zeroes, not a hole: a WAL segment must not run out of space later."""
    chunk = bytes(1 << 20)
    while start < size:
        start += os.pwrite(handle, chunk[: size - start], start)


def _sync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
