# C types for pglz_pack.py, used where Cython compiles it.
cimport cython

cdef int _hash(const unsigned char *src, int at, int size, int mask) noexcept

@cython.locals(best=int, distance=int, n=int, back=int, count=int)
cdef int _longest(
    const unsigned char *src, int at, int size, int mask, int good, int drop, int[::1] heads,
    int[::1] place, int[::1] older,
) noexcept

@cython.locals(
    src="const unsigned char *", dst="unsigned char *", at=int, made=int, control_at=int,
    control=int, bits=int, entry=int, full=bint, found_any=bint, best=int, distance=int,
    n=int, count=int, match=int,
)
cpdef int deflate(
    bytes data, int size, bytearray target, int limit, int mask, int success_by, int good_match,
    int good_drop, int[::1] heads, int[::1] place, int[::1] older, int[::1] newer,
    int[::1] bucket,
) except? -2
