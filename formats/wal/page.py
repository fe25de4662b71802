"""WAL pages: the header that begins each of them, and the file names of segments.

Source: ``access/xlog_internal.h``. A WAL file (segment) is a row of XLOG_BLCKSZ pages;
the first page of a file has the long header, which tells whose file it is and how large
segments are, every other one the short header. What follows the header belongs first to
the record that the page before left unfinished (``xlp_rem_len`` bytes), then to new
records at MAXALIGN boundaries. ``xlp_magic`` is the file's major.
"""

from __future__ import annotations

import enum

from construct import Struct

from formats.units import Flags, Lsn, Raw, TimeLineID, XLogRecPtr, uint16, uint32, uint64

XLOG_BLCKSZ = 8192
WAL_SEG_MIN_SIZE = 1 << 20
WAL_SEG_MAX_SIZE = 1 << 30
XLOG_FNAME_LEN = 24

_HEX_UPPER = frozenset("0123456789ABCDEF")


class XLogPageFlags(enum.IntFlag):
    """``xlp_info``."""

    XLP_FIRST_IS_CONTRECORD = 0x0001
    XLP_LONG_HEADER = 0x0002
    XLP_BKP_REMOVABLE = 0x0004
    XLP_FIRST_IS_OVERWRITE_CONTRECORD = 0x0008


XLP_ALL_FLAGS = 0x000F

XLogPageHeaderData = Struct(
    "xlp_magic" / uint16 * "magic number; it changes with every major",
    "xlp_info" / Flags(uint16, XLogPageFlags) * "how the page begins",
    "xlp_tli" / TimeLineID * "timeline of the first record on the page",
    "xlp_pageaddr" / XLogRecPtr * "WAL position of this page's first byte",
    "xlp_rem_len" / uint32 * "bytes left of a record that an earlier page began",
    "padding" / Raw(4) * "fills the header up to MAXALIGN",
)
SIZE_OF_SHORT_PHD = 24
assert XLogPageHeaderData.sizeof() == SIZE_OF_SHORT_PHD

XLogLongPageHeaderData = Struct(
    "std" / XLogPageHeaderData * "the fields of every page header",
    "xlp_sysid" / uint64 * "system identifier, the one in pg_control",
    "xlp_seg_size" / uint32 * "bytes in a WAL file",
    "xlp_xlog_blcksz" / uint32 * "bytes in a WAL page",
)
SIZE_OF_LONG_PHD = 40
assert XLogLongPageHeaderData.sizeof() == SIZE_OF_LONG_PHD


def page_header_size(xlp_info: int) -> int:
    """Bytes of the page header that ``xlp_info`` announces."""
    return SIZE_OF_LONG_PHD if xlp_info & XLogPageFlags.XLP_LONG_HEADER else SIZE_OF_SHORT_PHD


def is_valid_segment_size(size: int) -> bool:
    """A power of two from 1 MB to 1 GB."""
    return WAL_SEG_MIN_SIZE <= size <= WAL_SEG_MAX_SIZE and size & (size - 1) == 0


def segment_name(tli: int, segno: int, segment_size: int) -> str:
    """The file name of segment ``segno`` on timeline ``tli``."""
    per_id = 0x100000000 // segment_size
    return f"{tli:08X}{segno // per_id & 0xFFFFFFFF:08X}{segno % per_id:08X}"


def is_segment_name(name: str) -> bool:
    """24 upper-case hexadecimal digits."""
    return len(name) == XLOG_FNAME_LEN and _HEX_UPPER.issuperset(name)


def parse_segment_name(name: str, segment_size: int) -> tuple[int, int]:
    """(timeline, segment number) of a segment's file name; ValueError where it is none."""
    if not is_segment_name(name[:XLOG_FNAME_LEN]):
        raise ValueError(f"not a WAL file name: {name!r}")
    tli, log, seg = (int(name[i : i + 8], 16) for i in (0, 8, 16))
    return tli, log * (0x100000000 // segment_size) + seg


def segment_start(segno: int, segment_size: int) -> Lsn:
    """The WAL position of a segment's first byte."""
    return Lsn(segno * segment_size)
