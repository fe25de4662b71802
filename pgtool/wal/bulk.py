"""Many WAL records at once: laid out in one buffer, linked, signed and appended.

A :class:`Kind` is a number of records of one type with the same parts: an array for each
field that differs. Kinds may be mixed: every record has its place in the order. What a
record is made of and where its LSN goes is :mod:`pgtool.wal.insert`'s business, told there;
this is the same for whole runs of pages, whose images are the bulk of what VACUUM logs.

Invariant: the bytes are those that inserting the records one by one would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from formats.derive import dtype_of, offset_of
from formats.page import SIZE_OF_PAGE_HEADER, PageHeaderData
from formats.units import BLCKSZ
from formats.wal.page import (
    SIZE_OF_LONG_PHD,
    SIZE_OF_SHORT_PHD,
    XLOG_BLCKSZ,
    XLogPageFlags,
    XLogPageHeaderData,
)
from formats.wal.record import (
    HAS_HOLE,
    BkpBlockFlags,
    BlockRefNumber,
    FragmentId,
    RelFileLocator,
    XLogRecord,
    XLogRecordBlockHeader,
    XLogRecordBlockImageHeader,
    XLogRecordDataHeaderShort,
)
from pgtool.storage.ragged import copy_spans, offsets_of
from pgtool.storage.smgr import ForkNumber
from pgtool.storage.smgr import RelFileLocator as Locator
from pgtool.wal.sign import sign

if TYPE_CHECKING:
    from pgtool.wal.insert import Wal
    from pgtool.wal.writer import WalWriter

__all__ = ["Kind", "Reference", "Spans", "insert", "possible"]

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[Any]
_PAGE_HEADER, _HEADER, _BLOCK, _IMAGE, _LOCATOR, _BLKNO, _SHORT = (
    dtype_of(layout) for layout in (
        XLogPageHeaderData, XLogRecord, XLogRecordBlockHeader, XLogRecordBlockImageHeader,
        RelFileLocator, BlockRefNumber, XLogRecordDataHeaderShort,
    )
)  # fmt: skip
_PAGE_MASK = XLOG_BLCKSZ - 1
_CONTRECORD = int(XLogPageFlags.XLP_FIRST_IS_CONTRECORD)
_LOWER, _UPPER = (offset_of(PageHeaderData, name) // 2 for name in ("pd_lower", "pd_upper"))
_HAS_IMAGE, _HAS_DATA, _SAME_REL, _WILL_INIT = (
    int(BkpBlockFlags[f"BKPBLOCK_{name}"])
    for name in ("HAS_IMAGE", "HAS_DATA", "SAME_REL", "WILL_INIT")
)
_DATA_SHORT = int(FragmentId.XLR_BLOCK_ID_DATA_SHORT)


class Spans(NamedTuple):
    """A piece of a buffer for every record."""

    buffer: Bytes
    start: Ints
    length: Ints


@dataclass(slots=True)
class Reference:
    """A block reference that every record of a kind has.

    ``image``: pages that go in whole, a row each, and no ``data`` then; with a hole in them
    if they are ``standard``. ``will_init``: redo makes the page anew, no image is needed.
    """

    id: int
    where: Locator
    blocks: Ints
    fork: int = ForkNumber.MAIN
    same_rel: bool = False
    data: Spans | None = None
    image: Bytes | None = None
    standard: bool = True
    will_init: bool = False


@dataclass(slots=True)
class Kind:
    """Records of one type; ``main`` has a row of main data for each."""

    rmid: int
    info: int
    main: Bytes
    references: Sequence[Reference]
    #: The record's number in the order of all.
    places: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    xid: int = 0

    def __len__(self) -> int:
        return len(self.main)


def possible(wal: Wal, rmid: int, *, images: bool = True) -> bool:
    """Whether records can be made in bulk: images as they are, and no more than needed.

    Without ``images`` in them, their compression does not matter.
    """
    raw = wal.stores_images_raw or not images
    return raw and rmid not in wal.consistency and not wal.pending_top


def _octets(values: npt.NDArray[Any], n: int) -> Bytes:
    return np.ascontiguousarray(values).view(np.uint8).reshape(n, -1)


def _image_parts(pages: Bytes, apply: int, standard: bool) -> tuple[npt.NDArray[Any], list[Spans]]:
    """(fragment headers, what is stored) of page images."""
    n = len(pages)
    flat = pages.reshape(-1)
    words = pages[:, :SIZE_OF_PAGE_HEADER].copy().view(np.uint16)
    lower, upper = words[:, _LOWER].astype(np.int64), words[:, _UPPER].astype(np.int64)
    hole = standard & (lower >= SIZE_OF_PAGE_HEADER) & (lower < upper) & (upper <= BLCKSZ)
    lower, upper = np.where(hole, lower, 0), np.where(hole, upper, 0)
    head = np.zeros(n, _IMAGE)
    head["length"] = BLCKSZ - (upper - lower)
    head["hole_offset"] = lower
    head["bimg_info"] = np.where(hole, HAS_HOLE, 0) | apply
    start = np.arange(n, dtype=np.int64) * BLCKSZ
    return head, [Spans(flat, start, lower), Spans(flat, start + upper, BLCKSZ - upper)]


def _reference(one: Reference, n: int, apply: int) -> tuple[list[Bytes], list[Spans]]:
    head = np.zeros(n, _BLOCK)
    head["id"] = one.id
    flags = one.fork | (_SAME_REL if one.same_rel else 0) | (_WILL_INIT if one.will_init else 0)
    parts: list[Bytes] = []
    spans: list[Spans] = []
    if one.image is not None:
        head["fork_flags"] = flags | _HAS_IMAGE
        image, spans = _image_parts(one.image, apply, one.standard)
        parts.append(_octets(image, n))
    elif one.data is not None:
        head["fork_flags"] = flags | np.where(one.data.length > 0, _HAS_DATA, 0)
        head["data_length"] = one.data.length
        spans = [one.data]
    else:
        head["fork_flags"] = flags
    parts.insert(0, _octets(head, n))
    if not one.same_rel:
        where = np.zeros(n, _LOCATOR)
        where["spcOid"], where["dbOid"], where["relNumber"] = one.where[:3]
        parts.append(_octets(where, n))
    blkno = np.zeros(n, _BLKNO)
    blkno["blkno"] = one.blocks
    parts.append(_octets(blkno, n))
    return parts, spans


def _parts(kind: Kind, apply: int) -> tuple[Bytes, list[Spans]]:
    """(record headers and all fragment headers, the payload's pieces) of each record."""
    n = len(kind)
    header = np.zeros(n, _HEADER)
    header["xl_info"], header["xl_rmid"], header["xl_xid"] = kind.info, kind.rmid, kind.xid
    parts, spans = [_octets(header, n)], []
    for one in kind.references:
        heads, pieces = _reference(one, n, apply)
        parts += heads
        spans += pieces
    size = kind.main.shape[1]
    if size:
        short = np.zeros(n, _SHORT)
        short["id"], short["data_length"] = _DATA_SHORT, size
        parts.append(_octets(short, n))
    return np.concatenate(parts, axis=1), spans


def insert(wal: Wal, kinds: Sequence[Kind]) -> Ints:
    """Append the records, within a critical section; the end of each, by its place.

    The caller sets the pages' LSNs.
    """
    kinds = [kind for kind in kinds if len(kind)]
    total = sum(len(kind) for kind in kinds)
    if not total:
        return np.zeros(0, np.int64)
    size = np.zeros(total, np.int64)
    made = []
    for kind in kinds:
        heads, spans = _parts(kind, wal.image_apply)
        mine = np.full(len(kind), heads.shape[1] + kind.main.shape[1], np.int64)
        for span in spans:
            mine += span.length
        size[kind.places] = mine
        made.append((kind, heads, spans))
        images = sum(one.image is not None for one in kind.references)
        if images:
            wal.images += images * len(kind)
            wal.image_bytes += int(sum(span.length.sum() for span in spans))
    offsets = offsets_of((size + 7) & ~7)
    stream = _scratch(int(offsets[-1]))
    stream.view(np.uint64)[(offsets[1:] >> 3) - 1] = 0  # what a record is padded with
    for kind, heads, spans in made:
        _fill(stream, offsets[kind.places], heads, spans, kind.main)
    return _append(wal, stream, offsets, size)


#: Memory for the records of one call: new memory costs as much as what is done in it.
_memory: list[Bytes] = []


def _scratch(size: int) -> Bytes:
    if not _memory or len(_memory[0]) < size:
        _memory[:] = [np.empty(size + size // 4 & ~7, np.uint8)]
    return _memory[0][:size]


def _fill(
    stream: Bytes, at: Ints, heads: Bytes, spans: Sequence[Spans], main: Bytes
) -> None:
    """Lay the parts of records down, each behind the one before."""
    at = at.copy()
    for fixed in (heads, None, main):
        if fixed is None:
            for span in spans:
                copy_spans(stream, at, span.buffer, span.start, span.length)
                at += span.length
        elif fixed.shape[1]:
            n, width = fixed.shape
            source = np.ascontiguousarray(fixed).reshape(-1)
            copy_spans(stream, at, source, np.arange(n, dtype=np.int64) * width,
                       np.full(n, width, np.int64))  # fmt: skip
            at += width


def _append(wal: Wal, stream: Bytes, offsets: Ints, size: Ints) -> Ints:
    """Link and sign the records, and hand them to the writer; where each ends."""
    writer = wal.writer
    at, lsn = _pieces(writer, len(stream))
    begin = offsets[:-1]
    piece = np.searchsorted(at, begin, "right") - 1
    starts = lsn[piece] + (begin - at[piece])
    piece = np.searchsorted(at, offsets[1:], "left") - 1
    ends = lsn[piece] + (offsets[1:] - at[piece])
    sign(stream, begin, size, np.concatenate([np.array([wal.prev]), starts[:-1]]))
    # What a WAL page begins with belongs to the record that holds that byte.
    holder = np.searchsorted(begin, at, "right") - 1
    rest = begin[holder] + size[holder] - at
    rest[begin[holder] == at] = 0
    _lay(writer, stream, at, lsn, rest)
    wal.prev = wal.last_important = int(starts[-1])
    wal.records += len(size)
    return ends


def _pieces(writer: WalWriter, size: int) -> tuple[Ints, Ints]:
    """How so many bytes lie on WAL pages: where each piece begins in them, and its LSN."""
    first = writer.end & ~_PAGE_MASK
    count = size // (XLOG_BLCKSZ - SIZE_OF_LONG_PHD) + 2
    page = first + np.arange(count, dtype=np.int64) * XLOG_BLCKSZ
    lsn = page + np.where(page % writer.segment_size == 0, SIZE_OF_LONG_PHD, SIZE_OF_SHORT_PHD)
    lsn[0] = writer.next_start()
    at = offsets_of(page + XLOG_BLCKSZ - lsn)[:-1]
    used = int(np.searchsorted(at, size))
    return at[:used], lsn[:used]


def _lay(writer: WalWriter, stream: Bytes, at: Ints, lsn: Ints, rest: Ints) -> None:
    """Put the pieces on their pages; ``rest``: how much of a record goes on where one begins."""
    length = np.diff(at, append=len(stream))
    begun = lsn[0] != writer.end
    pages, base = writer.grow(int(lsn[-1] + length[-1]))
    room = np.frombuffer(pages, np.uint8)
    copy_spans(room, lsn - base, stream, at, length)
    first = 0 if begun else 1
    _put_headers(writer, room, base, lsn[first:] & ~_PAGE_MASK, rest[first:])
    del room
    writer.filled()


def _put_headers(writer: WalWriter, room: Bytes, base: int, page: Ints, rest: Ints) -> None:
    """Begin the pages at some LSNs."""
    head = np.zeros(len(page), _PAGE_HEADER)
    head["xlp_magic"], head["xlp_tli"] = writer.magic, writer.tli
    head["xlp_info"] = writer.page_info | np.where(rest > 0, _CONTRECORD, 0)
    head["xlp_pageaddr"], head["xlp_rem_len"] = page, rest
    octets = head.view(np.uint8)
    width = np.full(len(page), head.itemsize)
    copy_spans(room, page - base, octets, np.arange(len(page)) * head.itemsize, width)
    for i in np.flatnonzero(page % writer.segment_size == 0).tolist():
        header = writer.page_header(int(page[i]), int(rest[i]))
        at = int(page[i]) - base
        room[at : at + len(header)] = np.frombuffer(header, np.uint8)
