# C types for sign.py, used where Cython compiles it.
cimport cython
from libc.string cimport memcpy

from pgtool.wal.crc cimport extend_crc32c

cdef bint IN_C
cdef unsigned int ONES
cdef int R_SIZE, R_LEN, R_PREV, R_CRC

@cython.locals(
    i="Py_ssize_t", p="unsigned char *", total="unsigned int", crc="unsigned int",
    before="unsigned long long",
)
cpdef void sign(
    unsigned char[::1] stream, const long long[::1] begin, const long long[::1] size,
    const long long[::1] prev,
)
