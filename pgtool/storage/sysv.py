"""The System V shared memory segment by which PostgreSQL servers know of one another.

Nothing is kept in it but a server's own header, with device and inode of the data
directory. As long as a process is attached to it, no server starts on that directory; one
that a killed process left behind, the next server removes, since its key is made as theirs
are. Where the system has no such memory there is none (None).
"""

from __future__ import annotations

import ctypes
import os
import sys

from formats.derive import reader, sizeof, struct_of
from formats.postmaster import PG_SHMEM_MAGIC, PGShmemHeader

IPC_CREAT, IPC_EXCL, IPC_RMID, IPC_SET, IPC_STAT = 0o1000, 0o2000, 0, 1, 2
_KEY_MASK = 0x7FFFFFFF
_TRIES = 100
read_header = reader(PGShmemHeader)
_pack_header = struct_of(PGShmemHeader).pack


class _Permissions(ctypes.Structure):
    """struct ipc_perm of 64-bit Linux, as far as IPC_SET reads it."""

    _fields_ = (
        ("key", ctypes.c_int), ("uid", ctypes.c_uint), ("gid", ctypes.c_uint),
        ("cuid", ctypes.c_uint), ("cgid", ctypes.c_uint), ("mode", ctypes.c_uint),
        ("rest", ctypes.c_byte * 256),
    )  # fmt: skip


class Segment:
    """A segment that this process is attached to."""

    def __init__(self, key: int, number: int, address: int) -> None:
        self.key = key
        self.id = number
        self._address = address

    @classmethod
    def create(cls, root: str) -> Segment | None:
        """A segment for a data directory, owned by the directory's owner."""
        if not sys.platform.startswith("linux"):
            return None
        libc = _libc()
        home = os.stat(root)
        key = home.st_ino & _KEY_MASK
        size = sizeof(PGShmemHeader)
        for _ in range(_TRIES):
            key = key & _KEY_MASK or 1
            number = libc.shmget(key, size, IPC_CREAT | IPC_EXCL | 0o600)
            if number >= 0:
                break
            key += 1
        else:
            return None
        address = libc.shmat(number, None, 0)
        if address in (None, ctypes.c_void_p(-1).value):
            libc.shmctl(number, IPC_RMID, None)
            return None
        header = _pack_header(
            PG_SHMEM_MAGIC, os.getpid(), size, size, 0, b"", 0, home.st_dev, home.st_ino
        )
        ctypes.memmove(address, header, size)
        if os.geteuid() == 0:
            owner = _Permissions()
            libc.shmctl(number, IPC_STAT, ctypes.byref(owner))
            owner.uid, owner.gid, owner.mode = home.st_uid, home.st_gid, 0o600
            libc.shmctl(number, IPC_SET, ctypes.byref(owner))
        return cls(key, number, address)

    @staticmethod
    def remove_stale(number: int, root: str) -> None:
        """Destroy a segment that a dead process left, if it is this data directory's."""
        if not sys.platform.startswith("linux"):
            return
        libc, home = _libc(), os.stat(root)
        address = libc.shmat(number, None, 0)
        if address in (None, ctypes.c_void_p(-1).value):
            return
        found = read_header(ctypes.string_at(address, sizeof(PGShmemHeader)), 0)
        libc.shmdt(ctypes.c_void_p(address))
        ours = (found.device, found.inode) == (home.st_dev, home.st_ino)
        if found.magic == PG_SHMEM_MAGIC and ours:
            libc.shmctl(number, IPC_RMID, None)

    def remove(self) -> None:
        """Detach and destroy it."""
        libc = _libc()
        libc.shmdt(ctypes.c_void_p(self._address))
        libc.shmctl(self.id, IPC_RMID, None)


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    libc.shmat.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
    libc.shmctl.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
    return libc
