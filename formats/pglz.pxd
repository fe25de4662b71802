# C types for pglz.py, used where Cython compiles it.
import cython

@cython.locals(
    src="const unsigned char *", dst="unsigned char *", by_slices=bint,
    pos="Py_ssize_t", made="Py_ssize_t", control="unsigned int",
    count="Py_ssize_t", distance="Py_ssize_t", back="Py_ssize_t", i="Py_ssize_t",
)
cpdef Py_ssize_t inflate(
    bytes data, Py_ssize_t length, bytearray target, Py_ssize_t size, bint complete
) except? -2

cdef Py_ssize_t MIN_INPUT, MAX_DISTANCE, FIRST_MATCH_BY, GOOD_MATCH, _HISTORY, MAX_MATCH

cdef int hashed(const unsigned char *src, Py_ssize_t pos, Py_ssize_t length, int mask) noexcept

@cython.locals(
    src="const unsigned char *", dst="unsigned char *", pos="Py_ssize_t", link="int[:]",
    made="Py_ssize_t", control_at="Py_ssize_t", control="unsigned int", items=bint, matched=bint,
    bit="unsigned int", best="Py_ssize_t", distance="Py_ssize_t", bucket="int", good="Py_ssize_t",
    place="Py_ssize_t", count="Py_ssize_t", longest="Py_ssize_t", farthest="Py_ssize_t",
    wrap="Py_ssize_t",
)
cpdef Py_ssize_t deflate(
    bytes data, Py_ssize_t length, bytearray target, Py_ssize_t limit, int[:] heads, int mask,
    int[:] chain
) except? -2
