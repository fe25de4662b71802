"""Which WAL segments are still needed, and what becomes of the others.

Needed are those from the redo pointer's on, the last ``wal_keep_size`` bytes, what the
replication slots still want, and what waits for the archiver. The others get the names of
future segments, as many as the next checkpoint is likely to ask for; the rest is removed.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from formats import slot
from formats.wal.page import is_segment_name, parse_segment_name, segment_name
from pgtool.storage.backend import WritableBackend
from pgtool.wal.writer import XLOG_DIRECTORY, WalWriter

ARCHIVE_STATUS = f"{XLOG_DIRECTORY}/archive_status"
_NEVER = 1 << 64


class Sizes(Protocol):
    """The settings that decide; bytes."""

    @property
    def min_wal_size(self) -> int: ...
    @property
    def max_wal_size(self) -> int: ...
    @property
    def wal_keep_size(self) -> int: ...
    @property
    def wal_recycle(self) -> bool: ...
    @property
    def archiving(self) -> bool: ...


class SlotLimits(NamedTuple):
    """What replication slots hold back: oldest WAL, row versions, catalog row versions."""

    restart_lsn: int
    xmin: int
    catalog_xmin: int


def _older(a: int, b: int) -> int:
    if not a or not b:
        return a or b
    return a if (a - b) & 0x80000000 else b


def slot_limits(backend: WritableBackend) -> SlotLimits:
    """Over all valid slots of a directory; 0 where none holds anything."""
    restart, xmin, catalog_xmin = _NEVER, 0, 0
    try:
        names = backend.list(slot.SLOT_DIRECTORY)
    except FileNotFoundError:
        names = []
    for name in names:
        path = f"{slot.SLOT_DIRECTORY}/{name}/state"
        if not backend.exists(path):
            continue
        found = slot.parse(backend.read(path), file=path)
        if found.get("invalidated"):
            continue
        if found.restart_lsn:
            restart = min(restart, int(found.restart_lsn))
        xmin = _older(xmin, int(found.xmin))
        catalog_xmin = _older(catalog_xmin, int(found.catalog_xmin))
    return SlotLimits(0 if restart == _NEVER else restart, xmin, catalog_xmin)


def oldest_needed(writer: WalWriter, redo: int, sizes: Sizes, slots: SlotLimits) -> int:
    """The number of the first segment that must stay."""
    size = writer.segment_size
    keep = redo // size
    if slots.restart_lsn:
        keep = min(keep, slots.restart_lsn // size)
    if sizes.wal_keep_size > 0:
        keep = min(keep, max(1, writer.end // size - sizes.wal_keep_size // size))
    return keep


def remove_old_segments(
    writer: WalWriter, redo: int, sizes: Sizes, slots: SlotLimits, distance: float = 0.0
) -> tuple[int, int]:
    """(segments removed, segments kept for reuse). ``distance``: WAL between checkpoints."""
    backend, size = writer.backend, writer.segment_size
    keep = oldest_needed(writer, redo, sizes, slots)
    limit = _reuse_up_to(redo, sizes, size, distance)
    free = (writer.end - 1) // size + 1
    removed = reused = 0
    for name in sorted(backend.list(XLOG_DIRECTORY)):
        if not is_segment_name(name):
            continue
        _, segno = parse_segment_name(name, size)
        if segno >= keep or not _archived(backend, name, sizes.archiving):
            continue
        path = f"{XLOG_DIRECTORY}/{name}"
        while free <= limit and backend.exists(_path(writer, free)):
            free += 1
        if sizes.wal_recycle and free <= limit and backend.size(path) == size:
            backend.rename(path, _path(writer, free))
            free += 1
            reused += 1
        else:
            backend.unlink(path)
            removed += 1
        for suffix in (".done", ".ready"):
            if backend.exists(f"{ARCHIVE_STATUS}/{name}{suffix}"):
                backend.unlink(f"{ARCHIVE_STATUS}/{name}{suffix}")
    if removed or reused:
        backend.sync(XLOG_DIRECTORY)
    return removed, reused


def _path(writer: WalWriter, segno: int) -> str:
    return f"{XLOG_DIRECTORY}/{segment_name(writer.tli, segno, writer.segment_size)}"


def _reuse_up_to(redo: int, sizes: Sizes, segment_size: int, distance: float) -> int:
    """The last segment number that is worth having a file beforehand."""
    least = redo // segment_size + sizes.min_wal_size // segment_size - 1
    most = redo // segment_size + sizes.max_wal_size // segment_size - 1
    wanted = -int(-(redo + distance * 1.9 * 1.1) // segment_size)
    return min(max(wanted, least), most)


def _archived(backend: WritableBackend, name: str, archiving: bool) -> bool:
    """Whether a segment need not wait for the archiver."""
    if not archiving or backend.exists(f"{ARCHIVE_STATUS}/{name}.done"):
        return True
    if not backend.exists(f"{ARCHIVE_STATUS}/{name}.ready"):
        backend.write(f"{ARCHIVE_STATUS}/{name}.ready", 0, b"")
    return False
