# C types for digit_read.py, used where Cython compiles it.
cimport cython

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

@cython.locals(
    i="Py_ssize_t", left="long long", rest="long long", negative=bint, behind="Py_ssize_t",
    weight="Py_ssize_t", count="Py_ssize_t", header="unsigned int",
)
cpdef void pack(
    const Py_ssize_t[::1] values, const Py_ssize_t[::1] decimals, const Py_ssize_t[::1] shown,
    const Py_ssize_t[::1] powers, const int[::1] marks, unsigned short[:, ::1] out,
    Py_ssize_t[::1] length,
)
