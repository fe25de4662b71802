# C types for jsonb_read.py, used where Cython compiles it.
cimport cython

from pgtool.types.digit_read cimport put_numeric

cdef int KIND, FIRST, LAST, COUNT, NEXT, SORTED, VALUE, _DEPTH, _KEYS, _DIGITS, _STRIDE
cdef long long _FSCALAR, _FOBJECT, _FARRAY, _HAS_OFF
cdef long long _STRING, _NUMERIC, _FALSE, _TRUE, _NULL, _CONTAINER

cdef Py_ssize_t skip(unsigned char[::1] text, Py_ssize_t at, Py_ssize_t end) noexcept nogil

@cython.locals(to="Py_ssize_t", byte=int)
cdef Py_ssize_t string(
    unsigned char[::1] text, Py_ssize_t at, Py_ssize_t end, Py_ssize_t[:, ::1] nodes,
    Py_ssize_t node,
) noexcept nogil

@cython.locals(
    negative=bint, begin="Py_ssize_t", value="long long", point="Py_ssize_t", byte=int,
    whole="Py_ssize_t", decimals="Py_ssize_t",
)
cdef Py_ssize_t number(
    unsigned char[::1] text, Py_ssize_t at, Py_ssize_t end, Py_ssize_t[:, ::1] nodes,
    Py_ssize_t node,
) noexcept nogil

cdef Py_ssize_t literal(
    unsigned char[::1] text, Py_ssize_t at, Py_ssize_t end, Py_ssize_t[:, ::1] nodes,
    Py_ssize_t node,
) noexcept nogil

@cython.locals(node="Py_ssize_t", byte=int)
cdef Py_ssize_t value(
    unsigned char[::1] text, Py_ssize_t at, Py_ssize_t end, Py_ssize_t[:, ::1] nodes, int depth,
) noexcept nogil

@cython.locals(
    pairs=bint, closing=int, last="Py_ssize_t", key="Py_ssize_t", item="Py_ssize_t", byte=int,
)
cdef Py_ssize_t members(
    unsigned char[::1] text, Py_ssize_t at, Py_ssize_t end, Py_ssize_t[:, ::1] nodes,
    Py_ssize_t node, int depth,
) noexcept nogil

@cython.locals(
    before="Py_ssize_t", item="Py_ssize_t", size="Py_ssize_t", order="Py_ssize_t",
    k="Py_ssize_t", fits=bint,
)
cdef bint enter(
    unsigned char[::1] text, Py_ssize_t[:, ::1] nodes, Py_ssize_t node, Py_ssize_t key,
) noexcept nogil

cdef void put_word(long long word, unsigned char[::1] out, Py_ssize_t to) noexcept nogil

@cython.locals(kind="long long", place="Py_ssize_t", size="Py_ssize_t")
cdef Py_ssize_t put_node(
    unsigned char[::1] text, Py_ssize_t[:, ::1] nodes, Py_ssize_t node,
    const Py_ssize_t[::1] powers, const int[::1] marks, unsigned char[::1] out,
    Py_ssize_t begin, Py_ssize_t to,
) noexcept nogil

@cython.locals(
    count="Py_ssize_t", pairs=bint, base="Py_ssize_t", place="Py_ssize_t", entry="Py_ssize_t",
    seen="Py_ssize_t", turn=int, item="Py_ssize_t", child="Py_ssize_t", before="Py_ssize_t",
    word="long long",
)
cdef Py_ssize_t put_container(
    unsigned char[::1] text, Py_ssize_t[:, ::1] nodes, Py_ssize_t node,
    const Py_ssize_t[::1] powers, const int[::1] marks, unsigned char[::1] out,
    Py_ssize_t begin, Py_ssize_t to,
) noexcept nogil

@cython.locals(base="Py_ssize_t", place="Py_ssize_t")
cdef Py_ssize_t put_scalar(
    unsigned char[::1] text, Py_ssize_t[:, ::1] nodes, const Py_ssize_t[::1] powers,
    const int[::1] marks, unsigned char[::1] out, Py_ssize_t begin,
) noexcept nogil

@cython.locals(i="Py_ssize_t", to="Py_ssize_t", end="Py_ssize_t", place="Py_ssize_t")
cpdef void read(
    unsigned char[::1] text, const Py_ssize_t[::1] start, const Py_ssize_t[::1] length,
    Py_ssize_t[:, ::1] nodes, const Py_ssize_t[::1] powers, const int[::1] marks,
    unsigned char[::1] out, Py_ssize_t[::1] at, Py_ssize_t[::1] size, unsigned char[::1] good,
)
