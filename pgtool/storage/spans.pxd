# C types for spans.py, used where Cython compiles it.
cimport cython
from libc.string cimport memcpy

cdef int SHORT

@cython.locals(
    i="Py_ssize_t", k="Py_ssize_t", to="Py_ssize_t", place="Py_ssize_t", n="Py_ssize_t"
)
cpdef void copy(
    unsigned char[::1] dst, const Py_ssize_t[::1] dst_start,
    const unsigned char[::1] src, const Py_ssize_t[::1] src_start, const Py_ssize_t[::1] length,
)

@cython.locals(i="Py_ssize_t", k="Py_ssize_t", to="Py_ssize_t", place="Py_ssize_t", some=bint)
cpdef void put(
    unsigned char[::1] out, Py_ssize_t[::1] at, const unsigned char[::1] src,
    const Py_ssize_t[::1] start, const Py_ssize_t[::1] length, const unsigned char[::1] nulls,
    const unsigned char[::1] null, const unsigned char[::1] tail,
)

@cython.locals(
    i="Py_ssize_t", k="Py_ssize_t", to="Py_ssize_t", place="Py_ssize_t", n="Py_ssize_t", some=bint,
)
cpdef void put_counted(
    unsigned char[::1] out, Py_ssize_t[::1] at, const unsigned char[::1] src,
    const Py_ssize_t[::1] start, const Py_ssize_t[::1] length, const unsigned char[::1] nulls,
)
