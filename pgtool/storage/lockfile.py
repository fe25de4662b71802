"""postmaster.pid: the lock that keeps two servers off one data directory.

Written as a standalone backend writes it (the process ID negated), so that a server that
is started meanwhile refuses, and so do we where one runs. A lock file that a dead process
left is taken over. The file is also locked (flock) as long as we live, by which other
processes of ours know it, wherever their working directory is. While running,
:meth:`LockFile.check` sees to it that the file is still ours: where somebody removed it,
another server may be in.

A server takes a process of another user (root, say) for none of its kind; so, like a server,
we keep a System V shared memory segment that belongs to the directory's owner and names the
directory, which no server overlooks.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import time

from formats.errors import CorruptData
from formats.postmaster import POSTMASTER_PID, Line, parse_pid
from formats.postmaster import LockFile as Contents
from pgtool.errors import ClusterInUse, UserError
from pgtool.storage.backend import Directory
from pgtool.storage.datadir import live_postmaster
from pgtool.storage.sysv import Segment

DEFAULT_PORT = "5432"


class LockFile:
    """Our lock on a data directory; it goes with :meth:`release` or with the process."""

    def __init__(self, directory: Directory) -> None:
        self.path = directory.full(POSTMASTER_PID)
        self._directory = directory
        self.pid = os.getpid()
        self.held = False
        self._handle = -1
        self._memory: Segment | None = None

    def acquire(self) -> None:
        """Take the lock; UserError where somebody alive has it."""
        directory = self._directory
        for _ in range(10):
            if self._create():
                self.held = True
                atexit.register(self.release)
                return
            server = live_postmaster(directory)
            if server is not None:
                raise ClusterInUse(
                    f'lock file "{POSTMASTER_PID}" already exists: '
                    f"is another server (PID {server}) running in data directory "
                    f'"{directory.root}"?'
                )
            self._remove_stale()
        raise UserError(f'could not create lock file "{POSTMASTER_PID}"')

    def __enter__(self) -> LockFile:
        self.acquire()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.release()

    def _create(self) -> bool:
        lines = [f"{-self.pid}", os.path.realpath(self._directory.root), str(int(time.time())),
                 DEFAULT_PORT, "", "", ""]  # fmt: skip
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return False
        except OSError as error:
            raise UserError(
                f'could not create lock file "{POSTMASTER_PID}": {error.strerror}'
            ) from None
        try:
            self._directory.own(handle)
            self._memory = Segment.create(self._directory.root)
            if self._memory is not None:
                lines[Line.SHMEM_KEY] = f"{self._memory.key:9d} {self._memory.id:9d}"
                lines.append("")
            os.write(handle, Contents(tuple(lines)).render())
            os.fsync(handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        return True

    def _remove_stale(self) -> None:
        """The process that wrote it is gone; so must be the server's shared memory."""
        try:
            found = parse_pid(self._directory.read(POSTMASTER_PID, 0, 4096))
        except (FileNotFoundError, CorruptData):
            found = None
        if found is not None and found.shmem is not None and _attached(found.shmem[1]):
            raise ClusterInUse(
                f"pre-existing shared memory block (key {found.shmem[0]}, ID {found.shmem[1]}) "
                "is still in use: terminate any old server processes associated with data "
                f'directory "{self._directory.root}"'
            )
        if found is not None and found.shmem is not None:
            Segment.remove_stale(found.shmem[1], self._directory.root)
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise UserError(
                f'could not remove old lock file "{POSTMASTER_PID}": {error.strerror}'
            ) from None

    def check(self) -> bool:
        """Whether the file still says that the directory is ours."""
        try:
            with open(self.path, "rb") as file:
                first = file.read(64).split(b"\n", 1)[Line.PID]
            return int(first) == -self.pid
        except (OSError, ValueError):
            return False

    def release(self) -> None:
        """Remove the file; it must be ours, and this process the one that took it."""
        if self.held and os.getpid() == self.pid:
            self.held = False
            atexit.unregister(self.release)
            if self.check():
                os.unlink(self.path)
            if self._memory is not None:
                self._memory.remove()
            os.close(self._handle)


def _attached(shmid: int) -> bool:
    """Whether processes are attached to a System V shared memory segment, as far as is seen."""
    try:
        with open("/proc/sysvipc/shm", encoding="ascii") as file:
            rows = [line.split() for line in file]
    except OSError:
        return False
    columns = rows[0]
    at, count = columns.index("shmid"), columns.index("nattch")
    return any(int(row[at]) == shmid and int(row[count]) > 0 for row in rows[1:])
