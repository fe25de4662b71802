"""The end of WAL after recovery: where the next record goes.

On the same timeline WAL goes on in the page where it ended. Where the last record was cut
off in the middle, WAL goes on at the page that lacks its rest, whose header says so, with a
record that names the lost one. On a new timeline the segment is first copied under its new
name, up to the end.
"""

from __future__ import annotations

import os
import time

from formats import timeline
from formats.derive import struct_of
from formats.units import Lsn
from formats.wal import xlog
from formats.wal.page import segment_name
from pgtool.transam.recovery.driver import Recovery
from pgtool.wal.archive import contents, find
from pgtool.wal.writer import WalWriter, install

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
    data = run.start.source.read(end - size, size) if size else b""
    name = segment_name(writer.tli, end // writer.segment_size, writer.segment_size)
    install(run.backend, name, data, writer.segment_size)


def keep_wal(run: Recovery) -> None:
    """Put what a later start replays again into pg_wal, where it came from an archive.

    So does a server with what it restores; it need not find the archive again then.
    """
    source, control = run.start.source, run.control
    size, home = source.segment_size, source.directories[-1]
    end = max(int(run.end), int(control.minRecoveryPoint))
    for segno in range(int(run.start.checkpoint.redo) // size, (end - 1) // size + 1):
        found = source.locate(segno)
        name = segment_name(source.tli_of(segno), segno, size)
        if found is not None and found[0] != os.path.join(home, name):
            install(run.backend, name, source.read(segno * size, size), size)
    for tli in source.line():
        name = timeline.file_name(tli)
        path = find(source.directories, name)
        if path is not None and path != os.path.join(home, name):
            install(run.backend, name, contents(path))


def _overwrite(run: Recovery, writer: WalWriter, lost: Lsn, page: Lsn) -> int:
    """Begin the page that lacks a record's rest anew, with a record that says so."""
    from pgtool.transam.recovery.finish import RM_XLOG, record_bytes

    writer.start(int(page))
    writer.overwrite_rest()
    now = int((time.time() - _EPOCH) * 1_000_000)
    main = _LOST.pack(int(lost), now)
    return writer.append(record_bytes(run.major, RM_XLOG, OVERWRITE, main, int(run.last)))
