"""Records out of the fixtures' WAL, without any command in between."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from formats.wal.record import DecodedRecord, decode
from pgtool.wal.reader import WalReader
from pgtool.wal.source import SegmentDirectory, segment_info
from tests.fixtures import Scenario, scenarios


def raw_records(directory: Path) -> Iterator[tuple[bytes, DecodedRecord]]:
    """(bytes, decoded) of every record of the segments in a directory, per timeline."""
    names = sorted(p.name for p in directory.iterdir() if len(p.name) == 24)
    for tli in sorted({n[:8] for n in names}):
        first = next(n for n in names if n.startswith(tli))
        info = segment_info(str(directory), first)
        source = SegmentDirectory(str(directory), info, int(tli, 16))
        reader = WalReader(source)
        begin = int(first[8:16], 16) << 32 | int(first[16:], 16) * info.segment_size
        try:
            if reader.find_next(begin) is None:
                continue
            while True:
                try:
                    raw = reader.read_raw()
                except Exception as error:
                    if "could not find file" in str(error):
                        break  # the WAL kept ends with a whole segment
                    raise
                if raw is None:
                    break
                yield raw.data, decode(raw.data, raw.lsn, raw.end, info.major, int(tli, 16))
        finally:
            source.close()


def fixture_records(scenario: Scenario) -> Iterator[tuple[bytes, DecodedRecord]]:
    """Every record of a scenario, of every captured moment."""
    for tag in scenario.wal_tags():
        with tempfile.TemporaryDirectory() as directory:
            for name, data in scenario.wal(tag).items():
                Path(directory, name).write_bytes(data)
            yield from raw_records(Path(directory))


def with_wal(major: int | None = None) -> list[Scenario]:
    """The scenarios that hold WAL."""
    return [s for s in scenarios(major) if s.entries("wal")]
