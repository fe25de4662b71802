"""What to read: from the tool's arguments to a directory, a timeline and a range of WAL.

A segment may be named with or without its directory; where no directory is given the
current one, ``pg_wal`` in it and ``$PGDATA/pg_wal`` are tried. STARTSEG and ENDSEG set
start, end and timeline unless options do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from formats.errors import UserError
from formats.units import Lsn
from formats.wal.page import parse_segment_name, segment_start
from pgtool.wal.source import (
    SegmentDirectory,
    SegmentInfo,
    TimelineSwitch,
    any_segment_info,
    segment_names,
)
from pgtool.wal.timeline import timeline_history

XLOGDIR = "pg_wal"


@dataclass(frozen=True)
class Target:
    """A range of WAL in a directory; ``end`` None means as far as it goes."""

    directory: str
    info: SegmentInfo
    tli: int
    start: Lsn
    end: Lsn | None
    history: tuple[TimelineSwitch, ...] = ()


def resolve(
    path: str | None,
    segments: tuple[str, ...],
    start: Lsn | None,
    end: Lsn | None,
    tli: int | None,
) -> Target:
    """Find directory and range; UserError in pg_waldump's words where they do not fit."""
    if path is not None:
        _check_directory(path)
    if not segments:
        directory, info = _identify(path, None)
        if start is None:
            raise UserError("no start WAL location given")
        return Target(directory, info, tli or 1, start, end)
    folder, name = _split(segments[0])
    if path is None and folder is not None:
        _check_directory(folder)
        path = folder
    directory, info = _identify(path, name)
    size = info.segment_size
    tli, segno = _parse_name(name, size)
    if start is None:
        start = segment_start(segno, size)
    elif int(start) // size != segno:
        raise UserError(f'start WAL location {start} is not inside file "{name}"')
    if len(segments) > 1:
        tli, last = _end_segment(directory, segments, size, segno)
    else:
        last = segno
    if end is None:
        end = segment_start(last + 1, size)
    if int(end) // size != last and end != (last + 1) * size:
        raise UserError(f'end WAL location {end} is not inside file "{segments[-1]}"')
    return Target(directory, info, tli, start, end)


def _end_segment(
    directory: str, segments: tuple[str, ...], size: int, first: int
) -> tuple[int, int]:
    name = _split(segments[1])[1]
    if not os.path.exists(os.path.join(directory, name)):
        raise UserError(f'could not open file "{name}"')
    tli, last = _parse_name(name, size)
    if last < first:
        raise UserError(f"ENDSEG {segments[1]} is before STARTSEG {segments[0]}")
    return tli, last


def _split(path: str) -> tuple[str | None, str]:
    folder, slash, name = path.rpartition("/")
    return (folder if slash else None), name


def _parse_name(name: str, size: int) -> tuple[int, int]:
    try:
        return parse_segment_name(name, size)
    except ValueError:
        raise UserError(f'"{name}" is not the name of a WAL file') from None


def _check_directory(path: str) -> None:
    try:
        os.scandir(path).close()
    except OSError as error:
        raise UserError(f'could not open directory "{path}": {error.strerror}') from None


def _candidates(path: str | None) -> Iterator[str]:
    if path is not None:
        yield path
        yield os.path.join(path, XLOGDIR)
        return
    yield "."
    yield XLOGDIR
    data = os.environ.get("PGDATA")
    if data is not None:
        yield os.path.join(data, XLOGDIR)


def _identify(path: str | None, name: str | None) -> tuple[str, SegmentInfo]:
    for directory in _candidates(path):
        found = [name] if name else segment_names(directory)
        if not found or name == "":
            continue
        try:
            return directory, any_segment_info(directory, found)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise UserError(f'could not open file "{found[0]}": {error.strerror}') from None
    if name is not None:
        raise UserError(f'could not locate WAL file "{name}"')
    raise UserError("could not find any WAL file")


def whole_directory(path: str, end: Lsn | None, tli: int | None) -> Target:
    """Everything that the directory holds of one timeline and of its ancestors."""
    _check_directory(path)
    names = segment_names(path)
    if not names:
        raise UserError("could not find any WAL file")
    tli = tli or max(int(name[:8], 16) for name in names)
    history = timeline_history(path, tli)
    info = any_segment_info(path, names)
    source = SegmentDirectory(path, info, tli, history=history)
    present = set(names)
    segno = max(
        segno for found, segno in (parse_segment_name(n, info.segment_size) for n in names)
        if found == tli
    )  # fmt: skip
    while segno > 0 and source.file_name(segno - 1) in present:
        segno -= 1
    return Target(path, info, tli, segment_start(segno, info.segment_size), end, history)
