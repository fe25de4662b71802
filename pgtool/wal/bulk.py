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
from crc32c import crc32c as _crc

from formats.derive import dtype_of, offset_of
from formats.page import SIZE_OF_PAGE_HEADER, PageHeaderData
from formats.units import BLCKSZ
from formats.wal.record import (
    HAS_HOLE,
    SIZE_OF_XLOG_RECORD,
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

if TYPE_CHECKING:
    from pgtool.wal.insert import Wal

__all__ = ["Kind", "Reference", "Spans", "insert", "possible"]

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[Any]
_HEADER, _BLOCK, _IMAGE, _LOCATOR, _BLKNO, _SHORT = (
    dtype_of(layout) for layout in (
        XLogRecord, XLogRecordBlockHeader, XLogRecordBlockImageHeader, RelFileLocator,
        BlockRefNumber, XLogRecordDataHeaderShort,
    )
)  # fmt: skip
_CRC_AT = offset_of(XLogRecord, "xl_crc")
_LOWER, _UPPER = (offset_of(PageHeaderData, name) // 2 for name in ("pd_lower", "pd_upper"))
_HAS_IMAGE, _HAS_DATA, _SAME_REL = (
    int(BkpBlockFlags[f"BKPBLOCK_{name}"]) for name in ("HAS_IMAGE", "HAS_DATA", "SAME_REL")
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
    if they are ``standard``.
    """

    id: int
    where: Locator
    blocks: Ints
    fork: int = ForkNumber.MAIN
    same_rel: bool = False
    data: Spans | None = None
    image: Bytes | None = None
    standard: bool = True


@dataclass(slots=True)
class Kind:
    """Records of one type; ``main`` has a row of main data for each."""

    rmid: int
    info: int
    main: Bytes
    references: Sequence[Reference]
    #: The record's number in the order of all.
    places: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.main)


def possible(wal: Wal, rmid: int) -> bool:
    """Whether records can be made in bulk: images as they are, and no more than needed."""
    return wal.stores_images_raw and rmid not in wal.consistency


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
    flags = one.fork | (_SAME_REL if one.same_rel else 0)
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
    header["xl_info"], header["xl_rmid"] = kind.info, kind.rmid
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
    stream = np.zeros(int(offsets[-1]), np.uint8)
    for kind, heads, spans in made:
        _fill(stream, offsets[kind.places], heads, spans, kind.main)
    return _append(wal, stream, offsets, size)


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
    """Link and sign the records, and hand them to the writer."""
    writer = wal.writer
    pieces = writer.layout(len(stream))
    at = np.array([piece[0] for piece in pieces], np.int64)
    lsn = np.array([piece[1] for piece in pieces], np.int64)
    begin = offsets[:-1]
    piece = np.searchsorted(at, begin, "right") - 1
    starts = lsn[piece] + (begin - at[piece])
    piece = np.searchsorted(at, offsets[1:], "left") - 1
    ends = lsn[piece] + (offsets[1:] - at[piece])
    heads = np.zeros(len(size), _HEADER)
    place = begin[:, None] + np.arange(_HEADER.itemsize)
    octets = heads.view(np.uint8).reshape(len(size), -1)
    octets[:] = stream[place]
    heads["xl_tot_len"] = size
    heads["xl_prev"] = np.concatenate([np.array([wal.prev]), starts[:-1]])
    view = octets.reshape(-1).data
    body = stream.data
    width, first = _HEADER.itemsize, SIZE_OF_XLOG_RECORD
    heads["xl_crc"] = [
        _crc(view[i * width : i * width + _CRC_AT], _crc(body[start + first : start + length]))
        for i, (start, length) in enumerate(zip(begin.tolist(), size.tolist()))
    ]
    stream[place] = octets
    # What a WAL page begins with belongs to the record that holds that byte.
    holder = np.searchsorted(begin, at, "right") - 1
    rest = begin[holder] + size[holder] - at
    rest[begin[holder] == at] = 0
    writer.append_laid(body, pieces, rest.tolist())
    wal.prev = wal.last_important = int(starts[-1])
    wal.records += len(size)
    return ends
