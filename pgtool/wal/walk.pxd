# C types for walk.py, used where Cython compiles it.
import cython

from pgtool.wal.crc cimport extend_crc32c
from pgtool.wal.hotrecord cimport HotRecord

cdef bint IN_C
cdef unsigned int ONES
cdef int MORE, IRREGULAR, FULL, LIMIT, NOTHING, COUNT, TEXT, FULL_BYTES
cdef int PAGE, SHORT_HEADER, LONG_HEADER, R_SIZE, R_CRC
cdef int RM_XLOG, SWITCH

@cython.locals(crc="unsigned int")
cdef unsigned int record_crc(
    const unsigned char *p, Py_ssize_t at, Py_ssize_t length
) except? 0

@cython.locals(p="const unsigned char *")
cpdef unsigned int checksum(bytes data) except? 0

cdef class Walker(HotRecord):
    cdef public bytearray buffer, scratch
    cdef public unsigned long long base, next_lsn, prev_lsn, counted_end, stop_at
    cdef public long long checked, block, spc, db, rel
    cdef public Py_ssize_t avail
    cdef public unsigned int latest_tli, passed_tli, segment_size, want_xid
    cdef public int magic, checked_info, checked_header, action, fork
    cdef public bytes valid_rmids, rmids
    cdef public unsigned long long[::1] counts
    cdef public long long shown, limit
    cdef public bint by_xid, by_relation, fullpage

    @cython.locals(
        data="const unsigned char *", at="unsigned long long", page_at="unsigned long long",
        state="long long", inside=int, off="Py_ssize_t", total="Py_ssize_t",
        end="unsigned long long",
    )
    cpdef int walk(self) except -1
    @cython.locals(off="long long", info=int, first=bint)
    cdef int check_page(self, const unsigned char *data, unsigned long long at) noexcept
    @cython.locals(
        page_at="unsigned long long", got="Py_ssize_t", reason=int, rest="Py_ssize_t",
        size="Py_ssize_t", end="unsigned long long",
    )
    cdef unsigned long long assemble(
        self, const unsigned char *data, Py_ssize_t off, unsigned long long at, Py_ssize_t total
    ) except? 0
    @cython.locals(p="const unsigned char *")
    cdef int take_scratch(self, unsigned long long at, unsigned long long end) except -1
    @cython.locals(valid="const unsigned char *")
    cdef int take(
        self, const unsigned char *p, bytearray holder, Py_ssize_t off,
        unsigned long long at, unsigned long long end
    ) except -1
    @cython.locals(half=int, slot=int)
    cdef int use(
        self, const unsigned char *p, bytearray holder, Py_ssize_t off,
        unsigned long long at, unsigned long long end
    ) except -1
    @cython.locals(wanted="const unsigned char *")
    cdef bint passes(self) noexcept
