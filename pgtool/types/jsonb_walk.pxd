# C types for jsonb_walk.py, used where Cython compiles it.
cimport cython

cdef unsigned int _CMASK, _FSCALAR, _FOBJECT, _FARRAY, _OFFLEN, _TYPE, _HAS_OFF
cdef unsigned int _STRING, _NUMERIC, _FALSE, _TRUE, _NULL, _CONTAINER
cdef int _SIGN, _SHORT, _SPECIAL, _NEG, _SHORT_NEG, _DSCALE, _SHIFT, _SHORT_DSCALE, _WEIGHT
cdef int _WEIGHT_SIGN, _NBASE, _DEPTH, _FRAME, _ROOM

cdef inline unsigned int word(const unsigned char[::1] data, Py_ssize_t at) noexcept nogil

@cython.locals(place="Py_ssize_t", c=int)
cdef Py_ssize_t string(
    const unsigned char[::1] data, Py_ssize_t first, Py_ssize_t last, unsigned char[::1] out,
    Py_ssize_t to,
) noexcept nogil

@cython.locals(
    head=int, kind=int, negative=int, weight="Py_ssize_t", scale="Py_ssize_t",
    count="Py_ssize_t", k="Py_ssize_t", begin="Py_ssize_t", digit=int, unit=int, c=int,
)
cdef Py_ssize_t number(
    const unsigned char[::1] data, Py_ssize_t first, Py_ssize_t last, unsigned char[::1] out,
    Py_ssize_t to, Py_ssize_t room,
) noexcept nogil

@cython.locals(k="Py_ssize_t", zeros="Py_ssize_t", digit=int, unit=int)
cdef Py_ssize_t decimals(
    const unsigned char[::1] data, Py_ssize_t first, Py_ssize_t count, Py_ssize_t weight,
    Py_ssize_t scale, unsigned char[::1] out, Py_ssize_t to,
) noexcept nogil

@cython.locals(
    header="unsigned int", entry="unsigned int", members="Py_ssize_t", base="Py_ssize_t",
    keys="Py_ssize_t", k="Py_ssize_t", pairs=bint,
)
cdef int push(
    const unsigned char[::1] data, Py_ssize_t first, Py_ssize_t last, Py_ssize_t[::1] stack,
    Py_ssize_t top,
) noexcept nogil

@cython.locals(entry="unsigned int", first="Py_ssize_t", last="Py_ssize_t")
cdef Py_ssize_t key(
    const unsigned char[::1] data, unsigned char[::1] out, Py_ssize_t to, Py_ssize_t limit,
    Py_ssize_t[::1] stack, Py_ssize_t top,
) noexcept nogil

cdef Py_ssize_t scalar(
    const unsigned char[::1] data, unsigned int kind, Py_ssize_t first, Py_ssize_t last,
    unsigned char[::1] out, Py_ssize_t to, Py_ssize_t limit,
) noexcept nogil

@cython.locals(
    entry="unsigned int", kind="unsigned int", first="Py_ssize_t", end="Py_ssize_t",
    depth="Py_ssize_t", top="Py_ssize_t",
)
cdef Py_ssize_t value(
    const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t last, unsigned char[::1] out,
    Py_ssize_t to, Py_ssize_t limit, Py_ssize_t[::1] stack,
) noexcept nogil

@cython.locals(
    i="Py_ssize_t", to="Py_ssize_t", limit="Py_ssize_t", done="Py_ssize_t",
    reached="Py_ssize_t",
)
cpdef Py_ssize_t walk(
    const unsigned char[::1] data, const Py_ssize_t[::1] start, const Py_ssize_t[::1] length,
    Py_ssize_t first, unsigned char[::1] out, Py_ssize_t[::1] ends, unsigned char[::1] bad,
    Py_ssize_t[::1] stack,
)
