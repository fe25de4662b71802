# C types for tupleedit.py, used where Cython compiles it.
cimport cython

from pgtool.storage.pageedit cimport (
    close_gaps, count_items, drop_unused_end, init, is_new, normal_item, put16, put32, u16, u32,
)

cdef int FIRST, ITEM, PRUNE_AT, FREEZE_XVAC
cdef unsigned int REDIRECT, DEAD, FROZEN, SIGN
cdef int XMIN, XMAX, FIELD3, CTID, MASK2, MASK, HOFF, MAP, MAP_BITS, PER_BYTE, PER_PAGE
cdef unsigned int NOT_XMAX, KEYS_UPDATED, HOT_UPDATED, COMBOCID, LIVE, OFF_MASK, LP_FLAGS
cdef int LAST_HEADER

cpdef void set_ctid(unsigned char *g, int at, unsigned int block, int number) noexcept
@cython.locals(mask2="unsigned int")
cpdef void mark(
    unsigned char *g, int at, unsigned int xmax, unsigned int infomask, unsigned int infomask2,
    bint hot,
) noexcept
@cython.locals(mask="unsigned int")
cpdef void set_cmax(unsigned char *g, int at, unsigned int cid, bint combo) noexcept
@cython.locals(known="unsigned int")
cpdef void set_prunable(unsigned char *g, unsigned int xid) noexcept
@cython.locals(last=int, i=int, number=int)
cpdef bint change_lines(
    unsigned char *g, const unsigned char *p, Py_ssize_t at, int redirected, int dead, int unused
) noexcept
@cython.locals(at=int)
cdef bint is_live(unsigned char *g, int number) noexcept
@cython.locals(count=int, number=int, word="unsigned int", flags="unsigned int")
cpdef int suspects(unsigned char *g, unsigned char *out) noexcept
cpdef bint settle_lines(unsigned char *g, bint lines_only, bint truncate) noexcept
@cython.locals(i=int, place=int)
cpdef bint freeze_tuples(
    unsigned char *g, const unsigned char *p, Py_ssize_t at, int count, unsigned int xmax,
    unsigned int infomask, unsigned int infomask2, int flags,
) noexcept
cpdef int map_place(unsigned int block) noexcept
@cython.locals(at=int, old=int)
cpdef bint clear_map_bits(unsigned char *g, unsigned int block, int bits) noexcept
@cython.locals(at=int, old=int)
cpdef bint set_map_bits(unsigned char *g, unsigned int block, int bits) noexcept
