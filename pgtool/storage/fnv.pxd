# C types for fnv.py, used where Cython compiles it.
cimport cython

@cython.locals(mixed="unsigned int", folded="unsigned int", i=int, j=int, _=int)
cdef unsigned int _page(
    const unsigned int[::1] words, Py_ssize_t at, unsigned int blkno,
    const unsigned int[::1] lanes, unsigned int[::1] sums, unsigned int ones,
) noexcept nogil

@cython.locals(ones="unsigned int")
cpdef unsigned int checksum(
    const unsigned int[::1] words, unsigned int blkno,
    const unsigned int[::1] lanes, unsigned int[::1] sums,
) except? 0

@cython.locals(
    ones="unsigned int", count="Py_ssize_t", page="Py_ssize_t", at="Py_ssize_t",
    found="unsigned int",
)
cpdef Py_ssize_t find_bad(
    const unsigned int[::1] words, Py_ssize_t pages, unsigned int first,
    const unsigned int[::1] lanes, unsigned int[::1] sums, unsigned int[::1] bad,
) except? -1
