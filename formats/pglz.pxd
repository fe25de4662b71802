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
