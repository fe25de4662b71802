# C types for radix.py, used where Cython compiles it.
cimport cython

cdef int DIGIT

@cython.locals(
    n="Py_ssize_t", i="Py_ssize_t", k="Py_ssize_t", at=int, bits=int, mask="unsigned long long",
    digit="unsigned long long", total="Py_ssize_t", count="Py_ssize_t", here=bint,
)
cpdef void sort(
    unsigned long long[::1] words, unsigned long long[::1] spare, Py_ssize_t[::1] counts,
    int low, int high,
)
