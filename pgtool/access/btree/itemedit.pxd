# C types for itemedit.py, used where Cython compiles it.
cimport cython

from pgtool.storage.pageedit cimport (
    add_item, copy, count_items, init, is_sound, overwrite_item, own_item, put16, put32, u16, u32,
    zero,
)

cdef int PAGE, HEADER, FIRST, ITEM, LEN_SHIFT, UPPER_AT, SPECIAL_AT, OPAQUE_SIZE, OPAQUE
cdef int PREV, NEXT, LEVEL, FLAGS, CYCLE, LEAF, INCOMPLETE, GARBAGE, INFO, POSID, TID
cdef int SIZE_MASK, ALT_TID, POSTING, COUNT_MASK
cdef unsigned int OFF_MASK
cdef bytearray OLD, TUPLE

cpdef int tuple_size(const unsigned char *t, Py_ssize_t at) noexcept
cpdef bint is_posting(const unsigned char *t, Py_ssize_t at) noexcept
cpdef int key_size(const unsigned char *t, Py_ssize_t at) noexcept
cpdef bint posting_fits(const unsigned char *t, Py_ssize_t at, int size) noexcept
@cython.locals(number=int)
cpdef bint items_fit(const unsigned char *g) noexcept
cpdef void begin(unsigned char *g, unsigned char *old) noexcept
cpdef bint append(
    unsigned char *g, const unsigned char *source, Py_ssize_t at, int size
) noexcept
@cython.locals(word="unsigned int")
cpdef bint append_from(unsigned char *g, const unsigned char *old, int number) noexcept
@cython.locals(
    first=int, old="unsigned char *", level="unsigned int", fits=bint, number=int
)
cpdef bint split_left(
    unsigned char *g, int first_right, int offnum, bint on_left, const unsigned char *p,
    Py_ssize_t new, int new_size, Py_ssize_t key, int key_size_, unsigned int right
) noexcept
@cython.locals(
    places="unsigned char *", end="Py_ssize_t", count=int, place="Py_ssize_t", length=int
)
cpdef bint restore(
    unsigned char *g, const unsigned char *p, Py_ssize_t at, Py_ssize_t size
) noexcept
@cython.locals(info=int, used=int, total=int)
cpdef int finish_posting(unsigned char *t, int size, int count) noexcept
@cython.locals(
    first=int, last=int, before=int, before_size=int, number=int, word="unsigned int", at=int,
    size=int, same=bint, i=int,
)
cpdef int plain_repeats(const unsigned char *g, unsigned char *out) noexcept
@cython.locals(
    t="unsigned char *", at=int, size=int, count=int, other=int, more=int, start=int
)
cpdef bint merge(unsigned char *g, const unsigned char *old, int number, int run) noexcept
@cython.locals(
    last=int, first=int, after=int, i=int, number=int, run=int, other=int, word="unsigned int",
    old="unsigned char *", fits=bint,
)
cpdef bint dedup(
    unsigned char *g, const unsigned char *p, Py_ssize_t at, int count
) noexcept
@cython.locals(
    word="unsigned int", start=int, t="unsigned char *", size=int, kept=int, gone=int, place=int
)
cpdef bint thin(
    unsigned char *g, int number, const unsigned char *p, Py_ssize_t at, int count
) noexcept
@cython.locals(
    word="unsigned int", start=int, count=int, t="unsigned char *", list_at=int, i=int, to=int
)
cpdef bint insert_posting(
    unsigned char *g, int number, const unsigned char *p, Py_ssize_t at, int size, int place
) noexcept
