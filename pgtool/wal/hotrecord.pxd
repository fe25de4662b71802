# C types for hotrecord.py, used where Cython compiles it.
import cython
from libc.string cimport memcpy

cdef unsigned int ONES
cdef int END, LITERAL, HEAD, U16, U32, HEX8, CHOICE, TIME, REFUSE, REFUSE_U16, NEED_DATA
cdef int SKIP_UNLESS, COUNTED, COUNT_OF, SKIP_EMPTY, LIST, PAIRS
cdef int SLOTS, MAX_BLOCKS, LINE_ROOM, PAGE_SIZE
cdef int ID, FLAGS, DATA_LEN, DATA_AT, IMAGE, IMAGE_LEN, HOLE_AT, HOLE_LEN, INFO, SPC, DB, REL
cdef int BLKNO
cdef int P_MAGIC, P_INFO, P_TLI, P_ADDR, P_REM, P_SEG, P_BLCKSZ
cdef int R_SIZE, R_LEN, R_XID, R_PREV, R_INFO, R_RMID, R_CRC
cdef int B_SIZE, B_FLAGS, B_LEN, I_SIZE, I_HOLE, I_INFO, C_SIZE, L_SIZE, L_DB, L_REL, N_SIZE
cdef int S_SIZE, S_LEN, D_SIZE, D_LEN, O_SIZE, T_SIZE

cdef unsigned int u16(const unsigned char *p, Py_ssize_t at) noexcept
cdef unsigned int u32(const unsigned char *p, Py_ssize_t at) noexcept
@cython.locals(low="unsigned int", high="unsigned long long")
cdef unsigned long long u64(const unsigned char *p, Py_ssize_t at) noexcept

cdef class HotRecord:
    cdef public bint details
    cdef public int compressed_bits, apply_bit
    cdef long long blocks[528]
    cdef long long list_at[8]
    cdef long long list_n[8]
    cdef public int[::1] starts
    cdef public int nblocks, info, rmid, page_magic, page_info
    cdef public unsigned int total, xid, crc, page_tli, page_rem
    cdef public unsigned long long prev, page_addr
    cdef public Py_ssize_t main_at, main_len, fpi_len, out_len, cursor, cursor_end
    cdef public bytearray out
    cdef unsigned char *dst
    cdef public bytes code
    cdef public list choices, methods, forks
    cdef public object describe, second_text
    cdef public long long time_second
    cdef public bytes time_head, time_zone, digits

    @cython.final
    cdef void read_page(self, const unsigned char *p, Py_ssize_t off) noexcept
    @cython.final
    cdef bint segment_fits(
        self, const unsigned char *p, Py_ssize_t off, unsigned int size, unsigned int page_size
    ) noexcept
    @cython.final
    cdef unsigned int length_at(self, const unsigned char *p, Py_ssize_t off) noexcept
    @cython.final
    cdef void read_header(self, const unsigned char *p, Py_ssize_t off) noexcept
    @cython.final
    @cython.locals(
        pos="Py_ssize_t", end="Py_ssize_t", payload="Py_ssize_t", have_rel=bint, last=int,
        kind=int, at=int, i=int,
    )
    cdef bint decode(self, const unsigned char *p, Py_ssize_t off) noexcept
    @cython.final
    @cython.locals(at=int, b="long long *", flags=int, length=int, size=int)
    cdef Py_ssize_t decode_block(
        self, const unsigned char *p, Py_ssize_t pos, Py_ssize_t end, bint have_rel
    ) noexcept
    @cython.final
    @cython.locals(
        length=int, hole_at=int, info=int, hole_len=int, compressed=int, b="long long *"
    )
    cdef Py_ssize_t decode_image(self, const unsigned char *p, Py_ssize_t pos, int at) noexcept
    @cython.final
    @cython.locals(i=int)
    cdef bint has_image(self) noexcept
    @cython.final
    @cython.locals(b="long long *", i=int, at=int)
    cdef bint refers_to(
        self, bint by_relation, long long spc, long long db, long long rel, long long block,
        int fork
    ) noexcept
    @cython.final
    @cython.locals(
        start=int, data_len="Py_ssize_t", need="Py_ssize_t", before="Py_ssize_t", line=bytes,
        size="Py_ssize_t",
    )
    cdef int write(
        self, const unsigned char *p, bytearray holder, Py_ssize_t off,
        unsigned long long at, unsigned long long end
    ) except -1
    @cython.final
    @cython.locals(code="const unsigned char *", main="Py_ssize_t", op=int, a=int)
    cdef int run(self, const unsigned char *p, int pc, unsigned long long at) except -1
    @cython.final
    @cython.locals(
        code="const unsigned char *", kind=int, where=int, mask=int, width=int,
        count="Py_ssize_t",
    )
    cdef bint find_list(
        self, const unsigned char *p, int pc, Py_ssize_t main, int register
    ) noexcept
    @cython.final
    cdef void put_head(self, unsigned long long at) noexcept
    @cython.final
    cdef void put_lsn(self, unsigned long long lsn) noexcept
    @cython.final
    @cython.locals(second="long long")
    cdef int put_time(self, unsigned long long t) except -1
    @cython.final
    @cython.locals(b="long long *", i=int, at=int, fork=int)
    cdef void put_blocks(self) noexcept
    @cython.final
    @cython.locals(b="long long *", info=int)
    cdef void put_image(self, int at) noexcept
    @cython.final
    @cython.locals(at="Py_ssize_t", i="Py_ssize_t")
    cdef void put_list(self, const unsigned char *p, int register, bint paired) noexcept
    @cython.final
    @cython.locals(out="unsigned char *")
    cdef void put_code(self, const unsigned char *code, int pc, int size) noexcept
    @cython.final
    @cython.locals(out="unsigned char *", src="const unsigned char *", size="Py_ssize_t")
    cdef void put_text(self, bytes text) noexcept
    @cython.final
    @cython.locals(
        out="unsigned char *", digits="const unsigned char *", size=int,
        bound="unsigned long long", n="Py_ssize_t", pair=int,
    )
    cdef void put_number(self, unsigned long long number, int width, int fill) noexcept
    @cython.final
    @cython.locals(
        out="unsigned char *", n="Py_ssize_t", size=int, rest="unsigned long long", i=int,
        digit=int,
    )
    cdef void put_hex(self, unsigned long long number, int width) noexcept
