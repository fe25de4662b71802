# C types for redobuffer.py, used where Cython compiles it.

cdef class RedoBuffer:
    cdef public tuple key
    cdef public bytearray page
    cdef public bint dirty
