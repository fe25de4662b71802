# C types for running.py, used where Cython compiles it.
cimport cython

cdef double _INFINITE, _UNKNOWN

cdef bint is_infinite(double value) noexcept nogil

cdef double settled(double value) noexcept nogil

@cython.locals(
    i="Py_ssize_t", group="Py_ssize_t", value=double, n=double, old=double, new=double,
    distance=double, square=double,
)
cpdef Py_ssize_t spread(
    const Py_ssize_t[::1] ids, const double[::1] values, double[::1] count, double[::1] total,
    double[::1] squares,
) except? -1

@cython.locals(
    i="Py_ssize_t", group="Py_ssize_t", x=double, y=double, n=double, old_x=double,
    old_y=double, new_x=double, new_y=double, dx=double, dy=double, scale=double, xx=double,
    yy=double, xy=double, over_x=bint, over_y=bint, was_x=bint, was_y=bint,
)
cpdef Py_ssize_t regress(
    const Py_ssize_t[::1] ids, const double[::1] ys, const double[::1] xs, double[::1] count,
    double[::1] sx, double[::1] sxx, double[::1] sy, double[::1] syy, double[::1] sxy,
) except? -1
