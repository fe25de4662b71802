"""The WAL reader: from segment files to records, with every cross-check on.

Invariants, checked on the way and reported in the server's own words (:mod:`.wording`):

* a page has its major's magic, known flags, its own address, a timeline that does not go
  backwards; a segment's first page has a long header that names this segment size;
* a record begins at a MAXALIGN boundary, is as long as its header at least, belongs to a
  resource manager that exists, and names the record before it;
* a record that crosses pages goes on exactly where the next page says
  (``xlp_rem_len``), unless that page says that the rest was lost and overwritten
  (XLP_FIRST_IS_OVERWRITE_CONTRECORD): then reading goes on with the record there;
* the CRC of the whole record is right, and its inner lengths add up.

So the end of WAL is where a check fails first: :attr:`WalReader.error` then says why.
This is the plain path, the one that decides; :mod:`.walk` passes over regular stretches
faster and stops before anything that needs judgement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from formats.derive import fields, offset_of, struct_of
from formats.derive import reader as reader_of
from formats.errors import CorruptData
from formats.units import Lsn, maxalign
from formats.version import XLOG_PAGE_MAGIC
from formats.wal import record as wal_record
from formats.wal.page import (
    SIZE_OF_LONG_PHD,
    SIZE_OF_SHORT_PHD,
    XLOG_BLCKSZ,
    XLP_ALL_FLAGS,
    XLogLongPageHeaderData,
    XLogPageFlags,
    XLogPageHeaderData,
    page_header_size,
)
from formats.wal.record import SIZE_OF_XLOG_RECORD, DecodedRecord, XLogRecord
from pgtool.wal.rmgr import rmgrs
from pgtool.wal.source import SegmentDirectory
from pgtool.wal.wording import NAMES_RECORD_ITSELF, WORDING

RM_XLOG_ID = 0
XLOG_SWITCH = 0x40

_CONTRECORD = int(XLogPageFlags.XLP_FIRST_IS_CONTRECORD)
_OVERWRITTEN = int(XLogPageFlags.XLP_FIRST_IS_OVERWRITE_CONTRECORD)
_LONG = int(XLogPageFlags.XLP_LONG_HEADER)
_CRC_AT = offset_of(XLogRecord, "xl_crc")
_INFO_AT = offset_of(XLogRecord, "xl_info")
_RMID_AT = offset_of(XLogRecord, "xl_rmid")
_PREV_FIELD = [f.name for f in fields(XLogRecord)].index("xl_prev")
_read_short_header = reader_of(XLogPageHeaderData)
_read_long_header = reader_of(XLogLongPageHeaderData)
_unpack_header = struct_of(XLogRecord).unpack_from


def _checksum(data: bytes) -> int:
    """The CRC that a record should have (imported late: :mod:`.walk` needs this module)."""
    global _checksum
    from pgtool.wal.walk import checksum

    _checksum = checksum
    return int(checksum(data))


@dataclass(slots=True)
class RawRecord:
    """A whole record that passed header, prev-link and CRC checks, not yet taken apart."""

    lsn: Lsn
    end: Lsn
    data: bytes

    @property
    def prev(self) -> int:
        """The record's link to the one before."""
        return int(_unpack_header(self.data, 0)[_PREV_FIELD])


class _Stop(Exception):
    """Reading cannot go on; the text is the reason, empty where the end was asked for."""


@dataclass(slots=True)
class _Page:
    """The page in hand."""

    at: int = -1
    data: bytes = b""
    info: int = 0
    rem_len: int = 0
    header_size: int = 0


class WalReader:
    """Reads records one after the other from a :class:`SegmentDirectory`.

    ``end`` stops the reading before the first record that does not lie below it. After
    :meth:`read` returned None, ``error`` holds the reason (None at ``end``), ``read_lsn``
    the last record handed out. ``sysid``, where given, must be the files' own.
    """

    def __init__(
        self, source: SegmentDirectory, *, end: int | None = None, sysid: int | None = None
    ) -> None:
        self.source = source
        self.major = source.info.major
        self.end = end
        self.sysid = sysid
        self.error: str | None = None
        self.end_reached = False
        self.read_lsn = Lsn(0)
        self.next_lsn = Lsn(0)
        self.overwritten: Lsn | None = None
        #: (start, page where it does not go on) of a record that crosses pages and that the
        #: last :meth:`read_raw` could not put together.
        self.aborted: tuple[Lsn, Lsn] | None = None
        self._magic = XLOG_PAGE_MAGIC[self.major]
        self._words = WORDING[self.major]
        self._rmids = frozenset(rmgrs(self.major))
        self._page = _Page()
        self._segno = -1
        self._previous = 0
        self._latest_page = -1
        self._latest_tli = 0

    # -- positions ----------------------------------------------------------

    def begin(self, lsn: int, previous: int = 0) -> None:
        """Start at ``lsn``: a record, or a page that begins with one.

        ``previous`` is the record before it where that is known; its link is then checked.
        """
        self.next_lsn = Lsn(lsn)
        self.read_lsn = Lsn(previous)
        self._previous = previous
        self.error = None

    @property
    def previous(self) -> int:
        """The record before :attr:`next_lsn`, 0 where it is not known."""
        return self._previous

    @property
    def latest_tli(self) -> int:
        """The highest timeline seen on a page."""
        return self._latest_tli

    def foreign_timeline(self, line: Sequence[int]) -> str | None:
        """Why the page read last is of no timeline of ``line``; None where it is of one.

        Pages may name higher timelines than those before: whether such a one is the log's own
        only recovery knows, which has the history. It looks after each record.
        """
        tli, at = self._latest_tli, self._latest_page
        if tli in line:
            return None
        segno, offset = divmod(at, self.source.segment_size)
        return self._words["history"].format(
            got=tli, at=Lsn(at), offset=offset, file=self.source.file_name(segno)
        )

    def resume(self, lsn: int, previous: int, tli: int) -> None:
        """Go on at ``lsn`` after somebody else (the fast walk) read up to there."""
        self.next_lsn = Lsn(lsn)
        self._previous = previous
        if previous:
            self.read_lsn = Lsn(previous)
        if tli >= self._latest_tli:
            # The pages before, a segment's first among them, may be of an older timeline.
            self._latest_tli = tli
            self._latest_page = max(self._latest_page, lsn - 1 - (lsn - 1) % XLOG_BLCKSZ)

    def seek(self, lsn: int) -> bool:
        """Position at the first record that begins on ``lsn``'s page or later, unread.

        A position inside a page must be a record's own.
        """
        try:
            at = lsn if lsn % XLOG_BLCKSZ else self._skip_continuation(lsn)
            self.begin(at)
            self._load(at - at % XLOG_BLCKSZ, SIZE_OF_SHORT_PHD)
        except _Stop:
            self._invalidate()
            return False
        return True

    def find_next(self, lsn: int) -> Lsn | None:
        """Position at the first record that begins at or after ``lsn``; None if there is none."""
        try:
            self.begin(self._skip_continuation(lsn))
        except _Stop:
            self._invalidate()
            return None
        while (raw := self.read_raw()) is not None:
            if self.decode(raw) is None:
                break
            if raw.lsn >= lsn:
                self.begin(raw.lsn)
                return raw.lsn
        return None

    def _skip_continuation(self, lsn: int) -> int:
        """The first record start on ``lsn``'s page or, past a long record, on a later one."""
        at = lsn - lsn % XLOG_BLCKSZ
        self._load(at, lsn % XLOG_BLCKSZ)
        while self._page.info & _CONTRECORD:
            rest = maxalign(self._page.rem_len)
            if rest < XLOG_BLCKSZ - self._page.header_size:
                return at + self._page.header_size + rest
            at += XLOG_BLCKSZ
            self._load(at, SIZE_OF_SHORT_PHD)
        return at + self._page.header_size

    # -- records ------------------------------------------------------------

    def read(self) -> DecodedRecord | None:
        """The next record, or None at the end (then see ``error``)."""
        raw = self.read_raw()
        return None if raw is None else self.decode(raw)

    def decode(self, raw: RawRecord) -> DecodedRecord | None:
        """Take apart what :meth:`read_raw` gave; None (see ``error``) where it does not add up."""
        reported = raw.lsn if NAMES_RECORD_ITSELF[self.major] else self.read_lsn
        tli = self.source.tli_of(int(raw.lsn) // self.source.segment_size)
        try:
            rec = wal_record.decode(raw.data, raw.lsn, raw.end, self.major, tli, reported)
        except CorruptData as error:
            self.error = str(error)
            self.read_lsn = Lsn(reported)
            self._invalidate()
            return None
        self.read_lsn = raw.lsn
        return rec

    def read_raw(self) -> RawRecord | None:
        """The next record's bytes; every check but the inner structure is done."""
        self.error, self.end_reached, self.aborted = None, False, None
        try:
            return self._read_raw()
        except _Stop as stop:
            self.error = str(stop) or None
            self._invalidate()
            return None

    def _read_raw(self) -> RawRecord:
        at = int(self.next_lsn)
        while True:
            found = self._read_at(at)
            if isinstance(found, RawRecord):
                break
            self.overwritten = Lsn(at)
            at = found
        rmid, info = found.data[_RMID_AT], found.data[_INFO_AT]
        if rmid == RM_XLOG_ID and info & wal_record.XLR_RMGR_INFO_MASK == XLOG_SWITCH:
            size = self.source.segment_size
            found.end = Lsn((int(found.end) + size - 1) // size * size)
        self._previous = int(found.lsn)
        self.next_lsn = found.end
        return found

    def _read_at(self, at: int) -> RawRecord | int:
        """The record at ``at``; an int says that it was overwritten by the record there."""
        offset = at % XLOG_BLCKSZ
        page = self._load(at - offset, min(offset + SIZE_OF_XLOG_RECORD, XLOG_BLCKSZ))
        if offset == 0:
            at += page.header_size
            offset = page.header_size
        elif offset < page.header_size:
            self._stop("offset", at=Lsn(at), want=page.header_size, got=offset)
        if page.info & _CONTRECORD and offset == page.header_size:
            self._stop("contrecord_requested", at=Lsn(at))
        total = int.from_bytes(page.data[offset : offset + 4], "little")
        whole_header = offset <= XLOG_BLCKSZ - SIZE_OF_XLOG_RECORD
        if whole_header:
            self._check_header(page.data, offset, at)
        elif total < SIZE_OF_XLOG_RECORD:
            self._stop("length", at=Lsn(at), want=SIZE_OF_XLOG_RECORD, got=total)
        if total <= XLOG_BLCKSZ - offset:
            page = self._load(page.at, offset + total)
            data = page.data[offset : offset + total]
            self._check_crc(data, at)
            return RawRecord(Lsn(at), Lsn(at + maxalign(total)), data)
        return self._assemble(at, page.data[offset:], total, whole_header)

    def _assemble(self, at: int, first: bytes, total: int, header_checked: bool) -> RawRecord | int:
        parts, got = [first], len(first)
        page_at = at - at % XLOG_BLCKSZ
        while True:
            page_at += XLOG_BLCKSZ
            self.aborted = (Lsn(at), Lsn(page_at))
            page = self._load(page_at, SIZE_OF_SHORT_PHD)
            if page.info & _OVERWRITTEN:
                self.aborted = None
                return page_at
            if not page.info & _CONTRECORD:
                self._stop("no_contrecord", at=Lsn(at))
            if page.rem_len == 0 or page.rem_len + got != total:
                self._stop("contrecord_length", at=Lsn(at), got=page.rem_len, want=total - got)
            page = self._load(page_at, min(total - got + SIZE_OF_SHORT_PHD, XLOG_BLCKSZ))
            size = min(XLOG_BLCKSZ - page.header_size, page.rem_len)
            page = self._load(page_at, page.header_size + size)
            parts.append(page.data[page.header_size : page.header_size + size])
            got += size
            if not header_checked:
                self._check_header(b"".join(parts), 0, at)
                header_checked = True
            if got >= total:
                break
        data = b"".join(parts)
        self._check_crc(data, at)
        self.aborted = None
        end = page_at + page.header_size + maxalign(page.rem_len)
        return RawRecord(Lsn(at), Lsn(end), data)

    # -- checks ---------------------------------------------------------------

    def _check_header(self, data: bytes, offset: int, at: int) -> None:
        total, _xid, prev, _info, rmid, _pad, _crc = _unpack_header(data, offset)
        if total < SIZE_OF_XLOG_RECORD:
            self._stop("length", at=Lsn(at), want=SIZE_OF_XLOG_RECORD, got=total)
        if rmid not in self._rmids:
            self._stop("rmid", at=Lsn(at), rmid=rmid)
        if prev >= at if self._previous == 0 else prev != self._previous:
            self._stop("prev", at=Lsn(at), prev=Lsn(prev))

    def _check_crc(self, data: bytes, at: int) -> None:
        if _checksum(data) != int.from_bytes(data[_CRC_AT:SIZE_OF_XLOG_RECORD], "little"):
            self._stop("crc", at=Lsn(at))

    def _load(self, at: int, need: int) -> _Page:
        """The page at ``at``, checked; at least ``need`` bytes of it lie below ``end``."""
        self._check_end(at, max(need, SIZE_OF_SHORT_PHD + 1))
        if self._page.at != at:
            segno, offset = divmod(at, self.source.segment_size)
            if segno != self._segno and offset != 0:
                self._fetch(segno * self.source.segment_size)
            self._page = self._fetch(at)
            self._segno = segno
            self._check_end(at, self._page.header_size)
        return self._page

    def _check_end(self, at: int, need: int) -> None:
        if self.end is not None and at + need > self.end:
            self.end_reached = True
            raise _Stop

    def _fetch(self, at: int) -> _Page:
        data = self.source.page(at)
        if len(data) < XLOG_BLCKSZ:
            want = XLOG_BLCKSZ if self.end is None else min(XLOG_BLCKSZ, self.end - at)
            if len(data) < want:
                raise self.source.short_read(at + len(data), want - len(data))
            data = data.ljust(XLOG_BLCKSZ, b"\0")
        header = _read_short_header(data, 0)
        self._check_page(header, data, at)
        info = header.xlp_info
        return _Page(at, data, info, header.xlp_rem_len, page_header_size(info))

    def _check_page(self, header: tuple[int, ...], data: bytes, at: int) -> None:
        magic, info, tli, address, _rem_len, _pad = header
        segno, offset = divmod(at, self.source.segment_size)
        place = {"at": Lsn(at), "offset": offset, "file": self.source.file_name(segno)}
        if magic != self._magic:
            self._stop("magic", value=magic, **place)
        if info & ~XLP_ALL_FLAGS:
            self._stop("info", value=info, **place)
        if info & _LONG:
            self._check_long_header(data)
        elif offset == 0:
            self._stop("info", value=info, **place)
        if address != at:
            self._stop("pageaddr", value=Lsn(address), **place)
        if at > self._latest_page and tli < self._latest_tli:
            self._stop("tli", got=tli, want=self._latest_tli, **place)
        self._latest_page, self._latest_tli = at, tli

    def _check_long_header(self, data: bytes) -> None:
        header = _read_long_header(data[:SIZE_OF_LONG_PHD], 0)
        if self.sysid is not None and header.xlp_sysid != self.sysid:
            self._stop("sysid", got=header.xlp_sysid, want=self.sysid)
        if header.xlp_seg_size != self.source.segment_size:
            self._stop("segment_size")
        if header.xlp_xlog_blcksz != XLOG_BLCKSZ:
            self._stop("blcksz")

    def _stop(self, what: str, **values: object) -> NoReturn:
        raise _Stop(self._words[what].format(**values))

    def _invalidate(self) -> None:
        """Forget the page in hand: the next attempt reads it anew."""
        self._page = _Page()
        self._segno = -1
        self.source.forget()
