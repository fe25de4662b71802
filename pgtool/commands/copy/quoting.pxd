# C types for quoting.py, used where Cython compiles it.
cimport cython

@cython.locals(
    i="Py_ssize_t", k="Py_ssize_t", whole="Py_ssize_t", found="Py_ssize_t",
    byte="unsigned char", part="unsigned char",
)
cpdef Py_ssize_t special_bytes(const unsigned char[::1] text) except? -1

@cython.locals(
    i="Py_ssize_t", k="Py_ssize_t", whole="Py_ssize_t", found="Py_ssize_t",
    byte="unsigned char", part="unsigned char",
)
cpdef Py_ssize_t csv_bytes(const unsigned char[::1] text) except? -1

@cython.locals(
    i="Py_ssize_t", k="Py_ssize_t", place="Py_ssize_t", extra="Py_ssize_t", hits="Py_ssize_t",
)
cpdef Py_ssize_t escaped_widths(
    const unsigned char[::1] src, const Py_ssize_t[::1] start, const Py_ssize_t[::1] length,
    const unsigned char[::1] letters, Py_ssize_t[::1] widths,
) except? -1

@cython.locals(
    i="Py_ssize_t", k="Py_ssize_t", place="Py_ssize_t", to="Py_ssize_t",
    byte="unsigned char", letter="unsigned char",
)
cpdef void write_escaped(
    const unsigned char[::1] src, const Py_ssize_t[::1] start, const Py_ssize_t[::1] length,
    const unsigned char[::1] letters, unsigned char[::1] out, const Py_ssize_t[::1] at,
)

@cython.locals(
    i="Py_ssize_t", k="Py_ssize_t", place="Py_ssize_t", extra="Py_ssize_t", needing="Py_ssize_t",
    needs=bint, kind="unsigned char",
)
cpdef Py_ssize_t quoted_widths(
    const unsigned char[::1] src, const Py_ssize_t[::1] start, const Py_ssize_t[::1] length,
    const unsigned char[::1] kinds, Py_ssize_t[::1] widths,
) except? -1

@cython.locals(
    i="Py_ssize_t", k="Py_ssize_t", place="Py_ssize_t", to="Py_ssize_t", byte="unsigned char",
)
cpdef void write_quoted(
    const unsigned char[::1] src, const Py_ssize_t[::1] start, const Py_ssize_t[::1] length,
    const Py_ssize_t[::1] widths, unsigned char[::1] out, const Py_ssize_t[::1] at,
)
