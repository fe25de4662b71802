# C types for unscale.py, used where Cython compiles it.
cimport cython

@cython.locals(
    nullable=bint, i="Py_ssize_t", _k="Py_ssize_t", at="Py_ssize_t", digits="Py_ssize_t",
    header="unsigned int", weight="Py_ssize_t", behind="Py_ssize_t", total="long long",
)
cpdef int unscale(
    const unsigned char[::1] octets, const Py_ssize_t[::1] start, const int[::1] length,
    const unsigned char[::1] valid, unsigned int scale, const long long[::1] powers,
    long long[::1] out,
) except? -2
