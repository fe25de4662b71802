"""The end of WAL after recovery: where the next record goes.

On the same timeline WAL goes on in the page where it ended. Where the last record was cut
off in the middle, WAL goes on at the page that lacks its rest, whose header says so, with a
record that names the lost one. On a new timeline the segment is first copied under its new
name, up to the end.
"""

from __future__ import annotations

import os
import time

from formats.derive import struct_of
from formats.units import Lsn
from formats.wal import xlog
from pgtool.transam.recovery.driver import Recovery
from pgtool.wal.writer import XLOG_DIRECTORY, WalWriter

_LOST = struct_of(xlog.xl_overwrite_contrecord)
_EPOCH = 946684800  # 2000-01-01 in seconds of Unix
OVERWRITE = next(row.opcode for row in xlog.RECORDS if row.name == "OVERWRITE_CONTRECORD")


def open_end(run: Recovery, tli: int) -> tuple[WalWriter, int]:
    """A writer that goes on behind the end of recovery; the last record's position."""
    source = run.start.source
    writer = WalWriter(
        run.backend, major=run.major, tli=tli, sysid=source.info.sysid,
        segment_size=source.segment_size,
    )  # fmt: skip
    if tli != run.end_tli:
        _begin_timeline(run, writer)
    elif run.aborted is not None:
        return writer, _overwrite(run, writer, *run.aborted)
    writer.start(int(run.end))
    return writer, int(run.last)


def _begin_timeline(run: Recovery, writer: WalWriter) -> None:
    """The segment of the switch under the new timeline's name, zeroes behind the end."""
    end = int(run.end)
    size = end % writer.segment_size
    backend = run.backend
    temporary = f"{XLOG_DIRECTORY}/xlogtemp.{os.getpid()}"
    backend.create(temporary)
    backend.truncate(temporary, 0)
    if size:
        backend.write(temporary, 0, run.start.source.read(end - size, size))
    backend.extend(temporary, writer.segment_size)
    backend.sync(temporary)
    backend.rename(temporary, writer.segment_path(end))
    backend.sync(XLOG_DIRECTORY)


def _overwrite(run: Recovery, writer: WalWriter, lost: Lsn, page: Lsn) -> int:
    """Begin the page that lacks a record's rest anew, with a record that says so."""
    from pgtool.transam.recovery.finish import RM_XLOG, record_bytes

    writer.start(int(page))
    writer.overwrite_rest()
    now = int((time.time() - _EPOCH) * 1_000_000)
    main = _LOST.pack(int(lost), now)
    return writer.append(record_bytes(run.major, RM_XLOG, OVERWRITE, main, int(run.last)))
