# C types for digit_read.py, used where Cython compiles it.
cimport cython
from libc.stdlib cimport strtod

cdef int _MINUS, _POINT, _ZERO

@cython.locals(
    i="Py_ssize_t", at="Py_ssize_t", end="Py_ssize_t", negative=bint, fine=bint, digit=int,
    total="long long",
)
cpdef void integers(
    const unsigned char[::1] buffer, const Py_ssize_t[::1] start, const Py_ssize_t[::1] length,
    int most, long long low, long long high, Py_ssize_t[::1] out, unsigned char[::1] good,
)

@cython.locals(
    i="Py_ssize_t", at="Py_ssize_t", end="Py_ssize_t", negative=bint, fine=bint, digit=int,
    value="long long", digits=int, behind=int,
)
cpdef void scaled(
    const unsigned char[::1] buffer, const Py_ssize_t[::1] start, const Py_ssize_t[::1] length,
    int most, Py_ssize_t[::1] total, Py_ssize_t[::1] after, unsigned char[::1] good,
)

cdef double from_text(unsigned char[::1] term) noexcept nogil

@cython.locals(
    i="Py_ssize_t", at="Py_ssize_t", end="Py_ssize_t", negative=bint, place="Py_ssize_t",
    total="long long", digits=int, behind=int, digit=int, number=double, size=double,
    k="Py_ssize_t",
)
cpdef void floats(
    const unsigned char[::1] buffer, const Py_ssize_t[::1] start, const Py_ssize_t[::1] length,
    const double[::1] powers, unsigned char[::1] term, double[::1] out, unsigned char[::1] good,
)

@cython.locals(
    left="long long", rest="long long", behind="Py_ssize_t", weight="Py_ssize_t",
    count="Py_ssize_t", place="Py_ssize_t", digit="unsigned int", header="unsigned int",
)
cpdef Py_ssize_t put_numeric(
    long long value, Py_ssize_t decimals, Py_ssize_t shown, const Py_ssize_t[::1] powers,
    const int[::1] marks, unsigned char[::1] out, Py_ssize_t to,
) noexcept nogil

@cython.locals(i="Py_ssize_t")
cpdef void pack(
    const Py_ssize_t[::1] values, const Py_ssize_t[::1] decimals, const Py_ssize_t[::1] shown,
    const Py_ssize_t[::1] powers, const int[::1] marks, Py_ssize_t pitch,
    unsigned char[::1] out, Py_ssize_t[::1] length,
)
