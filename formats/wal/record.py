"""The WAL record: header, fragment headers, block references with their images, main data.

Source: ``access/xlogrecord.h``. A record is, without padding: the fixed header
(:data:`XLogRecord`), one fragment header for each block reference, optionally the
replication origin and the top-level xid, the header of the main data; then the payloads
in the same order, for each block its page image and its data, last the main data. Every
fragment header begins with an id byte that tells its kind.

:func:`decode` takes a whole record apart into a :class:`DecodedRecord`; its
:meth:`~DecodedRecord.build` gives the same bytes back. It checks what the format itself
promises (lengths add up, flags agree); CRC, prev-link and page headers are the business
of :mod:`pgtool.wal.reader`, which reads records from segment files.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass
from typing import NamedTuple

from construct import Struct

from formats.derive import struct_of
from formats.errors import CorruptData, Unsupported
from formats.units import (
    BLCKSZ,
    BlockNumber,
    Flags,
    Lsn,
    Oid,
    Raw,
    RelFileNumber,
    RepOriginId,
    TransactionId,
    XLogRecPtr,
    pg_crc32c,
    uint8,
    uint16,
    uint32,
)
from formats.version import ByMajor

XLR_INFO_MASK = 0x0F
XLR_RMGR_INFO_MASK = 0xF0
XLR_MAX_BLOCK_ID = 32
#: The server never writes a longer record; a length above it is damage, whatever follows.
XLOG_RECORD_MAX_SIZE = 1020 * 1024 * 1024

FORK_NAMES = ("main", "fsm", "vm", "init")


class XLogRecordFlags(enum.IntFlag):
    """The low half of ``xl_info``; the high half is the resource manager's opcode."""

    XLR_SPECIAL_REL_UPDATE = 0x01
    XLR_CHECK_CONSISTENCY = 0x02


class FragmentId(enum.IntEnum):
    """Id bytes of the fragments that are not block references."""

    XLR_BLOCK_ID_TOPLEVEL_XID = 252
    XLR_BLOCK_ID_ORIGIN = 253
    XLR_BLOCK_ID_DATA_LONG = 254
    XLR_BLOCK_ID_DATA_SHORT = 255


class BkpBlockFlags(enum.IntFlag):
    """The high half of ``fork_flags``; the low half is the fork number."""

    BKPBLOCK_HAS_IMAGE = 0x10
    BKPBLOCK_HAS_DATA = 0x20
    BKPBLOCK_WILL_INIT = 0x40
    BKPBLOCK_SAME_REL = 0x80


BKPBLOCK_FORK_MASK = 0x0F


class BkpImageFlags14(enum.IntFlag):
    """``bimg_info`` of PostgreSQL 14, which knows pglz only."""

    BKPIMAGE_HAS_HOLE = 0x01
    BKPIMAGE_IS_COMPRESSED = 0x02
    BKPIMAGE_APPLY = 0x04


class BkpImageFlags(enum.IntFlag):
    """``bimg_info`` since PostgreSQL 15: a bit for each compression method."""

    BKPIMAGE_HAS_HOLE = 0x01
    BKPIMAGE_APPLY = 0x02
    BKPIMAGE_COMPRESS_PGLZ = 0x04
    BKPIMAGE_COMPRESS_LZ4 = 0x08
    BKPIMAGE_COMPRESS_ZSTD = 0x10


class ImageBits(NamedTuple):
    """What the bits of ``bimg_info`` mean in one major."""

    flags: type[enum.IntFlag]
    apply: int
    methods: tuple[tuple[int, str], ...]
    compressed: int
    compressed_name: str


HAS_HOLE = 0x01
IMAGE_BITS: ByMajor[ImageBits] = ByMajor(
    {
        14: ImageBits(BkpImageFlags14, 0x04, ((0x02, "pglz"),), 0x02, "BKPIMAGE_IS_COMPRESSED"),
        15: ImageBits(
            BkpImageFlags,
            0x02,
            ((0x04, "pglz"), (0x08, "lz4"), (0x10, "zstd")),
            0x1C,
            "BKPIMAGE_COMPRESSED",
        ),
    }
)

XLogRecord = Struct(
    "xl_tot_len" / uint32 * "bytes of the whole record, this header included",
    "xl_xid" / TransactionId * "transaction that wrote it, 0 if none",
    "xl_prev" / XLogRecPtr * "WAL position of the record before",
    "xl_info" / uint8 * "opcode in the high half, flags in the low",
    "xl_rmid" / uint8 * "resource manager that the record belongs to",
    "padding" / Raw(2) * "two unused bytes",
    "xl_crc" / pg_crc32c * "CRC-32C of the record's rest, then of this header up to here",
)
SIZE_OF_XLOG_RECORD = 24
assert XLogRecord.sizeof() == SIZE_OF_XLOG_RECORD

XLogRecordBlockHeader = Struct(
    "id" / uint8 * "number of the block reference within the record",
    "fork_flags" / Flags(uint8, BkpBlockFlags) * "fork number (low half) and flags",
    "data_length" / uint16 * "bytes of block data, page image not counted",
)
assert XLogRecordBlockHeader.sizeof() == 4

XLogRecordBlockImageHeader = Struct(
    "length" / uint16 * "bytes of the page image as stored",
    "hole_offset" / uint16 * "bytes of the page before the hole",
    "bimg_info" / uint8 * "hole, apply and compression bits, by major",
)
assert XLogRecordBlockImageHeader.sizeof() == 5

XLogRecordBlockCompressHeader = Struct(
    "hole_length" / uint16 * "bytes of the hole; stored only where it cannot be inferred",
)
assert XLogRecordBlockCompressHeader.sizeof() == 2

RelFileLocator = Struct(
    "spcOid" / Oid * "tablespace",
    "dbOid" / Oid * "database, 0 for shared relations",
    "relNumber" / RelFileNumber * "relation's file number",
)
assert RelFileLocator.sizeof() == 12

BlockRefNumber = Struct("blkno" / BlockNumber * "block number within the fork")

XLogRecordDataHeaderShort = Struct(
    "id" / uint8 * "255",
    "data_length" / uint8 * "bytes of main data, up to 255",
)
XLogRecordDataHeaderLong = Struct(
    "id" / uint8 * "254",
    "data_length" / uint32 * "bytes of main data",
)
XLogRecordOrigin = Struct("id" / uint8 * "253", "origin" / RepOriginId * "replication origin")
XLogRecordTopXid = Struct("id" / uint8 * "252", "xid" / TransactionId * "top-level transaction")

# Plain numbers for the hot path: operations on enumerations cost some hundred nanoseconds.
_HAS_IMAGE = int(BkpBlockFlags.BKPBLOCK_HAS_IMAGE)
_HAS_DATA = int(BkpBlockFlags.BKPBLOCK_HAS_DATA)
_WILL_INIT = int(BkpBlockFlags.BKPBLOCK_WILL_INIT)
_SAME_REL = int(BkpBlockFlags.BKPBLOCK_SAME_REL)
_DATA_SHORT = int(FragmentId.XLR_BLOCK_ID_DATA_SHORT)
_DATA_LONG = int(FragmentId.XLR_BLOCK_ID_DATA_LONG)
_ID_ORIGIN = int(FragmentId.XLR_BLOCK_ID_ORIGIN)
_ID_TOP_XID = int(FragmentId.XLR_BLOCK_ID_TOPLEVEL_XID)

_HEADER = struct_of(XLogRecord)
_BLOCK = struct_of(XLogRecordBlockHeader)
_IMAGE = struct_of(XLogRecordBlockImageHeader)
_HOLE = struct_of(XLogRecordBlockCompressHeader)
_LOCATOR = struct_of(RelFileLocator)
_BLKNO = struct_of(BlockRefNumber)
_SHORT = struct_of(XLogRecordDataHeaderShort)
_LONG = struct_of(XLogRecordDataHeaderLong)
_ORIGIN = struct_of(XLogRecordOrigin)
_TOP_XID = struct_of(XLogRecordTopXid)


@dataclass(slots=True)
class BlockImage:
    """A full-page image as the record stores it."""

    length: int
    hole_offset: int
    hole_length: int
    info: int
    apply: bool
    compression: str | None
    data: bytes = b""

    def page(self) -> bytes:
        """The page itself: decompressed, the hole filled with zeros."""
        raw = BLCKSZ - self.hole_length
        if raw < 0 or self.hole_offset > raw:
            raise CorruptData(
                f"invalid hole in page image: offset {self.hole_offset}, length {self.hole_length}"
            )
        body = self.data if self.compression is None else _decompress(self, raw)
        if len(body) != raw:
            raise CorruptData(f"page image holds {len(body)} bytes, expected {raw}")
        return body[: self.hole_offset] + bytes(self.hole_length) + body[self.hole_offset :]


def _decompress(image: BlockImage, raw_size: int) -> bytes:
    from formats import compression

    return compression.decompress(image.compression or "", image.data, raw_size)


@dataclass(slots=True)
class BlockRef:
    """A reference to the block that a record changes, with its image and data."""

    id: int
    spc: int
    db: int
    rel: int
    fork: int
    block: int
    flags: int
    image: BlockImage | None
    data_length: int
    data: bytes = b""

    @property
    def will_init(self) -> bool:
        """Redo initialises the page anew."""
        return self.flags & _WILL_INIT != 0

    @property
    def has_data(self) -> bool:
        """The record carries data for this block (perhaps beside an image)."""
        return self.flags & _HAS_DATA != 0


@dataclass(slots=True)
class DecodedRecord:
    """One WAL record, taken apart."""

    lsn: Lsn
    end: Lsn
    prev: Lsn
    major: int
    tli: int
    total_len: int
    xid: int
    info: int
    rmid: int
    crc: int
    padding: bytes
    blocks: list[BlockRef]
    fragments: list[int]
    origin: int | None = None
    top_xid: int | None = None
    main: bytes = b""

    def block(self, block_id: int) -> BlockRef | None:
        """The block reference with that id, or None."""
        for ref in self.blocks:
            if ref.id == block_id:
                return ref
        return None

    @property
    def fpi_len(self) -> int:
        """Bytes of page images in the record."""
        return sum(ref.image.length for ref in self.blocks if ref.image is not None)

    def build(self) -> bytes:
        """The record's bytes again."""
        return _build(self)


class _Short(Exception):
    """A fragment header or payload does not fit in the record."""


def decode(
    data: bytes, lsn: int, end: int, major: int, tli: int = 0, reported: int | None = None
) -> DecodedRecord:
    """Take the whole record ``data`` (exactly its xl_tot_len bytes) apart.

    ``lsn`` and ``end`` are where it begins and where the next one does; ``reported`` is
    the position that error texts name (the server's reader names the record before).
    """
    at = Lsn(lsn if reported is None else reported)
    try:
        total, xid, prev, info, rmid, padding, crc = _HEADER.unpack_from(data, 0)
        if total != len(data):
            raise _Short
        out = DecodedRecord(
            Lsn(lsn), Lsn(end), Lsn(prev), major, tli, total, xid, info, rmid, crc, padding, [], []
        )
        pos, main_length = _decode_fragments(out, data, IMAGE_BITS[major], at)
        for ref in out.blocks:
            if ref.image is not None:
                ref.image.data = data[pos : pos + ref.image.length]
                pos += ref.image.length
            ref.data = data[pos : pos + ref.data_length]
            pos += ref.data_length
        out.main = data[pos : pos + main_length]
    except (_Short, struct.error, IndexError):
        raise CorruptData(f"record with invalid length at {at}") from None
    return out


def _decode_fragments(out: DecodedRecord, data: bytes, bits: ImageBits, at: Lsn) -> tuple[int, int]:
    """Read all fragment headers; gives (start of the payloads, length of the main data)."""
    pos, payload, main_length = SIZE_OF_XLOG_RECORD, 0, 0
    total = len(data)
    locator: tuple[int, int, int] | None = None
    while total - pos > payload:
        kind = data[pos]
        out.fragments.append(kind)
        if kind <= XLR_MAX_BLOCK_ID:
            if out.blocks and kind <= out.blocks[-1].id:
                raise CorruptData(f"out-of-order block_id {kind} at {at}")
            pos, ref = _decode_block(data, pos, locator, bits, at)
            locator = (ref.spc, ref.db, ref.rel)
            payload += ref.data_length + (ref.image.length if ref.image is not None else 0)
            out.blocks.append(ref)
        elif kind == _DATA_SHORT:
            main_length = _SHORT.unpack_from(data, pos)[1]
            pos += _SHORT.size
            payload += main_length
            break
        elif kind == _DATA_LONG:
            main_length = _LONG.unpack_from(data, pos)[1]
            pos += _LONG.size
            payload += main_length
            break
        elif kind == _ID_ORIGIN:
            out.origin = _ORIGIN.unpack_from(data, pos)[1]
            pos += _ORIGIN.size
        elif kind == _ID_TOP_XID:
            out.top_xid = _TOP_XID.unpack_from(data, pos)[1]
            pos += _TOP_XID.size
        else:
            raise CorruptData(f"invalid block_id {kind} at {at}")
    if total - pos != payload:
        raise _Short
    return pos, main_length


def _decode_block(
    data: bytes, pos: int, locator: tuple[int, int, int] | None, bits: ImageBits, at: Lsn
) -> tuple[int, BlockRef]:
    block_id, fork_flags, length = _BLOCK.unpack_from(data, pos)
    pos += _BLOCK.size
    has_data = fork_flags & _HAS_DATA
    if has_data and length == 0:
        raise CorruptData(f"BKPBLOCK_HAS_DATA set, but no data included at {at}")
    if not has_data and length != 0:
        raise CorruptData(f"BKPBLOCK_HAS_DATA not set, but data length is {length} at {at}")
    image = None
    if fork_flags & _HAS_IMAGE:
        pos, image = _decode_image(data, pos, bits, length, at)
    if not fork_flags & _SAME_REL:
        locator = _LOCATOR.unpack_from(data, pos)
        pos += _LOCATOR.size
    elif locator is None:
        raise CorruptData(f"BKPBLOCK_SAME_REL set but no previous rel at {at}")
    fork = fork_flags & BKPBLOCK_FORK_MASK
    if fork >= len(FORK_NAMES):
        raise CorruptData(f"invalid fork number: {fork}", field="fork_flags")
    (blkno,) = _BLKNO.unpack_from(data, pos)
    pos += _BLKNO.size
    assert locator is not None
    return pos, BlockRef(block_id, *locator, fork, blkno, fork_flags, image, length)


def _decode_image(
    data: bytes, pos: int, bits: ImageBits, data_length: int, at: Lsn
) -> tuple[int, BlockImage]:
    length, hole_offset, info = _IMAGE.unpack_from(data, pos)
    pos += _IMAGE.size
    compressed, has_hole = info & bits.compressed, info & HAS_HOLE
    hole_length = 0
    if not compressed:
        hole_length = BLCKSZ - length & 0xFFFF
    elif has_hole:
        (hole_length,) = _HOLE.unpack_from(data, pos)
        pos += _HOLE.size
    problem = ""
    if has_hole and (hole_offset == 0 or hole_length == 0 or length == BLCKSZ):
        problem = (
            f"BKPIMAGE_HAS_HOLE set, but hole offset {hole_offset} length {hole_length} "
            f"block image length {length}"
        )
    elif not has_hole and (hole_offset or hole_length):
        problem = f"BKPIMAGE_HAS_HOLE not set, but hole offset {hole_offset} length {hole_length}"
    elif compressed and length == BLCKSZ:
        problem = f"{bits.compressed_name} set, but block image length {length}"
    elif not has_hole and not compressed and length != BLCKSZ:
        problem = (
            f"neither BKPIMAGE_HAS_HOLE nor {bits.compressed_name} set, "
            f"but block image length is {data_length}"
        )
    if problem:
        raise CorruptData(f"{problem} at {at}")
    method = next((name for bit, name in bits.methods if info & bit), None)
    return pos, BlockImage(length, hole_offset, hole_length, info, bool(info & bits.apply), method)


def _build(rec: DecodedRecord) -> bytes:
    heads: list[bytes] = [
        _HEADER.pack(rec.total_len, rec.xid, rec.prev, rec.info, rec.rmid, rec.padding, rec.crc)
    ]
    payload: list[bytes] = []
    for kind in rec.fragments:
        if kind == _DATA_SHORT:
            heads.append(_SHORT.pack(kind, len(rec.main)))
        elif kind == _DATA_LONG:
            heads.append(_LONG.pack(kind, len(rec.main)))
        elif kind == _ID_ORIGIN:
            heads.append(_ORIGIN.pack(kind, rec.origin))
        elif kind == _ID_TOP_XID:
            heads.append(_TOP_XID.pack(kind, rec.top_xid))
        else:
            ref = rec.block(kind)
            if ref is None:
                raise Unsupported(f"fragment {kind} has no block reference")
            _build_block(ref, IMAGE_BITS[rec.major], heads, payload)
    return b"".join([*heads, *payload, rec.main])


def _build_block(ref: BlockRef, bits: ImageBits, heads: list[bytes], payload: list[bytes]) -> None:
    heads.append(_BLOCK.pack(ref.id, ref.flags, len(ref.data)))
    image = ref.image
    if image is not None:
        heads.append(_IMAGE.pack(len(image.data), image.hole_offset, image.info))
        if image.info & bits.compressed and image.info & HAS_HOLE:
            heads.append(_HOLE.pack(image.hole_length))
        payload.append(image.data)
    if not ref.flags & _SAME_REL:
        heads.append(_LOCATOR.pack(ref.spc, ref.db, ref.rel))
    heads.append(_BLKNO.pack(ref.block))
    payload.append(ref.data)


__all__ = [
    "BKPBLOCK_FORK_MASK", "FORK_NAMES", "HAS_HOLE", "IMAGE_BITS", "SIZE_OF_XLOG_RECORD",
    "XLOG_RECORD_MAX_SIZE", "XLR_INFO_MASK", "XLR_MAX_BLOCK_ID", "XLR_RMGR_INFO_MASK",
    "BkpBlockFlags", "BkpImageFlags", "BkpImageFlags14", "BlockImage", "BlockRef",
    "BlockRefNumber", "DecodedRecord", "FragmentId", "ImageBits", "RelFileLocator", "XLogRecord",
    "XLogRecordBlockCompressHeader", "XLogRecordBlockHeader", "XLogRecordBlockImageHeader",
    "XLogRecordDataHeaderLong", "XLogRecordDataHeaderShort", "XLogRecordFlags",
    "XLogRecordOrigin", "XLogRecordTopXid", "decode",
]  # fmt: skip
