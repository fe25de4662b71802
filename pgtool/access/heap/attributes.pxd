# C types for attributes.py, used where Cython compiles it.
cimport cython

cdef void blank(
    Py_ssize_t what, Py_ssize_t slot, Py_ssize_t i, Py_ssize_t at, unsigned char[:, ::1] ones,
    unsigned short[:, ::1] twos, unsigned int[:, ::1] fours, unsigned long long[:, ::1] eights,
    Py_ssize_t[:, ::1] place, Py_ssize_t[:, ::1] length,
) noexcept nogil

cdef void fetch(
    Py_ssize_t what, Py_ssize_t slot, Py_ssize_t i, Py_ssize_t at,
    const unsigned char[::1] octets, const unsigned short[::1] halves,
    const unsigned int[::1] words, const unsigned long long[::1] longs,
    unsigned char[:, ::1] ones, unsigned short[:, ::1] twos, unsigned int[:, ::1] fours,
    unsigned long long[:, ::1] eights, Py_ssize_t[:, ::1] place,
) noexcept nogil

@cython.locals(
    nullable=bint, last="Py_ssize_t", i="Py_ssize_t", k="Py_ssize_t", s="Py_ssize_t",
    begin="Py_ssize_t", at="Py_ssize_t", stop="Py_ssize_t", nulls=bint, what="Py_ssize_t",
    size="Py_ssize_t", first="unsigned char", odd=bint, head="Py_ssize_t", total="Py_ssize_t",
)
cpdef int locate(
    const unsigned char[::1] octets, const unsigned short[::1] halves,
    const unsigned int[::1] words, const unsigned long long[::1] longs,
    const Py_ssize_t[::1] start, const Py_ssize_t[::1] end, const Py_ssize_t[::1] hoff,
    const unsigned short[::1] infomask, const unsigned short[::1] natts,
    const Py_ssize_t[::1] attlen, const Py_ssize_t[::1] align, const Py_ssize_t[::1] want,
    const Py_ssize_t[::1] slot, const Py_ssize_t[::1] row, unsigned char[:, ::1] ones,
    unsigned short[:, ::1] twos, unsigned int[:, ::1] fours, unsigned long long[:, ::1] eights,
    Py_ssize_t[:, ::1] place, Py_ssize_t[:, ::1] length, Py_ssize_t[:, ::1] special,
    unsigned char[:, ::1] present, Py_ssize_t[::1] counts,
    Py_ssize_t most,
) except? -2
