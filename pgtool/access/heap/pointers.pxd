# C types for pointers.py, used where Cython compiles it.
cimport cython

@cython.locals(
    found="Py_ssize_t", p="Py_ssize_t", k="Py_ssize_t", lower="Py_ssize_t", upper="Py_ssize_t",
    special="Py_ssize_t", pointer="unsigned int", offset="Py_ssize_t", length="Py_ssize_t",
    at="Py_ssize_t", header="Py_ssize_t", mask="unsigned short", count="Py_ssize_t",
    least="Py_ssize_t",
)
cpdef Py_ssize_t collect(
    const unsigned char[::1] octets, const unsigned short[::1] halves,
    const unsigned int[::1] words, Py_ssize_t pages, Py_ssize_t[::1] start, Py_ssize_t[::1] end,
    int[::1] page, int[::1] offnum, Py_ssize_t[::1] hoff, unsigned short[::1] infomask,
    unsigned short[::1] natts,
) except? -2
