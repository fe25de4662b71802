"""Words that several resource managers' descriptions share: paths, times, lists."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from formats.errors import CorruptData
from formats.version import CATALOG_VERSION_NO, ByMajor

if TYPE_CHECKING:
    from formats.wal.record import DecodedRecord

GLOBALTABLESPACE_OID = 1664
DEFAULTTABLESPACE_OID = 1663
FORK_SUFFIXES = ("", "_fsm", "_vm", "_init")

USECS_PER_SEC = 1_000_000
#: Seconds from the Unix epoch to PostgreSQL's, 2000-01-01 00:00:00 UTC.
POSTGRES_EPOCH_SECS = 946_684_800

TABLESPACE_VERSION_DIRECTORY = ByMajor(
    {major: f"PG_{major}_{catversion}" for major, catversion in CATALOG_VERSION_NO.items()}
)


def relation_path(major: int, spc: int, db: int, rel: int, fork: int = 0) -> str:
    """The file of a relation's fork, relative to the data directory."""
    suffix = FORK_SUFFIXES[fork]
    if spc == GLOBALTABLESPACE_OID:
        return f"global/{rel}{suffix}"
    if spc == DEFAULTTABLESPACE_OID:
        return f"base/{db}/{rel}{suffix}"
    return f"pg_tblspc/{spc}/{TABLESPACE_VERSION_DIRECTORY[major]}/{db}/{rel}{suffix}"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> tuple[str, str]:
    """Local date and time, and the zone's name, of a Unix time."""
    local = time.localtime(seconds)
    return time.strftime("%Y-%m-%d %H:%M:%S", local), time.strftime("%Z", local)


def timestamptz(t: int) -> str:
    """A time in the local zone with microseconds, as the real tool prints it.

    Seconds and microseconds are the quotient and remainder towards zero, so a time before
    2000 shows a negative fraction, as there.
    """
    seconds, usecs = divmod(abs(t), USECS_PER_SEC)
    if t < 0:
        seconds, usecs = -seconds, -usecs
    text, zone = _second(seconds + POSTGRES_EPOCH_SECS)
    return f"{text}.{usecs:06d} {zone}"


def no_text(rec: DecodedRecord) -> str:
    """The description of a record type that has nothing to say beyond its name."""
    return ""


def items(item: struct.Struct, data: bytes, start: int, count: int) -> Iterator[tuple[Any, ...]]:
    """``count`` items of an array in a record, after a check that they are all there."""
    end = start + count * item.size
    if count > 0 and end > len(data):
        raise CorruptData(f"{count} items do not fit into the record", offset=start)
    return item.iter_unpack(data[start:end]) if count > 0 else iter(())


#: Texts of the numbers that line pointers have, which make up nearly all lists.
_text_of = list(map(str, range(2048))).__getitem__


def texts(numbers: Sequence[int]) -> list[str]:
    """Each number in decimal."""
    try:
        return list(map(_text_of, numbers))
    except IndexError:
        return list(map(str, numbers))


def number_list(numbers: Sequence[int]) -> str:
    """Numbers as pg_waldump lists them in the newer wording: `` [1, 2]``, `` []``."""
    return f" [{', '.join(texts(numbers))}]"
