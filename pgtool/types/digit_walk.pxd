# C types for digit_walk.py, used where Cython compiles it.
cimport cython

@cython.locals(end="Py_ssize_t", at="Py_ssize_t", rest="unsigned long long", upper="unsigned long long")
cdef Py_ssize_t put_number(
    unsigned long long value, unsigned char[::1] out, Py_ssize_t to,
) noexcept nogil

@cython.locals(at="Py_ssize_t", upper="unsigned int")
cdef Py_ssize_t put_fixed(
    unsigned int value, Py_ssize_t digits, unsigned char[::1] out, Py_ssize_t to,
) noexcept nogil

@cython.locals(
    n="Py_ssize_t", to="Py_ssize_t", i="Py_ssize_t", value="long long", size="unsigned long long",
)
cpdef void integers(
    const Py_ssize_t[::1] values, unsigned char[::1] out, Py_ssize_t[::1] start,
    Py_ssize_t[::1] length,
)

@cython.locals(
    header=int, negative=int, dscale="Py_ssize_t", weight="Py_ssize_t", first="Py_ssize_t",
    ndigits="Py_ssize_t", k="Py_ssize_t", digit="unsigned int", begin="Py_ssize_t",
    end="Py_ssize_t",
)
cdef Py_ssize_t numeric(
    const unsigned char[::1] buffer, Py_ssize_t at, Py_ssize_t size, unsigned char[::1] out,
    Py_ssize_t to,
) noexcept nogil

@cython.locals(n="Py_ssize_t", to="Py_ssize_t", i="Py_ssize_t", end="Py_ssize_t")
cpdef void numerics(
    const unsigned char[::1] buffer, const Py_ssize_t[::1] begins, const Py_ssize_t[::1] sizes,
    unsigned char[::1] skip, unsigned char[::1] out, Py_ssize_t[::1] start,
    Py_ssize_t[::1] length,
)

cdef Py_ssize_t put_hex(
    const unsigned char[::1] raw, Py_ssize_t at, Py_ssize_t end,
    const unsigned char[::1] digits, unsigned char[::1] out, Py_ssize_t to,
) noexcept nogil

@cython.locals(n="Py_ssize_t", i="Py_ssize_t", at="Py_ssize_t", to="Py_ssize_t")
cpdef void uuids(
    const unsigned char[::1] raw, const unsigned char[::1] digits, unsigned char[::1] out,
)

@cython.locals(
    n="Py_ssize_t", i="Py_ssize_t", day_us="long long", known="long long", year="long long",
    month="long long", day="long long", to="Py_ssize_t", begin="Py_ssize_t", rest="long long",
    days="long long", era="long long", within="long long", us="long long",
)
cpdef void timestamps(
    const Py_ssize_t[::1] values, unsigned char[::1] out, Py_ssize_t pitch,
    Py_ssize_t[::1] length,
)
