# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""The fast walk: regular WAL in one buffer, record by record, counted or written as text.

A :class:`Walker` makes the same checks as :class:`pgtool.wal.reader.WalReader` (page
headers, links, lengths, CRC) but passes no judgement: at the first thing out of the
ordinary it stops *before* that record (:attr:`.Stop.IRREGULAR`), and the plain reader decides
what it is. So whatever it does pass over, the plain path would have passed over too.

A hot loop: ``walk.pxd`` gives the C types with which Cython compiles this very source.
"""

from __future__ import annotations

from array import array

from formats.derive import offset_of, sizeof
from formats.version import XLOG_PAGE_MAGIC
from formats.wal import page, record
from pgtool.wal.hotrecord import HotRecord
from pgtool.wal.opcodes import CHUNK, Action, Stop
from pgtool.wal.reader import RM_XLOG_ID, XLOG_SWITCH

try:
    import cython

    COMPILED = cython.compiled
except ImportError:
    COMPILED = False
#: The same in C, and 2³² - 1: Cython takes a module's own names, and so large a literal, for
#: Python objects.
IN_C, ONES = COMPILED, 0xFFFFFFFF

MORE, IRREGULAR, FULL, LIMIT = Stop
NOTHING, COUNT, TEXT = Action

FULL_BYTES = 1 << 20
PAGE = page.XLOG_BLCKSZ
SHORT_HEADER, LONG_HEADER = page.SIZE_OF_SHORT_PHD, page.SIZE_OF_LONG_PHD
RM_XLOG, SWITCH = RM_XLOG_ID, XLOG_SWITCH
R_SIZE, R_CRC = sizeof(record.XLogRecord), offset_of(record.XLogRecord, "xl_crc")


def record_crc(p, at, length):  # type: ignore[no-untyped-def]
    """The CRC that the record at ``at`` should have: its rest first, then its header."""
    if IN_C:
        crc = extend_crc32c(ONES, p, at + R_SIZE, length - R_SIZE)  # type: ignore  # noqa
        return extend_crc32c(crc, p, at, R_CRC) ^ ONES  # type: ignore  # noqa
    from crc32c import crc32c

    view = memoryview(p)
    return crc32c(view[at : at + R_CRC], crc32c(view[at + R_SIZE : at + length]))


def checksum(data):  # type: ignore[no-untyped-def]
    """The CRC that the record ``data`` should have."""
    p = data
    return record_crc(p, 0, len(data))


class Walker(HotRecord):
    """Walks the records of a buffer that the caller fills; see the module.

    The caller sets ``base`` (WAL position of the buffer's first byte, a page), ``avail``
    (bytes in it), ``next_lsn`` and ``prev_lsn``, and calls :meth:`walk`. Before the first
    call it may set filters, ``limit``, ``programs`` and ``describe``. ``passed_tli`` is the
    latest timeline on the pages of records that were passed over.
    """

    def __init__(self, major, segment_size, valid_rmids, action, details):  # type: ignore
        HotRecord.__init__(self, major, details)
        self.buffer = bytearray(CHUNK + PAGE)
        self.scratch = bytearray(0)
        self.base = self.avail = self.next_lsn = self.prev_lsn = 0
        self.stop_at = (1 << 64) - 1
        self.checked = -1
        self.checked_info = self.checked_header = 0
        self.latest_tli = self.passed_tli = 0
        self.magic = XLOG_PAGE_MAGIC[major]
        self.segment_size = segment_size
        self.valid_rmids = valid_rmids
        self.action = action
        self.counts = array("Q", bytes(8 * 3 * 4096))
        self.counted_end = 0
        self.shown = self.limit = 0
        self.rmids = bytes([1]) * 256
        self.by_xid = self.by_relation = self.fullpage = False
        self.want_xid = self.spc = self.db = self.rel = 0
        self.block = self.fork = -1

    def walk(self):  # type: ignore[no-untyped-def]
        """Go on until something stops the walk; the reason is returned."""
        data = self.buffer
        while True:
            if self.out_len >= FULL_BYTES:
                return FULL
            if self.limit > 0 and self.shown >= self.limit:
                return LIMIT
            at = self.next_lsn
            if at >= self.stop_at:
                return LIMIT
            page_at = at - at % PAGE
            if page_at != self.checked:
                state = self.check_page(data, page_at)
                if state != 0:
                    return state
            if at == page_at:
                at += self.checked_header
            inside = at - page_at
            if inside < self.checked_header:
                return IRREGULAR
            if self.checked_info & 1 and inside == self.checked_header:
                return IRREGULAR
            off = at - self.base
            if off + 4 > self.avail:
                return MORE
            total = self.length_at(data, off)
            if total < R_SIZE:
                return IRREGULAR
            if total > self.avail - off:
                return MORE
            if total <= PAGE - inside:
                end = at + (total + 7 & ~7)
                state = self.take(data, self.buffer, off, at, end)
            else:
                end = self.assemble(data, off, at, total)
                if end < PAGE:
                    return end
                state = self.take_scratch(at, end)
            if state != 0:
                return state
            self.prev_lsn = at
            self.next_lsn = end
            self.passed_tli = self.latest_tli

    def check_page(self, data, at):  # type: ignore[no-untyped-def]
        """0 where the page at ``at`` begins as it should, else the reason to stop."""
        off = at - self.base
        if off < 0 or off + LONG_HEADER > self.avail:
            return MORE
        self.read_page(data, off)
        info = self.page_info
        first = at % self.segment_size == 0
        if self.page_magic != self.magic or info & ~7 or (info & 2 != 0) != first:
            return IRREGULAR
        if self.page_addr != at:
            return IRREGULAR
        if self.page_tli != self.latest_tli and self.latest_tli != 0:
            return IRREGULAR
        if first and not self.segment_fits(data, off, self.segment_size, PAGE):
            return IRREGULAR
        self.latest_tli = self.page_tli
        self.checked = at
        self.checked_info = info
        self.checked_header = LONG_HEADER if first else SHORT_HEADER
        return 0

    def assemble(self, data, off, at, total):  # type: ignore[no-untyped-def]
        """Copy a record that crosses pages into ``scratch``; its end, or a reason to stop."""
        page_at = at - at % PAGE
        got = page_at + PAGE - at
        if len(self.scratch) < total:
            self.scratch = bytearray(total + PAGE)
        self.scratch[0:got] = self.buffer[off : off + got]
        end = 0
        while got < total:
            page_at += PAGE
            reason = self.check_page(data, page_at)
            if reason != 0:
                return reason
            rest = self.page_rem
            if not self.checked_info & 1 or rest + got != total:
                return IRREGULAR
            size = min(PAGE - self.checked_header, rest)
            off = page_at - self.base + self.checked_header
            if off + size > self.avail:
                return MORE
            self.scratch[got : got + size] = self.buffer[off : off + size]
            got += size
            end = page_at + self.checked_header + (rest + 7 & ~7)
        return end

    def take_scratch(self, at, end):  # type: ignore[no-untyped-def]
        """:meth:`take` the record that was put together in ``scratch``."""
        p = self.scratch
        return self.take(p, self.scratch, 0, at, end)

    def take(self, p, holder, off, at, end):  # type: ignore[no-untyped-def]
        """Check and use the whole record at ``off``; 0, or the reason to stop before it."""
        self.read_header(p, off)
        valid = self.valid_rmids
        if not valid[self.rmid]:
            return IRREGULAR
        if self.rmid == RM_XLOG and self.info & 0xF0 == SWITCH:
            return IRREGULAR
        if self.prev >= at if self.prev_lsn == 0 else self.prev != self.prev_lsn:
            return IRREGULAR
        if record_crc(p, off, self.total) != self.crc or not self.decode(p, off):
            return IRREGULAR
        return self.use(p, holder, off, at, end)

    def use(self, p, holder, off, at, end):  # type: ignore[no-untyped-def]
        """Do with the record just decoded what the walk is for; 0, or a reason to stop."""
        if not self.passes():
            return 0
        if self.action == COUNT:
            half = self.info >> 4 & 7 if self.rmid == 1 else self.info >> 4
            slot = (self.rmid << 4 | half) * 3
            self.counts[slot] += 1
            self.counts[slot + 1] += self.total - self.fpi_len
            self.counts[slot + 2] += self.fpi_len
            self.counted_end = end
        elif self.action == TEXT:
            self.write(p, holder, off, at, end)
        self.shown += 1
        return 0

    def passes(self):  # type: ignore[no-untyped-def]
        """Whether the record just decoded is to be shown."""
        wanted = self.rmids
        if not wanted[self.rmid] or (self.by_xid and self.xid != self.want_xid):
            return False
        if self.fullpage and not self.has_image():
            return False
        if not self.by_relation and self.block < 0 and self.fork < 0:
            return True
        return self.refers_to(self.by_relation, self.spc, self.db, self.rel, self.block, self.fork)
