# C types for assemble.py, used where Cython compiles it.
cimport cython

from pgtool.storage.pageedit cimport copy, lsn, put16, put32, set_lsn

cdef int MOST, R_SIZE, R_LEN, R_XID, R_PREV, R_INFO, R_RMID, B_SIZE, L_SIZE, B_FLAGS, B_LEN
cdef int HAS_DATA, WILL_INIT, SAME_REL, SHORT, LONG
cdef unsigned long long LOW_HALF

@cython.locals(
    at=int, size="Py_ssize_t", length="Py_ssize_t", flags=int, same=bint, entry=tuple,
    data=bytes, before="unsigned long long",
)
cpdef int assemble(
    bytearray out, list blocks, bytes main, tuple head, unsigned long long redo, bint images
) except -1
cdef void set_lsn_words(unsigned char *out, int at, unsigned long long value) noexcept
@cython.locals(entry=tuple)
cpdef int stamp(list blocks, unsigned long long end) except -1
