# C types for float_walk.py, used where Cython compiles it.
cimport cython

cdef double _SPLIT, _SURE

@cython.locals(place="Py_ssize_t")
cdef Py_ssize_t put_digits(
    long long value, Py_ssize_t count, unsigned char[::1] out, Py_ssize_t to,
) noexcept nogil

@cython.locals(end="Py_ssize_t", size="Py_ssize_t")
cdef Py_ssize_t put_scientific(
    long long value, Py_ssize_t count, Py_ssize_t exponent, unsigned char[::1] out, Py_ssize_t to,
) noexcept nogil

@cython.locals(end="Py_ssize_t", whole="Py_ssize_t", k="Py_ssize_t", _k="Py_ssize_t")
cdef Py_ssize_t put_plain(
    long long value, Py_ssize_t count, Py_ssize_t exponent, unsigned char[::1] out, Py_ssize_t to,
) noexcept nogil

@cython.locals(
    tail="long long", middle=double, above=double, gap=double, edge=double, up=bint,
)
cdef long long near(
    long long value, double rest, long long unit, double half, double below,
) noexcept nogil

@cython.locals(
    product=double, big=double, a1=double, a2=double, b1=double, b2=double, error=double,
    total=double, rest=double, value="long long", step="long long", top="long long",
    best="long long", unit="long long", found="long long", dropped="Py_ssize_t",
    beyond="Py_ssize_t", k="Py_ssize_t", _k="Py_ssize_t",
)
cdef Py_ssize_t one(
    double size, double high, double low, double half, double below, Py_ssize_t digits,
    Py_ssize_t exponent, Py_ssize_t limit, unsigned char[::1] out, Py_ssize_t to,
) noexcept nogil

@cython.locals(i="Py_ssize_t", k="Py_ssize_t", to="Py_ssize_t", begin="Py_ssize_t")
cpdef void walk(
    const double[::1] size, const unsigned char[::1] negative, unsigned char[::1] skip,
    const double[::1] half, const double[::1] below, const Py_ssize_t[::1] exponent,
    const double[::1] high, const double[::1] low, Py_ssize_t least, Py_ssize_t digits,
    Py_ssize_t limit, unsigned char[::1] out, Py_ssize_t[::1] start, Py_ssize_t[::1] length,
)
