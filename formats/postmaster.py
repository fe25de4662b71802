"""postmaster.pid and postmaster.opts.

Source: ``utils/init/miscinit.c``, ``utils/pidfile.h``. The lock file has one value per
line and grows while the server starts; a standalone backend writes its process ID negated
and stops after five lines. The options file is the command line of the last start.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from construct import Struct

from formats.derive import sizeof
from formats.errors import CorruptData
from formats.units import Raw, int32, uint32, uint64

POSTMASTER_PID = "postmaster.pid"
POSTMASTER_OPTS = "postmaster.opts"


class Line(enum.IntEnum):
    """Which value stands in which line (counted from 0)."""

    PID = 0
    DATA_DIR = 1
    START_TIME = 2
    PORT = 3
    SOCKET_DIR = 4
    LISTEN_ADDR = 5
    SHMEM_KEY = 6
    PM_STATUS = 7

PG_SHMEM_MAGIC = 679834894

#: The start of a server's System V shared memory, by which another server knows it.
PGShmemHeader = Struct(
    "magic" / int32 * "PG_SHMEM_MAGIC",
    "creatorPID" / int32 * "process that made it",
    "totalsize" / uint64 * "bytes of the segment",
    "freeoffset" / uint64 * "where its free space begins",
    "dsm_control" / uint32 * "handle of the control segment of dynamic shared memory",
    "pad" / Raw(4) * "alignment",
    "index" / uint64 * "a pointer of the server's own",
    "device" / uint64 * "device of the data directory",
    "inode" / uint64 * "inode of the data directory",
)
assert sizeof(PGShmemHeader) == 56


@dataclass(frozen=True)
class LockFile:
    """postmaster.pid; a value that is not there yet is None."""

    lines: tuple[str, ...]

    def _text(self, line: Line) -> str | None:
        return self.lines[line] if line < len(self.lines) - 1 or self._whole(line) else None

    def _whole(self, line: Line) -> bool:
        return line < len(self.lines) and self.lines[line] != ""

    def _number(self, line: Line) -> int | None:
        found = self._text(line)
        return None if found is None else int(found)

    @property
    def pid(self) -> int:
        """The process ID (always positive)."""
        return abs(int(self.lines[Line.PID]))

    @property
    def standalone(self) -> bool:
        """Whether a standalone backend holds the directory, not a postmaster."""
        return self.lines[Line.PID].lstrip().startswith("-")

    @property
    def data_dir(self) -> str | None:
        """The data directory as the server calls it."""
        return self._text(Line.DATA_DIR)

    @property
    def start_time(self) -> int | None:
        """Seconds since 1970 at which it started."""
        return self._number(Line.START_TIME)

    @property
    def port(self) -> int | None:
        """Its port."""
        return self._number(Line.PORT)

    @property
    def socket_dir(self) -> str | None:
        """The first directory of its Unix sockets."""
        return self._text(Line.SOCKET_DIR)

    @property
    def listen_addr(self) -> str | None:
        """The first address it listens on, empty where it listens on none."""
        return self._text(Line.LISTEN_ADDR)

    @property
    def shmem(self) -> tuple[int, int] | None:
        """(key, ID) of its System V shared memory."""
        found = (self._text(Line.SHMEM_KEY) or "").split()
        return (int(found[0]), int(found[1])) if len(found) == 2 else None

    @property
    def status(self) -> str | None:
        """``starting``, ``stopping``, ``ready`` or ``standby``."""
        found = self._text(Line.PM_STATUS)
        return None if found is None else found.strip()

    def render(self) -> bytes:
        """The file's bytes."""
        return "\n".join(self.lines).encode("utf-8", "surrogateescape")


def parse_pid(data: bytes, *, file: str = POSTMASTER_PID) -> LockFile:
    """postmaster.pid; CorruptData where a number is none."""
    found = LockFile(tuple(data.decode("utf-8", "surrogateescape").split("\n")))
    try:
        assert found.pid >= 0
        _ = (found.start_time, found.port, found.shmem)
    except ValueError:
        raise CorruptData("bogus data in lock file", file=file) from None
    return found


@dataclass(frozen=True)
class Options:
    """postmaster.opts: the program and its arguments."""

    program: str
    arguments: tuple[str, ...]

    def render(self) -> bytes:
        """The file's bytes."""
        text = self.program + "".join(f' "{argument}"' for argument in self.arguments) + "\n"
        return text.encode("utf-8", "surrogateescape")


def parse_opts(data: bytes, *, file: str = POSTMASTER_OPTS) -> Options:
    """postmaster.opts; CorruptData where it does not have the server's form."""
    text = data.decode("utf-8", "surrogateescape")
    program, quote, rest = text.partition(' "')
    if not text.endswith("\n") or (quote and not rest.endswith('"\n')):
        raise CorruptData("options file is not what a server writes", file=file)
    if not quote:
        return Options(text[:-1], ())
    return Options(program, tuple(rest[:-2].split('" "')))
