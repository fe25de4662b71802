# C types for walk.py, used where Cython compiles it, and the checksum of the records.
import cython

from pgtool.wal.hotrecord cimport HotRecord

cdef extern from *:
    """
    #include <stdint.h>
    #include <stddef.h>
    #include <string.h>

    static uint32_t pgtool_crc_table[8][256];

    static void pgtool_crc_init(void) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t crc = byte;
            for (int bit = 0; bit < 8; bit++)
                crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
            pgtool_crc_table[0][byte] = crc;
        }
        for (int row = 1; row < 8; row++)
            for (int byte = 0; byte < 256; byte++) {
                uint32_t crc = pgtool_crc_table[row - 1][byte];
                pgtool_crc_table[row][byte] = pgtool_crc_table[0][crc & 0xFF] ^ crc >> 8;
            }
    }

    static uint32_t pgtool_crc_tables(uint32_t crc, const unsigned char *p, size_t n) {
        while (n >= 8) {
            uint32_t a = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8
                                | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
            crc = pgtool_crc_table[7][a & 0xFF] ^ pgtool_crc_table[6][a >> 8 & 0xFF]
                ^ pgtool_crc_table[5][a >> 16 & 0xFF] ^ pgtool_crc_table[4][a >> 24]
                ^ pgtool_crc_table[3][p[4]] ^ pgtool_crc_table[2][p[5]]
                ^ pgtool_crc_table[1][p[6]] ^ pgtool_crc_table[0][p[7]];
            p += 8;
            n -= 8;
        }
        while (n-- > 0)
            crc = pgtool_crc_table[0][(crc ^ *p++) & 0xFF] ^ crc >> 8;
        return crc;
    }

    #if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    #define PGTOOL_CRC_INSTRUCTION
    __attribute__((target("sse4.2")))
    static uint32_t pgtool_crc_fast(uint32_t crc, const unsigned char *p, size_t n) {
        uint64_t wide = crc;
        while (n >= 8) {
            uint64_t part;
            memcpy(&part, p, 8);
            wide = __builtin_ia32_crc32di(wide, part);
            p += 8;
            n -= 8;
        }
        crc = (uint32_t)wide;
        while (n-- > 0)
            crc = __builtin_ia32_crc32qi(crc, *p++);
        return crc;
    }
    static int pgtool_crc_has(void) { return __builtin_cpu_supports("sse4.2"); }
    #elif defined(__ARM_FEATURE_CRC32)
    #define PGTOOL_CRC_INSTRUCTION
    #include <arm_acle.h>
    static uint32_t pgtool_crc_fast(uint32_t crc, const unsigned char *p, size_t n) {
        while (n >= 8) {
            uint64_t part;
            memcpy(&part, p, 8);
            crc = __crc32cd(crc, part);
            p += 8;
            n -= 8;
        }
        while (n-- > 0)
            crc = __crc32cb(crc, *p++);
        return crc;
    }
    static int pgtool_crc_has(void) { return 1; }
    #endif

    static uint32_t extend_crc32c(uint32_t crc, const unsigned char *p, size_t at, size_t n) {
        static int ready = 0;
        if (ready == 0) {
            pgtool_crc_init();
            ready = 1;
    #ifdef PGTOOL_CRC_INSTRUCTION
            if (pgtool_crc_has())
                ready = 2;
    #endif
        }
    #ifdef PGTOOL_CRC_INSTRUCTION
        if (ready == 2)
            return pgtool_crc_fast(crc, p + at, n);
    #endif
        return pgtool_crc_tables(crc, p + at, n);
    }
    """
    unsigned int extend_crc32c(
        unsigned int crc, const unsigned char *p, size_t at, size_t n
    ) noexcept

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
