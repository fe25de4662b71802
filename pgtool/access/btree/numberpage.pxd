# C types for numberpage.py, used where Cython compiles it.
cimport cython

from pgtool.storage.pageedit cimport count_items, is_sound, u16, u32

cdef int PAGE, FIRST, ITEM, FLAG_SHIFT, OPAQUE, PREV, NEXT, LEVEL, FLAGS, SPECIAL_AT, HEADER
cdef int INFO, POSID
cdef long long HALF, WHOLE
cdef unsigned int OFF_MASK, DEAD, FLAG_MASK, LEAF, UNUSUAL, NULLS, ALT_TID, POSTING, COUNT_MASK

@cython.locals(flags="unsigned int")
cdef bint usual(const unsigned char *g, unsigned int level, bint alone) noexcept
@cython.locals(at=int, info="unsigned int", posid="unsigned int")
cdef int item_at(const unsigned char *g, int number) noexcept
@cython.locals(value="long long", low="long long", high="long long")
cdef long long number_at(const unsigned char *g, int at, int kind) noexcept
@cython.locals(middle=int, at=int)
cdef int first_not_before(
    const unsigned char *g, int low, int high, long long key, int kind
) noexcept
@cython.locals(first=int, at=int, count=int, place=int)
cpdef long long child_of(
    const unsigned char *g, unsigned int level, bint alone, long long key, int kind
) noexcept
@cython.locals(first=int, count=int, at=int, place=int, tid="long long")
cpdef list tids_of(const unsigned char *g, bint alone, long long key, int kind)
@cython.locals(first=int, count=int, at=int, place=int, other="long long")
cpdef int place_of(
    const unsigned char *g, bint alone, bint behind_first, long long key, int kind,
    long long tid,
) noexcept
