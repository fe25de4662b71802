# cython: language_level=3, boundscheck=False, wraparound=False, annotation_typing=False
# cython: cdivision=True, initializedcheck=False
"""One WAL record in a hot loop: its parts in plain slots, its line written by a program.

:class:`HotRecord` is the lower half of :class:`pgtool.wal.walk.Walker`. It reads a
record's fragment headers into numbers and accepts only what is regular. The description
of a frequent record type is a small program (:mod:`pgtool.wal.programs`) that it runs
over the bytes; for any other type the caller's ``describe`` is asked for the whole line.

A hot loop: ``hotrecord.pxd`` gives the C types with which Cython compiles this source.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

from formats.derive import offset_of, sizeof
from formats.units import BLCKSZ
from formats.wal import page, record
from pgtool.wal.opcodes import BLOCK_SLOTS, Op, Slot

try:
    import cython

    COMPILED = cython.compiled
except ImportError:
    COMPILED = False
ONES = 0xFFFFFFFF  # a variable in C: Cython takes such a large literal for a Python object

(END, LITERAL, HEAD, U16, U32, HEX8, CHOICE, TIME, REFUSE, REFUSE_U16, NEED_DATA, SKIP_UNLESS,
 COUNTED, COUNT_OF, SKIP_EMPTY, LIST, PAIRS) = Op  # fmt: skip

SLOTS = BLOCK_SLOTS
(ID, FLAGS, DATA_LEN, DATA_AT, IMAGE, IMAGE_LEN, HOLE_AT, HOLE_LEN, INFO, SPC, DB, REL,
 BLKNO) = Slot  # fmt: skip
MAX_BLOCKS = 33
LINE_ROOM = 16384  # more than any line without its lists


def _offsets(layout, *names):  # type: ignore[no-untyped-def]
    return [offset_of(layout, name) for name in names]


PAGE_SIZE = BLCKSZ
P_MAGIC, P_INFO, P_TLI, P_ADDR, P_REM = _offsets(
    page.XLogPageHeaderData, "xlp_magic", "xlp_info", "xlp_tli", "xlp_pageaddr", "xlp_rem_len"
)
P_SEG, P_BLCKSZ = _offsets(page.XLogLongPageHeaderData, "xlp_seg_size", "xlp_xlog_blcksz")
R_SIZE = sizeof(record.XLogRecord)
R_LEN, R_XID, R_PREV, R_INFO, R_RMID, R_CRC = _offsets(
    record.XLogRecord, "xl_tot_len", "xl_xid", "xl_prev", "xl_info", "xl_rmid", "xl_crc"
)
B_SIZE = sizeof(record.XLogRecordBlockHeader)
B_FLAGS, B_LEN = _offsets(record.XLogRecordBlockHeader, "fork_flags", "data_length")
I_SIZE = sizeof(record.XLogRecordBlockImageHeader)
I_HOLE, I_INFO = _offsets(record.XLogRecordBlockImageHeader, "hole_offset", "bimg_info")
C_SIZE = sizeof(record.XLogRecordBlockCompressHeader)
L_SIZE, N_SIZE = sizeof(record.RelFileLocator), sizeof(record.BlockRefNumber)
L_DB, L_REL = _offsets(record.RelFileLocator, "dbOid", "relNumber")
S_SIZE, D_SIZE = (
    sizeof(record.XLogRecordDataHeaderShort), sizeof(record.XLogRecordDataHeaderLong),
)  # fmt: skip
(S_LEN,) = _offsets(record.XLogRecordDataHeaderShort, "data_length")
(D_LEN,) = _offsets(record.XLogRecordDataHeaderLong, "data_length")
O_SIZE, T_SIZE = sizeof(record.XLogRecordOrigin), sizeof(record.XLogRecordTopXid)


def u16(p, at):  # type: ignore[no-untyped-def]
    """Two bytes as an unsigned number."""
    return p[at] | p[at + 1] << 8


def u32(p, at):  # type: ignore[no-untyped-def]
    """Four bytes as an unsigned number."""
    return p[at] | p[at + 1] << 8 | p[at + 2] << 16 | p[at + 3] << 24


def u64(p, at):  # type: ignore[no-untyped-def]
    """Eight bytes as an unsigned number."""
    low = u32(p, at)
    high = u32(p, at + 4)
    return high << 32 | low


def _nobody(*_args):  # type: ignore[no-untyped-def]
    raise NotImplementedError("no text without a description")


class HotRecord:
    """The parts of one record, and the text that has been written so far."""

    def __init__(self, major, details):  # type: ignore[no-untyped-def]
        self.details = details
        bits = record.IMAGE_BITS[major]
        self.compressed_bits, self.apply_bit = bits.compressed, bits.apply
        self.blocks = list(bytes(SLOTS * MAX_BLOCKS))
        self.nblocks = self.main_at = self.main_len = self.fpi_len = 0
        self.total = self.xid = self.prev = self.info = self.rmid = self.crc = 0
        self.page_magic = self.page_info = self.page_tli = self.page_addr = self.page_rem = 0
        self.out = bytearray(LINE_ROOM)
        self.dst = self.out  # the same bytes; a pointer to them where this is compiled
        self.out_len = 0
        self.digits: bytes = b"".join(b"%02d" % pair for pair in range(100))
        self.code = b""
        self.starts = array("i", [-1]) * 4096
        self.choices = []
        self.methods = []
        self.forks = [name.encode() for name in record.FORK_NAMES]
        self.describe: Callable[[bytes, int, int], bytes] = _nobody
        self.second_text: Callable[[int], tuple[bytes, bytes]] = _nobody
        self.time_second = -1
        self.time_head, self.time_zone = b"", b""
        self.list_at = list(bytes(8))
        self.list_n = list(bytes(8))
        self.cursor = self.cursor_end = 0

    def read_page(self, p, off):  # type: ignore[no-untyped-def]
        """The fields of a page header."""
        self.page_magic = u16(p, off + P_MAGIC)
        self.page_info = u16(p, off + P_INFO)
        self.page_tli = u32(p, off + P_TLI)
        self.page_addr = u64(p, off + P_ADDR)
        self.page_rem = u32(p, off + P_REM)

    def segment_fits(self, p, off, size, page_size):  # type: ignore[no-untyped-def]
        """Whether a long page header names this segment and page size."""
        return u32(p, off + P_SEG) == size and u32(p, off + P_BLCKSZ) == page_size

    def length_at(self, p, off):  # type: ignore[no-untyped-def]
        """The length that the record at ``off`` claims."""
        return u32(p, off + R_LEN)

    def read_header(self, p, off):  # type: ignore[no-untyped-def]
        """The fields of a record's header."""
        self.total = u32(p, off + R_LEN)
        self.xid = u32(p, off + R_XID)
        self.prev = u64(p, off + R_PREV)
        self.info = p[off + R_INFO]
        self.rmid = p[off + R_RMID]
        self.crc = u32(p, off + R_CRC)

    def decode(self, p, off):  # type: ignore[no-untyped-def]
        """Read the fragment headers into ``blocks``; False where they are not regular."""
        pos = off + R_SIZE
        end = off + self.total
        payload = self.fpi_len = self.main_len = self.nblocks = 0
        have_rel = False
        last = -1
        while end - pos > payload:
            kind = p[pos]
            if kind < MAX_BLOCKS:
                if kind <= last or end - pos < B_SIZE + N_SIZE:
                    return False
                pos = self.decode_block(p, pos, end, have_rel)
                if pos == 0:
                    return False
                at = (self.nblocks - 1) * SLOTS
                payload += self.blocks[at + DATA_LEN] + self.blocks[at + IMAGE_LEN]
                have_rel = True
                last = kind
            elif kind == 255 and end - pos >= S_SIZE:
                self.main_len = p[pos + S_LEN]
                pos += S_SIZE
                payload += self.main_len
                break
            elif kind == 254 and end - pos >= D_SIZE:
                self.main_len = u32(p, pos + D_LEN)
                pos += D_SIZE
                payload += self.main_len
                break
            elif kind == 253 and end - pos >= O_SIZE:
                pos += O_SIZE
            elif kind == 252 and end - pos >= T_SIZE:
                pos += T_SIZE
            else:
                return False
        if end - pos != payload:
            return False
        for i in range(self.nblocks):
            at = i * SLOTS
            pos += self.blocks[at + IMAGE_LEN]
            self.blocks[at + DATA_AT] = pos
            pos += self.blocks[at + DATA_LEN]
        self.main_at = pos
        return True

    def decode_block(self, p, pos, end, have_rel):  # type: ignore[no-untyped-def]
        """Read one block reference; where the next header begins, 0 where it is not regular."""
        at = self.nblocks * SLOTS
        b = self.blocks
        flags = p[pos + B_FLAGS]
        length = u16(p, pos + B_LEN)
        size = B_SIZE + N_SIZE + (0 if flags & 0x80 else L_SIZE)
        if flags & 0x10:  # then the image's own bytes make up for a hole length that is not there
            size += I_SIZE + C_SIZE
        if end - pos < size or (flags & 0x20 != 0) != (length != 0) or flags & 0x0F > 3:
            return 0
        b[at + ID] = p[pos]
        b[at + FLAGS] = flags
        b[at + DATA_LEN] = length
        b[at + IMAGE] = flags & 0x10
        b[at + IMAGE_LEN] = 0
        pos += B_SIZE
        if flags & 0x10:
            pos = self.decode_image(p, pos, at)
            if pos == 0:
                return 0
        if not flags & 0x80:
            b[at + SPC] = u32(p, pos)
            b[at + DB] = u32(p, pos + L_DB)
            b[at + REL] = u32(p, pos + L_REL)
            pos += L_SIZE
        elif not have_rel:
            return 0
        else:
            b[at + SPC] = b[at + SPC - SLOTS]
            b[at + DB] = b[at + DB - SLOTS]
            b[at + REL] = b[at + REL - SLOTS]
        b[at + BLKNO] = u32(p, pos)
        self.nblocks += 1
        return pos + N_SIZE

    def decode_image(self, p, pos, at):  # type: ignore[no-untyped-def]
        """Read an image header into the slots at ``at``; 0 where its parts contradict."""
        length = u16(p, pos)
        hole_at = u16(p, pos + I_HOLE)
        info = p[pos + I_INFO]
        pos += I_SIZE
        hole_len = 0
        compressed = info & self.compressed_bits
        if not compressed:
            hole_len = PAGE_SIZE - length & 0xFFFF
        elif info & 1:
            hole_len = u16(p, pos)
            pos += C_SIZE
        if info & 1:
            if hole_at == 0 or hole_len == 0 or length == PAGE_SIZE:
                return 0
        elif hole_at or hole_len or (length == PAGE_SIZE) == (compressed != 0):
            return 0
        b = self.blocks
        b[at + IMAGE_LEN] = length
        b[at + HOLE_AT] = hole_at
        b[at + HOLE_LEN] = hole_len
        b[at + INFO] = info
        self.fpi_len += length
        return pos

    def has_image(self):  # type: ignore[no-untyped-def]
        """Whether any block reference carries a page image."""
        for i in range(self.nblocks):  # noqa: SIM110 (a generator is no C loop)
            if self.blocks[i * SLOTS + IMAGE]:
                return True
        return False

    def refers_to(self, by_relation, spc, db, rel, block, fork):  # type: ignore[no-untyped-def]
        """Whether one block reference fits all conditions; -1 is any block or fork."""
        b = self.blocks
        for i in range(self.nblocks):
            at = i * SLOTS
            if fork >= 0 and b[at + FLAGS] & 0x0F != fork:
                continue
            if block >= 0 and b[at + BLKNO] != block:
                continue
            if not by_relation or (b[at + SPC] == spc and b[at + DB] == db and b[at + REL] == rel):
                return True
        return False

    def write(self, p, holder, off, at, end):  # type: ignore[no-untyped-def]
        """Append the record's line to ``out``."""
        start = self.starts[self.rmid << 4 | self.info >> 4]
        if start >= 0:
            data_len = 0
            if self.nblocks > 0 and self.blocks[ID] == 0:
                data_len = self.blocks[DATA_LEN]
            need = LINE_ROOM + 8 * (data_len + self.main_len)
            if self.out_len + need > len(self.out):
                self.out.extend(bytes(need))
            self.dst = self.out
            before = self.out_len
            self.cursor = self.blocks[DATA_AT]
            self.cursor_end = self.cursor + data_len
            if self.run(p, start, at):
                self.put_blocks()
                return 0
            self.out_len = before
        line = self.describe(bytes(holder[off : off + self.total]), at, end)
        size = len(line)
        if self.out_len + size > len(self.out):
            self.out.extend(bytes(size))
        self.out[self.out_len : self.out_len + size] = line
        self.out_len += size
        return 0

    def run(self, p, pc, at):  # type: ignore[no-untyped-def]
        """Run the description program at ``pc``; False where this record is beyond it."""
        code = self.code
        main = self.main_at
        if self.main_len < code[pc]:
            return False
        pc += 1
        while True:
            op = code[pc]
            a = code[pc + 1]
            pc += 2
            if op == END:
                return True
            if op == LITERAL:
                self.put_code(code, pc, a)
                pc += a
            elif op == HEAD:
                self.put_head(at)
            elif op == U16:
                self.put_number(u16(p, main + a), 0, 32)
            elif op == U32:
                if a + 4 > self.main_len:
                    return False
                self.put_number(u32(p, main + a), 0, 32)
            elif op == HEX8:
                self.put_hex(p[main + a], 2)
            elif op == CHOICE:
                self.put_text(self.choices[code[pc]][p[main + a]])
                pc += 1
            elif op == TIME:
                if not self.put_time(u64(p, main + a)):
                    return False
            elif op == REFUSE:
                if p[main + a] & code[pc]:
                    return False
                pc += 1
            elif op == REFUSE_U16:
                if u16(p, main + a) != 0:
                    return False
            elif op == NEED_DATA:
                if self.cursor_end == self.cursor:
                    return True
            elif op == SKIP_UNLESS:
                pc += 2 if p[main + a] & code[pc] else 2 + code[pc + 1]
            elif op == SKIP_EMPTY:
                pc += 1 if self.list_n[a] else 1 + code[pc]
            elif op == COUNT_OF:
                self.put_number(self.list_n[a], 0, 32)
            elif op == LIST:
                self.put_list(p, a, False)
            elif op == PAIRS:
                self.put_list(p, a, True)
            else:
                if not self.find_list(p, pc, main, a):
                    return False
                pc += 4

    def find_list(self, p, pc, main, register):  # type: ignore[no-untyped-def]
        """Note where a list of 16-bit numbers begins and how many there are.

        Operands: where the count is (0: main data, 1: before the list), the byte of main
        data that holds it or a flag for it, the flag's mask (0: always there), and how
        many numbers each counted item has; 0 for a list in the main data itself.
        """
        code = self.code
        kind, where, mask, width = code[pc], code[pc + 1], code[pc + 2], code[pc + 3]
        count = 0
        if kind == 0:
            count = u16(p, main + where)
        elif p[main + where] & mask:
            if self.cursor + 2 > self.cursor_end:
                return False
            count = u16(p, self.cursor)
            self.cursor += 2
        self.list_n[register] = count
        if width == 0:
            self.list_at[register] = main + where + 2
            return where + 2 + 2 * count <= self.main_len
        self.list_at[register] = self.cursor
        self.cursor += 2 * width * count
        return self.cursor <= self.cursor_end

    def put_head(self, at):  # type: ignore[no-untyped-def]
        """Lengths, transaction and positions."""
        self.put_number(self.total - self.fpi_len, 6, 32)
        self.put_text(b"/")
        self.put_number(self.total, 6, 32)
        self.put_text(b", tx: ")
        self.put_number(self.xid, 10, 32)
        self.put_text(b", lsn: ")
        self.put_lsn(at)
        self.put_text(b", prev ")
        self.put_lsn(self.prev)

    def put_lsn(self, lsn):  # type: ignore[no-untyped-def]
        self.put_hex(lsn >> 32, 1)
        self.put_text(b"/")
        self.put_hex(lsn & ONES, 8)

    def put_time(self, t):  # type: ignore[no-untyped-def]
        """A time stamp; False for one before 2000 (its number is negative)."""
        if t >> 62:
            return False
        second = t // 1000000
        if second != self.time_second:
            self.time_head, self.time_zone = self.second_text(second)
            self.time_second = second
        self.put_text(self.time_head)
        self.put_number(t - second * 1000000, 6, 48)
        self.put_text(self.time_zone)
        return True

    def put_blocks(self):  # type: ignore[no-untyped-def]
        """All block references, and the line end."""
        b = self.blocks
        for i in range(self.nblocks):
            at = i * SLOTS
            self.put_text(b"\n\tblkref #" if self.details else b", blkref #")
            self.put_number(b[at + ID], 0, 32)
            self.put_text(b": rel ")
            self.put_number(b[at + SPC], 0, 32)
            self.put_text(b"/")
            self.put_number(b[at + DB], 0, 32)
            self.put_text(b"/")
            self.put_number(b[at + REL], 0, 32)
            fork = b[at + FLAGS] & 0x0F
            if fork or self.details:
                self.put_text(b" fork ")
                self.put_text(self.forks[fork])
            self.put_text(b" blk ")
            self.put_number(b[at + BLKNO], 0, 32)
            if b[at + IMAGE]:
                self.put_image(at)
        self.put_text(b"\n")

    def put_image(self, at):  # type: ignore[no-untyped-def]
        """What is said about a page image."""
        b = self.blocks
        info = b[at + INFO]
        self.put_text(b" (FPW" if self.details else b" FPW")
        if not info & self.apply_bit:
            self.put_text(b" for WAL verification")
        if not self.details:
            return
        self.put_text(b"); hole: offset: ")
        self.put_number(b[at + HOLE_AT], 0, 32)
        self.put_text(b", length: ")
        self.put_number(b[at + HOLE_LEN], 0, 32)
        if info & self.compressed_bits:
            self.put_text(b", compression saved: ")
            self.put_number(PAGE_SIZE - b[at + HOLE_LEN] - b[at + IMAGE_LEN] & ONES, 0, 32)
            self.put_text(self.methods[info])

    def put_list(self, p, register, paired):  # type: ignore[no-untyped-def]
        """Numbers in brackets, or pairs of them."""
        at = self.list_at[register]
        self.put_text(b" [")
        for i in range(self.list_n[register]):
            if i:
                self.put_text(b", ")
            self.put_number(u16(p, at), 0, 32)
            at += 2
            if paired:
                self.put_text(b"->")
                self.put_number(u16(p, at), 0, 32)
                at += 2
        self.put_text(b"]")

    def put_code(self, code, pc, size):  # type: ignore[no-untyped-def]
        """A literal of the program."""
        if COMPILED:
            memcpy(self.dst + self.out_len, code + pc, size)  # type: ignore  # noqa
        else:
            self.dst[self.out_len : self.out_len + size] = code[pc : pc + size]
        self.out_len += size

    def put_text(self, text):  # type: ignore[no-untyped-def]
        """Bytes as they are."""
        size = len(text)
        if COMPILED:
            out = self.dst
            src = text
            memcpy(out + self.out_len, src, size)  # type: ignore  # noqa
        else:
            self.dst[self.out_len : self.out_len + size] = text
        self.out_len += size

    def put_number(self, number, width, fill):  # type: ignore[no-untyped-def]
        """A decimal number, ``fill`` before it up to ``width``."""
        out = self.dst
        digits = self.digits
        size = 1
        bound = 10
        while number >= bound and size < 19:
            bound *= 10
            size += 1
        n = self.out_len
        while size < width:
            out[n] = fill
            n += 1
            width -= 1
        n += size
        self.out_len = n
        while size > 1:
            pair = number % 100 * 2
            number //= 100
            n -= 2
            out[n] = digits[pair]
            out[n + 1] = digits[pair + 1]
            size -= 2
        if size == 1:
            out[n - 1] = 48 + number

    def put_hex(self, number, width):  # type: ignore[no-untyped-def]
        """A hexadecimal number of at least ``width`` digits."""
        out = self.dst
        n = self.out_len
        size = 1
        rest = number >> 4
        while rest:
            rest >>= 4
            size += 1
        size = max(size, width)
        for i in range(size):
            digit = number & 15
            out[n + size - 1 - i] = digit + (48 if digit < 10 else 55)
            number >>= 4
        self.out_len = n + size
