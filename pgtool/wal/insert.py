"""WAL insertion: a record put together, with images of the pages it needs, and appended.

The order of every change is the server's: pin the pages, do everything that can fail; then
within :meth:`Wal.critical` change the pages, mark them dirty, and :meth:`Wal.insert` the
record, which sets their LSN. An error in between leaves pages that no record tells of, so
it is a panic: nothing is written any more, the process ends, crash recovery mends.

A page's image goes into the record where the page was not changed since the last
checkpoint's redo point (its LSN is not behind it), so that recovery need not believe a page
that a crash tore. The hole between ``pd_lower`` and ``pd_upper`` is left out; the rest is
compressed where wal_compression says so and it gains anything.

Invariants: ``prev`` is the last record's start; block references are ordered by id; a
record's CRC covers its payload first, then its header.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from types import TracebackType

from construct import Construct
from crc32c import crc32c as _crc

from formats.derive import fields, offset_of, struct_of
from formats.page import SIZE_OF_PAGE_HEADER, PageHeaderData
from formats.units import BLCKSZ, PageXLogRecPtr, pg_crc32c
from formats.wal import xlog
from formats.wal.record import (
    HAS_HOLE,
    IMAGE_BITS,
    SIZE_OF_XLOG_RECORD,
    XLOG_RECORD_MAX_SIZE,
    XLR_MAX_BLOCK_ID,
    BkpBlockFlags,
    BlockRefNumber,
    FragmentId,
    RelFileLocator,
    XLogRecord,
    XLogRecordBlockCompressHeader,
    XLogRecordBlockHeader,
    XLogRecordBlockImageHeader,
    XLogRecordDataHeaderLong,
    XLogRecordDataHeaderShort,
    XLogRecordFlags,
    XLogRecordTopXid,
)
from formats.wal.rmgrs import RmgrId, opcode
from pgtool.errors import Panic, UserError
from pgtool.storage import smgr
from pgtool.storage.bufmgr import Buffer, BufferTag
from pgtool.storage.interrupts import INTERRUPTS
from pgtool.storage.smgr import ForkNumber
from pgtool.wal.assemble import ROOM, assemble, stamp
from pgtool.wal.compress import compressor
from pgtool.wal.writer import WalWriter


def _joined(*layouts: Construct) -> Callable[..., bytes]:
    """One call that packs several structures side by side."""
    return struct.Struct("<" + "".join(struct_of(one).format[1:] for one in layouts)).pack


_header = struct_of(XLogRecord).pack
_block = struct_of(XLogRecordBlockHeader).pack
_image = struct_of(XLogRecordBlockImageHeader).pack
_hole = struct_of(XLogRecordBlockCompressHeader).pack
_locator = struct_of(RelFileLocator).pack
_blkno = struct_of(BlockRefNumber).pack
_short = struct_of(XLogRecordDataHeaderShort).pack
_long = struct_of(XLogRecordDataHeaderLong).pack
_top_xid = struct_of(XLogRecordTopXid).pack
_crc_pack, _put_crc = struct_of(pg_crc32c).pack, struct_of(pg_crc32c).pack_into
_CRC_AT = offset_of(XLogRecord, "xl_crc")
assert [f.name for f in fields(XLogRecord)][-1] == "xl_crc"
_HOLE_SIZE = struct_of(XLogRecordBlockCompressHeader).size
_LOWER_UPPER = struct.Struct("<HH")
_block_same = _joined(XLogRecordBlockHeader, BlockRefNumber)
_block_full = _joined(XLogRecordBlockHeader, RelFileLocator, BlockRefNumber)
_PD_LOWER = offset_of(PageHeaderData, "pd_lower")
assert offset_of(PageHeaderData, "pd_upper") == _PD_LOWER + 2
_LSN = struct_of(PageXLogRecPtr)
_get_lsn = _LSN.unpack_from
assert offset_of(PageHeaderData, "pd_lsn") == 0
_HAS_IMAGE, _HAS_DATA, _WILL_INIT, _SAME_REL = (int(flag) for flag in BkpBlockFlags)
_DATA_SHORT, _DATA_LONG = int(FragmentId.XLR_BLOCK_ID_DATA_SHORT), int(
    FragmentId.XLR_BLOCK_ID_DATA_LONG
)
_TOP_XID = int(FragmentId.XLR_BLOCK_ID_TOPLEVEL_XID)
_CHECK = int(XLogRecordFlags.XLR_CHECK_CONSISTENCY)
_NO_PADDING = b"\0\0"
RM_XLOG_ID = int(RmgrId.RM_XLOG_ID)
XLOG_SWITCH, XLOG_FPI_FOR_HINT, XLOG_FPI = (
    opcode(xlog.RECORDS, name) for name in ("SWITCH", "FPI_FOR_HINT", "FPI")
)


#: A page that a record changes: (id, buffer, data, standard, will_init, force_image, no_image,
#: keep_data, set_lsn), see :meth:`Record.block`. Ids differ, so entries sort by them.
BlockEntry = tuple[int, Buffer, bytes, bool, bool, bool, bool, bool, bool]


class Record:
    """What a record is made of. ``info`` is the opcode with its flags."""

    __slots__ = ("blocks", "info", "main", "rmid")

    def __init__(self, rmid: int, info: int, main: bytes = b"") -> None:
        self.rmid = rmid
        self.info = info
        self.main = main
        self.blocks: list[BlockEntry] = []

    def block(
        self, block_id: int, buffer: Buffer, data: bytes = b"", *, standard: bool = True,
        will_init: bool = False, force_image: bool = False, no_image: bool = False,
        keep_data: bool = False, set_lsn: bool = True,
    ) -> Record:  # fmt: skip
        """Register a page and the data that redo needs for it.

        ``standard``: the page has a hole between pd_lower and pd_upper. ``will_init``: redo
        makes the page anew, no image is taken. ``keep_data``: the data stays in the record
        although there is an image. ``set_lsn`` off: the page is only referred to.
        """
        self.blocks.append((block_id, buffer, data, standard, will_init, force_image,
                            no_image or will_init, keep_data, set_lsn))  # fmt: skip
        return self

    def add(self, data: bytes) -> None:
        """Append to the main data."""
        self.main += data


class _Critical:
    """The ``with`` of :meth:`Wal.critical`."""

    def __init__(self, wal: Wal) -> None:
        self.wal = wal

    def __enter__(self) -> None:
        INTERRUPTS.depth += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        INTERRUPTS.depth -= 1
        if error is not None:
            self.wal.panic(error)
        if INTERRUPTS.pending is not None:
            INTERRUPTS.deliver()


class Wal:
    """The WAL of a running instance: where records go in."""

    def __init__(
        self, writer: WalWriter, major: int, *, compression: str = "off",
        full_page_writes: bool = True,
    ) -> None:  # fmt: skip
        self.writer = writer
        self.full_page_writes = full_page_writes
        self.prev = 0
        self.redo_lsn = 0
        #: The start of the last record that is worth a checkpoint.
        self.last_important = 0
        #: Resource managers whose records carry after-images (wal_consistency_checking); those
        #: of XLOG, which are images themselves, never do.
        self.consistency: frozenset[int] = frozenset()
        #: Subtransaction → its top-level one, which its next record is to name (wal_level logical).
        self.pending_top: dict[int, int] = {}
        self.records = self.images = self.image_bytes = 0
        self._bits = IMAGE_BITS[major]
        self._compress = compressor(compression, major)
        self._critical = _Critical(self)
        #: Where records are put together.
        self._room = bytearray(ROOM)
        self._view = memoryview(self._room)

    # -- positions ----------------------------------------------------------------

    @property
    def insert_lsn(self) -> int:
        """Where the next record will begin."""
        return self.writer.next_start()

    @property
    def end(self) -> int:
        """The end of the last record."""
        return self.writer.end

    @property
    def flushed(self) -> int:
        """Up to here the WAL is on disk."""
        return self.writer.flushed

    def flush(self, lsn: int) -> None:
        """Return when the WAL up to ``lsn`` is on disk; a failure is a panic."""
        if lsn > self.writer.flushed:
            with self._critical:
                self.writer.flush(lsn)

    def flush_all(self) -> None:
        """Bring everything to disk."""
        self.flush(self.writer.end)

    @property
    def stores_images_raw(self) -> bool:
        """Whether page images are not compressed."""
        return self._compress is None

    @property
    def image_apply(self) -> int:
        """The bit of an image that redo is to restore."""
        return self._bits.apply

    # -- failing --------------------------------------------------------------------

    def critical(self) -> _Critical:
        """A section in which an error is a panic."""
        return self._critical

    def panic(self, error: BaseException) -> None:
        """Nothing is written from here on; raises Panic."""
        backend = self.writer.backend
        if getattr(backend, "failed", None) is None:
            backend.failed = error  # type: ignore[attr-defined]
        if not isinstance(error, Panic):
            raise Panic(f"PANIC: {error or type(error).__name__}") from error

    # -- records --------------------------------------------------------------------

    def insert(self, record: Record, xid: int = 0, *, important: bool = True) -> int:
        """Append a record; sets the LSN of its pages and returns it: the record's end."""
        blocks = record.blocks
        if len(blocks) > 1:
            blocks.sort()
        rmid, info = record.rmid, record.info
        if not self.pending_top and rmid not in self.consistency and type(record.main) is bytes:
            room = self._room
            total = assemble(room, blocks, record.main, (xid, self.prev, info, rmid),
                             self.redo_lsn, self.full_page_writes)  # fmt: skip
            if total:
                view = self._view
                crc = _crc(view[:_CRC_AT], _crc(view[SIZE_OF_XLOG_RECORD:total]))
                _put_crc(room, _CRC_AT, crc)
                return self._added(bytes(view[:total]), blocks, important)
        body = self._body(record, xid)
        total = SIZE_OF_XLOG_RECORD + len(body)
        if total > XLOG_RECORD_MAX_SIZE:
            raise UserError("oversized WAL record")
        if rmid != RM_XLOG_ID and rmid in self.consistency:
            info |= _CHECK
        head = _header(total, xid, self.prev, info, rmid, _NO_PADDING, 0)[:_CRC_AT]
        return self._added(head + _crc_pack(_crc(head, _crc(body))) + body, blocks, important)

    def _added(self, data: bytes, blocks: list[BlockEntry], important: bool) -> int:
        """Append a record that is complete; its end."""
        writer = self.writer
        self.prev = start = writer.append(data)
        end = writer.end
        if important:
            self.last_important = start
        self.records += 1
        if blocks:
            stamp(blocks, end)
        return end

    def _body(self, record: Record, xid: int) -> bytes:
        """Everything of a record that follows its header."""
        blocks = record.blocks
        check = record.rmid != RM_XLOG_ID and record.rmid in self.consistency
        if len(blocks) == 1:
            head, payload = self._reference(blocks[0], None, check)
        else:
            heads: list[bytes] = []
            payloads: list[bytes] = []
            last: smgr.RelFileLocator | None = None
            for entry in blocks:
                one, data = self._reference(entry, last, check)
                heads.append(one)
                payloads.append(data)
                last = entry[1].tag[0]
            head, payload = b"".join(heads), b"".join(payloads)
        if self.pending_top and xid in self.pending_top:
            head += _top_xid(_TOP_XID, self.pending_top.pop(xid))
        main = record.main
        size = len(main)
        if not size:
            return head + payload
        length = _short(_DATA_SHORT, size) if size < 256 else _long(_DATA_LONG, size)
        return b"".join((head, length, payload, main))

    def _reference(
        self, entry: BlockEntry, last: smgr.RelFileLocator | None, check: bool
    ) -> tuple[bytes, bytes]:
        """(fragment header, payload) of a block; ``last`` is the relation of the one before."""
        block_id, buffer, data, standard, will_init, force, no_image, keep_data, _ = entry
        where, fork, block = buffer.tag
        if force:
            needed = True
        elif no_image or not self.full_page_writes:
            needed = False
        else:
            high, low = _get_lsn(buffer.page, 0)
            needed = (high << 32 | low) <= self.redo_lsn
        flags = fork | _WILL_INIT if will_init else fork | 0
        size = len(data)
        if needed and not keep_data:
            size, data = 0, b""
        if size:
            flags |= _HAS_DATA
        if not needed and not check:
            if where == last:
                return _block_same(block_id, flags | _SAME_REL, size, block), data
            return _block_full(block_id, flags, size, where[0], where[1], where[2], block), data
        image_head, image = self._image(buffer.page, standard, needed)
        flags |= _HAS_IMAGE
        if where == last:
            head = _block(block_id, flags | _SAME_REL, size) + image_head
        else:
            head = _block(block_id, flags, size) + image_head
            head += _locator(where[0], where[1], where[2])
        return head + _blkno(block), image + data

    def _image(self, page: bytearray, standard: bool, apply: bool) -> tuple[bytes, bytes]:
        """(fragment header, bytes) of a page's image."""
        hole_offset = hole_length = 0
        if standard:
            lower, upper = _LOWER_UPPER.unpack_from(page, _PD_LOWER)
            if SIZE_OF_PAGE_HEADER <= lower < upper <= BLCKSZ:
                hole_offset, hole_length = lower, upper - lower
        raw = bytes(page[:hole_offset]) + bytes(page[hole_offset + hole_length :])
        info = (HAS_HOLE if hole_length else 0) | (self._bits.apply if apply else 0)
        extra = b""
        self.images += 1
        if self._compress is not None:
            bit, method = self._compress
            packed = method(raw, len(raw) - (_HOLE_SIZE if hole_length else 0))
            if packed is not None:
                raw, info = packed, info | bit
                extra = _hole(hole_length) if hole_length else b""
        self.image_bytes += len(raw)
        return _image(len(raw), hole_offset, info) + extra, raw

    def log_newpage(
        self, where: smgr.RelFileLocator, fork: ForkNumber, block: int, page: bytearray, *,
        standard: bool = True, xid: int = 0,
    ) -> int:  # fmt: skip
        """Log the image of a page that lies outside the pool (XLOG_FPI); sets its LSN."""
        buffer = Buffer(BufferTag(where, fork, block), page)
        record = Record(RM_XLOG_ID, XLOG_FPI)
        record.block(0, buffer, standard=standard, force_image=True)
        return self.insert(record, xid)

    def log_newpages(
        self, where: smgr.RelFileLocator, fork: ForkNumber, first: int,
        pages: Sequence[bytearray], *, standard: bool = True, xid: int = 0,
    ) -> None:  # fmt: skip
        """The same for pages in a row, some dozen with one record as bulk loads do."""
        for begin in range(0, len(pages), XLR_MAX_BLOCK_ID):
            record = Record(RM_XLOG_ID, XLOG_FPI)
            for i, page in enumerate(pages[begin : begin + XLR_MAX_BLOCK_ID]):
                buffer = Buffer(BufferTag(where, fork, first + begin + i), page)
                record.block(i, buffer, standard=standard, force_image=True)
            self.insert(record, xid)

    def log_hint(self, buffer: Buffer) -> None:
        """Before a hint bit dirties a page: its image, where the last checkpoint asks for one.

        (Without full_page_writes the record is there all the same, as the server's is.)
        """
        if buffer.lsn <= self.redo_lsn:
            record = Record(RM_XLOG_ID, XLOG_FPI_FOR_HINT)
            record.block(0, buffer, standard=buffer.tag.fork == ForkNumber.MAIN)
            self.insert(record)

    def switch(self) -> int:
        """End the segment; the rest of it stays zero. The end of the switch record."""
        if self.writer.end % self.writer.segment_size == 0:
            return self.writer.end
        self.insert(Record(RM_XLOG_ID, XLOG_SWITCH), important=False)
        self.writer.fill_segment()
        return self.writer.end
