# C types for numeric_rank.py, used where Cython compiles it.
cimport cython

cdef int _DIGITS

@cython.locals(
    i="Py_ssize_t", k="Py_ssize_t", at="Py_ssize_t", header=int, digits="Py_ssize_t", weight=int,
    total="long long", some=int, digit=int, lifted="long long", nullable=bint,
)
cpdef int ranks(
    const unsigned char[::1] octets, const Py_ssize_t[::1] start, const Py_ssize_t[::1] length,
    const unsigned char[::1] valid, Py_ssize_t[::1] out,
)
